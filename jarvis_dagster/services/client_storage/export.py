"""One export: files into a folder of a drive, and the manifest that lists them.

Belongs here: what is exported under which name; what is replaced, kept and
trashed. Does not belong here: whether it may be (``service.py``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.services.client_storage.content import kind_of_content
from jarvis_dagster.services.client_storage.manifest import (
    MANIFEST_NAME,
    Manifest,
    ManifestEntry,
)
from jarvis_dagster.services.files import readable_file, safe_name, sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile

__all__ = ["Export", "is_wanted", "named_results", "require_room"]


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


def require_room(drive: Drive, drive_name: str, size: int) -> None:
    """Refuse an export that the drive has no room for."""
    free = drive.quota().free
    if free is not None and free < size:
        raise PermanentError(
            f"The drive {drive_name} has {free:,} bytes left, and {size:,} are to be put there.",
            "Free some space in it, or get more of the provider.",
        )


def is_wanted(path: Path, wanted: set[str] | None) -> bool:
    """Whether a file is of one of these kinds, by its name's extension or its content."""
    if wanted is None or path.suffix.lower() in wanted:
        return True
    return kind_of_content(path) in wanted


def named_results(
    results: Sequence[str | Path] | Mapping[str, str | Path],
) -> list[tuple[str, Path]]:
    """Safe names in the folder and their files; refuses two files of one name."""
    items: Iterable[tuple[str, str | Path]]
    if isinstance(results, str | Path):
        raise BadInputError("Results are a list of files, not one file.", "Put it into a list.")
    items = (
        results.items()
        if hasattr(results, "items")
        else ((Path(path).name, path) for path in results)
    )
    named: dict[str, Path] = {}
    for name, path in items:
        parts = name.split("/")
        if not all(parts) or {".", ".."} & set(parts):
            raise BadInputError(f"{name!r} is not a name for a result.", "Use plain/path/names.")
        safe = "/".join(safe_name(part) for part in parts)
        if safe.lower() in {known.lower() for known in (*named, MANIFEST_NAME)}:
            raise BadInputError(
                f"Two results are named {safe}.", "Pass a mapping of different names to files."
            )
        named[safe] = readable_file(path)
    return list(named.items())
