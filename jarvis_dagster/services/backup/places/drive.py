"""A backup in a folder of a drive.

Belongs here: blobs as files, through the interface that all drives have. Does
not belong here: any provider.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConflictError
from jarvis_dagster.services.backup.places.base import Blob, Place, is_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile

__all__ = ["DrivePlace"]


class DrivePlace(Place):
    """Blobs as files below a folder of a drive; what is removed goes to the drive's trash.

    The folder is for backups alone: a person who sorts it breaks them.
    """

    def __init__(self, drive: Drive, name: str, folder: str) -> None:
        self._drive = drive
        self._folder = folder.strip("/")
        self._ids: dict[str, str | None] = {}
        self.where = f"drive://{name}/{self._folder}"

    def put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        folder_id = self._made(path.rpartition("/")[0])
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "blob"
            file.write_bytes(data)
            try:
                self._send(file, folder_id, path)
            except ConflictError:  # replaced by another process in this moment
                self._send(file, folder_id, path)

    def get(self, name: str) -> bytes | None:
        found = self._drive.find(self._path(name))
        if found is None or found.is_folder:
            return None
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "blob"
            self._drive.download(found.id, file)
            return file.read_bytes()

    def list(self, prefix: str = "") -> Iterator[Blob]:
        below = f"{self._folder}/{prefix.rpartition('/')[0]}".rstrip("/")
        start = self._drive.find(below)
        if start is None:
            return
        for found in self._drive.list_all(start.id, recursive=True):
            name = found.path.removeprefix(f"{self._folder}/")
            if not found.is_folder and name.startswith(prefix) and is_name(name):
                yield Blob(name, found.size, found.modified)

    def delete(self, name: str) -> None:
        found = self._drive.find(self._path(name))
        if found is not None:
            self._drive.trash(found.id)

    def _send(self, file: Path, folder_id: str | None, path: str) -> DriveFile:
        there = self._drive.find(path)
        name = path.rpartition("/")[2]
        return self._drive.upload(file, folder_id, name, replace=there, exact=True)

    def _made(self, path: str) -> str | None:
        """The id of a folder, which is made with those above it."""
        if not path:
            return None
        if path not in self._ids:
            above, _, name = path.rpartition("/")
            self._ids[path] = self._drive.create_folder(name, self._made(above)).id
        return self._ids[path]

    def _path(self, name: str) -> str:
        if not is_name(name):
            raise ValueError(f"{name!r} is no name of a blob")
        return f"{self._folder}/{name}"
