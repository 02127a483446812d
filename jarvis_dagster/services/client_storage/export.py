"""One export: files into a folder of a drive, and the manifest that lists them.

Belongs here: what is replaced, kept and trashed. Does not belong here: names
and arguments (``service.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.manifest import (
    MANIFEST_NAME,
    Manifest,
    ManifestEntry,
)
from jarvis_dagster.services.files import sha256_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile

__all__ = ["Export"]


class Export:
    """Files into one folder.

    The manifest first names what is about to be written, so that the next
    export knows the files of one that was interrupted as Jarvis' own.
    """

    def __init__(self, drive: Drive, folder_id: str | None, scratch: Path) -> None:
        self._drive = drive
        self._folder_id = folder_id
        self._scratch = scratch
        self._there = self._list()
        self._before = self._read()

    def run(
        self, named: Sequence[tuple[str, Path]], *, about: Mapping[str, str] | None, complete: bool
    ) -> list[str]:
        """Export files under their names in the folder; returns their ids."""
        wanted = [
            ManifestEntry(file=name, size=path.stat().st_size, sha256=sha256_file(path))
            for name, path in named
        ]
        old = {entry.file: entry for entry in self._before.files}
        changing = [entry for entry in wanted if old.get(entry.file) != entry]
        if changing:
            pending = [*self._before.pending, *changing]
            self._write(self._before.model_copy(update={"pending": pending}))
        files = [self._put(e.file, path) for e, (_, path) in zip(wanted, named, strict=True)]
        entries = [
            entry.model_copy(update={"file": _renamed(entry.file, file.name)})
            for entry, file in zip(wanted, files, strict=True)
        ]
        current = {entry.file for entry in entries}
        stale = [
            entry
            for entry in (*self._before.files, *self._before.pending)
            if entry.file not in current and entry.file in self._there
        ]
        kept = [] if complete else [entry for entry in stale if entry in self._before.files]
        about = self._before.about if about is None else about
        self._write(Manifest(about=dict(about), files=[*entries, *kept]))
        if complete:
            for name in {entry.file for entry in stale}:
                if mine := self._own(name):
                    self._drive.trash(mine.id)
        return [file.id for file in files]

    def _put(self, name: str, path: Path) -> DriveFile:
        parent = self._folder_id
        *folders, last = name.split("/")
        for folder in folders:
            parent = self._drive.create_folder(folder, parent).id
        return self._drive.upload(path, parent, last, replace=self._own(name))

    def _own(self, name: str) -> DriveFile | None:
        """The file of that name if it still is what Jarvis wrote."""
        file = self._there.get(name)
        if file is None or not self._before.is_own(name, self._drive.sha256(file.id)):
            return None
        return file

    def _list(self) -> dict[str, DriveFile]:
        """The files under the folder by their path from it."""
        folder = self._drive.stat(self._folder_id) if self._folder_id is not None else None
        skip = len(folder.path) + 1 if folder is not None else 0
        return {
            file.path[skip:]: file
            for file in self._drive.list_all(self._folder_id, recursive=True)
            if not file.is_folder
        }

    def _read(self) -> Manifest:
        file = self._there.get(MANIFEST_NAME)
        if file is None:
            return Manifest()
        self._drive.download(file.id, self._scratch / "before.json")
        return Manifest.read(self._scratch / "before.json")

    def _write(self, manifest: Manifest) -> None:
        path = manifest.write(self._scratch / MANIFEST_NAME)
        self._there[MANIFEST_NAME] = self._drive.upload(
            path, self._folder_id, replace=self._there.get(MANIFEST_NAME)
        )


def _renamed(file: str, name: str) -> str:
    folder = file.rpartition("/")[0]
    return f"{folder}/{name}" if folder else name
