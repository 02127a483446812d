"""Keeps those who may see a file what the drive says they are.

Belongs here: when a drive is asked who sees a file. Does not belong here: what
a permission means (``visibility.py``), the filter (``hits.py``).

A drive tells of a new reader of a folder, if at all, with the folder alone. So
where the readers of a folder changed, all below it are asked again. A drive may
not tell that a reader was taken away: what was shared itself is asked every time.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.client_storage.search.visibility import (
    NOBODY,
    UNKNOWN,
    Readers,
    readers_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.client_storage.drive import Drive
    from jarvis_dagster.services.client_storage.search.ahead import Ahead
    from jarvis_dagster.services.client_storage.search.config import SearchConfig
    from jarvis_dagster.services.client_storage.search.drive_table import DriveState
    from jarvis_dagster.services.client_storage.search.file_lookup import Known
    from jarvis_dagster.services.client_storage.search.report import IndexReport
    from jarvis_dagster.services.client_storage.search.store import IndexStore

__all__ = ["Sharing"]


class Sharing:
    """The readers of a drive's files, during one run."""

    def __init__(
        self,
        store: IndexStore,
        drive: Drive,
        state: DriveState,
        ahead: Ahead,
        config: SearchConfig,
        report: IndexReport,
    ) -> None:
        self._store = store
        self._drive = drive
        self._state = state
        self._ahead = ahead
        self._max_age_s = config.readers_max_age_h * 3600
        self._report = report
        self._asked: set[str] = set()

    def refresh(self) -> float:
        """Ask again where readers may have been taken away; when all were asked last."""
        now = time.time()
        if not self._drive.can_share:
            self._store.files.hide(self._state.id)
            return now
        if self._report.full or now - self._state.readers_at >= self._max_age_s:
            self._all_again()
            return now
        for known in self._store.files.sharing_roots(self._state.id):
            if known.file_id not in self._asked:
                self._look_again(known)
        return self._state.readers_at

    def _all_again(self) -> None:
        """Folders first, so that what is known of them is older than what is of their files."""
        everything = self._store.files.all_of(self._state.id)
        everything.sort(key=lambda known: known.path.count("/"))
        for folders in (True, False):
            waiting = [
                known
                for known in everything
                if known.is_folder == folders and known.file_id not in self._asked
            ]
            for known, ask in self._ahead.in_order(waiting, self._asking):
                assert ask is not None
                self._note(known, ask())

    def _asking(self, known: Known) -> Callable[[], Readers]:
        return functools.partial(self.ask, known.file_id)

    def _look_again(self, known: Known) -> None:
        fresh = self.ask(known.file_id)
        if fresh.key == known.readers_key and fresh.shared_here == known.shared_here:
            return
        if known.is_folder:
            self.below(known.file_id)
        if "/" not in known.path:
            self._beside(known)
        self._note(known, fresh)

    def below(self, folder_id: str) -> None:
        """Ask for all below a folder, the deepest first: the folder itself comes last."""
        for known in reversed(self._store.files.below(self._state.id, folder_id)):
            self._again(known)

    def _beside(self, known: Known) -> None:
        """Ask for all that had the same readers from the drive as a whole."""
        for other in self._store.files.at_top(self._state.id, known.readers_key):
            if other.id == known.id:
                continue
            if other.is_folder:
                self.below(other.file_id)
            self._again(other)

    def _again(self, known: Known) -> None:
        self._note(known, self.ask(known.file_id))

    def _note(self, known: Known, fresh: Readers) -> None:
        if fresh.key != known.readers_key or fresh.shared_here != known.shared_here:
            self._report.readers_changed += 1
            self._store.files.set_readers(known, fresh)
        self._store.commit_now_and_then()

    def ask(self, file_id: str) -> Readers:
        """Who sees a file now, asked in any thread; nobody where the drive does not tell.

        Raises:
            TransientError: the drive cannot be reached.
        """
        if not self._drive.can_share:
            return NOBODY
        self._asked.add(file_id)
        try:
            return readers_of(self._drive.permissions(file_id))
        except PermanentError:  # gone, or not for Jarvis to know: then nobody is safe
            return NOBODY
        except TransientError:
            self._drive.check()  # raises if it is the drive, and not this file alone
            return UNKNOWN
