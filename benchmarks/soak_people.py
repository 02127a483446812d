"""People who change what is in a drive, for the soaks; and what is in it.

Belongs here: what they do. Does not belong here: what is killed meanwhile (``soak_copies.py``).
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from jarvis_dagster.services.client_storage import Drive
    from jarvis_dagster.services.client_storage.values import DriveFile

__all__ = ["People", "held"]


class People:
    """Who change a drive: its files by path, each with content that no other has."""

    def __init__(self, chance: random.Random, folder: Path) -> None:
        self._chance, self._folder = chance, folder

    def content(self) -> bytes:
        """Bytes that nobody else writes."""
        most = self._chance.choice([100, 5_000, 400_000])
        return self._chance.randbytes(self._chance.randint(16, most))

    def add(self, drive: Drive) -> bytes:
        """Write a new file somewhere."""
        content, local = self.content(), self._folder / "written"
        local.write_bytes(content)
        parent = None
        if self._chance.random() < 0.7:
            parent = _folder(drive, self._chance.choice("abc"))
        drive.upload(local, parent, name=f"{self._chance.randrange(10**9)}.bin")
        return content

    def change(self, drive: Drive) -> bytes | None:
        """Overwrite, rename, move or delete a file; what was written, if anything was."""
        everything = list(drive.list_all(recursive=True))
        files = [one for one in everything if _is_content(one)]
        folders = [one for one in everything if one.is_folder]
        if not files or self._chance.random() < 0.3:
            return self.add(drive)
        what, file = self._chance.random(), self._chance.choice(files)
        if what < 0.35:
            content, local = self.content(), self._folder / "written"
            local.write_bytes(content)
            drive.upload(local, _parent(file.path, folders), name=file.name, replace=file)
            return content
        if what < 0.6:
            drive.move(file.id, name=f"{self._chance.randrange(10**9)}.bin")
        elif what < 0.7 and folders:
            drive.move(self._chance.choice(folders).id, name=f"d{self._chance.randrange(10**6)}")
        else:
            drive.trash(file.id)
        return None


def _is_content(file: DriveFile) -> bool:
    """Whether it is a file of people, and not the mark of a synchronisation."""
    return not file.is_folder and not file.name.startswith("jarvis-sync-")


def _folder(drive: Drive, name: str) -> str:
    found = [one for one in drive.list_all() if one.is_folder and one.name == name]
    return found[0].id if found else drive.create_folder(name).id


def _parent(path: str, folders: list[DriveFile]) -> str | None:
    above = path.rpartition("/")[0]
    return next((one.id for one in folders if one.path == above), None)


def held(drive: Drive) -> dict[str, str]:
    """The hash of each file's content by its path."""
    return {
        one.path: hashlib.sha256(_read(drive, one.id)).hexdigest()
        for one in drive.list_all(recursive=True)
        if _is_content(one)
    }


def _read(drive: Drive, file_id: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        drive.download(file_id, Path(folder) / "x")
        return (Path(folder) / "x").read_bytes()
