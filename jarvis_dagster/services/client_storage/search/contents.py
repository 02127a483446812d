"""What one file of a drive says: whether it is fetched, and read where its bytes are new.

Belongs here: what becomes of a file's content. Does not belong here: which files
(``following.py``), fetching (``fetching.py``), reading (``extraction.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.errors import (
    BadInputError,
    JarvisError,
    NotSupportedError,
    PermanentError,
)
from jarvis_dagster.services.client_storage.search.formats import may_hold_text

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile
    from jarvis_dagster.services.client_storage.search.config import SearchConfig
    from jarvis_dagster.services.client_storage.search.extraction import Extractor
    from jarvis_dagster.services.client_storage.search.fetching import Fetched
    from jarvis_dagster.services.client_storage.search.file_lookup import State
    from jarvis_dagster.services.client_storage.search.report import IndexReport
    from jarvis_dagster.services.client_storage.search.store import IndexStore

__all__ = ["Contents", "Outcome"]

_PLAIN = ("text", "html", "captions", "json")
"""Formats without anything to say in an empty file; others may be made when they
are fetched, as documents of Google, and have no size before."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What is known of a file's content; ``version`` is of the bytes that were read."""

    state: State
    reason: str = ""
    content_id: int | None = None
    version: str | None = None


class Contents:
    """Makes what files say part of the index.

    Args:
        retry: Whether to read again what could not be read.
    """

    def __init__(
        self,
        drive: Drive,
        store: IndexStore,
        extractor: Extractor,
        config: SearchConfig,
        report: IndexReport,
        *,
        retry: bool = False,
    ) -> None:
        self._drive = drive
        self._store = store
        self._extractor = extractor
        self._most_bytes = config.max_file_mb << 20
        self._report = report
        self._retry = retry

    def without_fetching(self, file: DriveFile) -> Outcome | None:
        """What can be said of a file as it is; None if it has to be fetched."""
        promised = may_hold_text(file.name, file.media_type)
        if promised is None:
            return Outcome("name")
        if file.size == 0 and promised in _PLAIN:
            return Outcome("name")
        if file.size > self._most_bytes:
            return Outcome("unreadable", f"is larger than {self._most_bytes >> 20} MB")
        return self._known(file.sha256, promised) if file.sha256 else None

    def of(self, file: DriveFile, fetched: Fetched | JarvisError) -> Outcome | None:
        """What a fetched file says; None if it is gone.

        Args:
            fetched: The copy, which is removed, or why there is none.

        Raises:
            TransientError: it could not be fetched now.
        """
        if isinstance(fetched, JarvisError):
            return self._unfetched(file, fetched)
        try:
            self._report.fetched += 1
            promised = may_hold_text(file.name, file.media_type) or "text"
            known = self._known(fetched.sha256, promised)
            if known is None:
                found = self._extractor.extract(fetched.path, promised)
                self._report.extracted += 1
                content_id = self._store.contents.put(fetched.sha256, promised, found)
                known = _outcome(content_id, found.reason)
            return dataclasses.replace(known, version=fetched.file.version)
        finally:
            fetched.path.unlink(missing_ok=True)

    def _unfetched(self, file: DriveFile, error: JarvisError) -> Outcome | None:
        if isinstance(error, NotSupportedError):
            return Outcome("name", error.what)
        if isinstance(error, BadInputError) and self._drive.stat(file.id) is None:
            return None
        if isinstance(error, PermanentError):
            return Outcome("unreadable", error.what)
        raise error

    def _known(self, sha256: str, promised: str) -> Outcome | None:
        found = self._store.contents.find(sha256, promised, retry=self._retry)
        return None if found is None else _outcome(*found)


def _outcome(content_id: int, reason: str) -> Outcome:
    return Outcome("unreadable" if reason else "text", reason, content_id)
