"""What one file of a drive says: fetched, and read where its bytes are new.

Belongs here: whether a file is fetched at all, and what becomes of it. Does not
belong here: which files (``indexing.py``), how they are read (``extraction.py``).
"""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

from jarvis_dagster.errors import (
    BadInputError,
    NotSupportedError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.client_storage.local import LocalFolderDrive
from jarvis_dagster.services.client_storage.local_tree import disk_errors
from jarvis_dagster.services.client_storage.search.formats import may_hold_text
from jarvis_dagster.services.files import sha256_file

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile
    from jarvis_dagster.services.client_storage.search.config import SearchConfig
    from jarvis_dagster.services.client_storage.search.extraction import Extractor
    from jarvis_dagster.services.client_storage.search.file_lookup import State
    from jarvis_dagster.services.client_storage.search.report import IndexReport
    from jarvis_dagster.services.client_storage.search.store import IndexStore

__all__ = ["Contents", "Outcome"]

_NO_OWN_BYTES = "application/vnd.google-apps."
"""Documents that are made when they are fetched: their size says nothing."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What is known of a file's content; ``version`` is of the bytes that were read."""

    state: State
    reason: str = ""
    content_id: int | None = None
    version: str | None = None


class Contents:
    """Fetches files and has them read.

    Args:
        scratch: A folder for the file at hand.
        retry: Whether to read again what could not be read.
    """

    def __init__(
        self,
        drive: Drive,
        store: IndexStore,
        extractor: Extractor,
        config: SearchConfig,
        scratch: Path,
        report: IndexReport,
        *,
        retry: bool = False,
    ) -> None:
        self._drive = drive
        self._store = store
        self._extractor = extractor
        self._config = config
        self._scratch = scratch
        self._report = report
        self._retry = retry

    def look(self, file: DriveFile) -> Outcome | None:
        """Make the file's content part of the index; None if the file is gone.

        Raises:
            TransientError: it could not be fetched now.
        """
        promised = may_hold_text(file.name, file.media_type)
        if promised is None:
            return Outcome("name")
        if not file.media_type.startswith(_NO_OWN_BYTES):
            if file.size == 0:
                return Outcome("name")
            if file.size > self._config.max_file_mb << 20:
                return Outcome("unreadable", f"is larger than {self._config.max_file_mb} MB")
        known = self._known(file.sha256, promised) if file.sha256 else None
        return known or self._fetched(file, promised)

    def _fetched(self, file: DriveFile, promised: str) -> Outcome | None:
        path = self._scratch / "file"
        try:
            fetched = self._fetch(file, path)
        except NotSupportedError as error:
            return Outcome("name", error.what)
        except BadInputError as error:
            return None if self._drive.stat(file.id) is None else Outcome("unreadable", error.what)
        except PermanentError as error:
            return Outcome("unreadable", error.what)
        try:
            self._report.fetched += 1
            sha256 = sha256_file(path)
            known = self._known(sha256, promised)
            if known is None:
                found = self._extractor.extract(path, promised)
                self._report.extracted += 1
                content_id = self._store.contents.put(sha256, promised, found)
                known = _outcome(content_id, found.reason)
            return dataclasses.replace(known, version=fetched.version)
        finally:
            path.unlink(missing_ok=True)

    def _fetch(self, file: DriveFile, path: Path) -> DriveFile:
        if not isinstance(self._drive, LocalFolderDrive):
            return self._drive.download(file.id, path)
        # A download is flushed to the disk, twice, which here takes longer than all
        # else together, and protects a copy that is thrown away at once.
        for _ in range(2):
            with disk_errors(file.path):
                shutil.copyfile(self._drive.root / file.id, path)
            now = self._drive.stat(file.id)
            if now is None:
                raise BadInputError(f"{file.path} is gone.")
            if now.version == file.version:
                return now
            file = now  # changed since it was listed, and perhaps still changing
        raise TransientError(f"{file.path} changed while it was read.")

    def _known(self, sha256: str, promised: str) -> Outcome | None:
        found = self._store.contents.find(sha256, promised, retry=self._retry)
        return None if found is None else _outcome(*found)


def _outcome(content_id: int, reason: str) -> Outcome:
    return Outcome("unreadable" if reason else "text", reason, content_id)
