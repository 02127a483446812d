"""The files and folders below a prefix of the object store.

Belongs here: paths, and what is at them. Does not belong here: anything that
changes an object (``store_drive.py``).
"""

from __future__ import annotations

import datetime
import unicodedata
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.drive import DriveFile, is_temporary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.client_storage.sync.store_objects import Object, Objects

__all__ = ["FOLDER", "TRASH", "StoreTree", "folder_at"]

FOLDER = ".folder"
"""The object of a folder that may be empty."""

TRASH = ".trash"
"""The folder of what was trashed."""

_LONG_AGO = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class StoreTree:
    """Reads what is below ``prefix``; ids are the paths from there."""

    def __init__(self, objects: Objects, prefix: str) -> None:
        self.objects = objects
        self.prefix = prefix

    def walk(self, folder_id: str | None, *, recursive: bool) -> Iterator[DriveFile]:
        """The visible entries of a folder, and of those below, in the order of paths."""
        if folder_id is not None:
            self.folder(folder_id)
        start = f"{folder_id}/" if folder_id else ""
        found: dict[str, DriveFile] = {}
        for path, thing in self._below(start):
            parts = path[len(start) :].split("/")
            if any(is_temporary(part) for part in parts if part != FOLDER):
                continue
            depths = range(1, len(parts)) if recursive else range(1, min(len(parts), 2))
            for depth in depths:
                folder = start + "/".join(parts[:depth])
                found.setdefault(folder, folder_at(folder))
            if parts[-1] != FOLDER and (recursive or len(parts) == 1):
                found[path] = _file(path, thing)
        yield from (found[path] for path in sorted(found))

    def _below(self, start: str) -> Iterator[tuple[str, Object]]:
        for thing in self.objects.below(self.prefix + start):
            path = thing.key[len(self.prefix) :]
            if path and not path.startswith(f"{TRASH}/"):
                yield path, thing

    def describe(self, file_id: str) -> DriveFile | None:
        """The file or folder; None where there is none."""
        _check(file_id)
        thing = self.objects.get(self.prefix + file_id)
        if thing is not None:
            return _file(file_id, thing)
        is_folder = next(self.keys(f"{file_id}/"), None) is not None
        return folder_at(file_id) if is_folder else None

    def keys(self, start: str) -> Iterator[str]:
        """The paths of all objects, hidden ones too, that begin with ``start``."""
        raw, size = self.objects.storage.raw, len(self.prefix)
        for info in raw.iter_objects(self.objects.bucket, self.prefix + start):
            yield info.key[size:]

    def find(self, path: str) -> DriveFile | None:
        """The file or folder at a path in any Unicode form; None where there is none."""
        _check(path)
        found = self.describe(path)
        if found is not None or path.isascii():
            return found
        wanted = unicodedata.normalize("NFC", path)
        return next((f for f in self.walk(None, recursive=True) if f.path == wanted), None)

    def existing(self, file_id: str) -> DriveFile:
        """A file or folder that is there."""
        file = self.describe(file_id)
        if file is None:
            raise BadInputError(f"{file_id} does not exist below {self.prefix}.")
        return file

    def file(self, file_id: str) -> DriveFile:
        """A file that is there."""
        file = self.existing(file_id)
        if file.is_folder:
            raise BadInputError(f"{file_id} is not a file.")
        return file

    def folder(self, folder_id: str) -> DriveFile:
        """A folder that is there."""
        folder = self.existing(folder_id)
        if not folder.is_folder:
            raise BadInputError(f"{folder_id} is not a folder.")
        return folder

    def path(self, folder_id: str | None, name: str) -> str:
        """The path of a name in a folder that is there."""
        return name if folder_id is None else f"{self.folder(folder_id).id}/{name}"


def _file(path: str, thing: Object) -> DriveFile:
    return DriveFile(
        id=path,
        path=unicodedata.normalize("NFC", path),
        size=thing.size,
        version=thing.version,
        modified=thing.modified,
        media_type=thing.media_type,
        sha256=thing.sha256,
        parent_id=path.rpartition("/")[0],
    )


def folder_at(path: str) -> DriveFile:
    return DriveFile(
        id=path,
        path=unicodedata.normalize("NFC", path),
        size=0,
        version="",
        modified=_LONG_AGO,
        media_type="",
        is_folder=True,
        parent_id=path.rpartition("/")[0],
    )


def _check(path: str) -> None:
    parts = path.split("/")
    if not all(parts) or {".", "..", TRASH, FOLDER} & set(parts) or "\0" in path:
        raise BadInputError(f"{path!r} is not a path in the drive.")
