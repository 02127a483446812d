"""Brings files of a drive here, for a moment.

Belongs here: the copy that is read, and its hash; any thread may ask for one.
Does not belong here: which files, and what becomes of them (``contents.py``).
"""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, TransientError
from jarvis_dagster.services.client_storage.local import LocalFolderDrive
from jarvis_dagster.services.client_storage.local_tree import disk_errors
from jarvis_dagster.services.files import sha256_file

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile

__all__ = ["Fetched", "Fetcher"]


@dataclasses.dataclass(frozen=True)
class Fetched:
    """A copy of a file, and what the drive says these bytes are."""

    path: Path
    file: DriveFile
    sha256: str


class Fetcher:
    """Copies files into ``scratch``; whoever gets a copy removes it."""

    def __init__(self, drive: Drive, scratch: Path) -> None:
        self._drive = drive
        self._scratch = scratch
        self._numbers = itertools.count()

    @property
    def waits(self) -> bool:
        """Whether fetching is mostly waiting, so that several at once are quicker."""
        return not isinstance(self._drive, LocalFolderDrive)

    def fetch(self, file: DriveFile) -> Fetched:
        """A copy of the file as it is now; errors as :meth:`Drive.download`."""
        path = self._scratch / f"file-{next(self._numbers)}"
        try:
            if isinstance(self._drive, LocalFolderDrive):
                fetched = _copied(self._drive, file, path)
            else:
                fetched = self._drive.download(file.id, path)
            return Fetched(path, fetched, sha256_file(path))
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _copied(drive: LocalFolderDrive, file: DriveFile, path: Path) -> DriveFile:
    """A plain copy.

    A download is flushed to the disk, twice, which here takes longer than all
    else together, and protects a copy that is thrown away at once.
    """
    for _ in range(2):
        with disk_errors(file.path):
            shutil.copyfile(drive.root / file.id, path)
        now = drive.stat(file.id)
        if now is None:
            raise BadInputError(f"{file.path} is gone.", "The next run takes it out of the index.")
        if now.version == file.version:
            return now
        file = now  # changed since it was listed, and perhaps still changing
    raise TransientError(
        f"{file.path} changed while it was read.", "It is read again at the next run."
    )
