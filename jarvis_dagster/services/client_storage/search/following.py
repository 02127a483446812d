"""One run over one drive: its changes, or its full listing where they are not known.

Belongs here: what is done with each file and folder. Does not belong here:
tables (``store.py``), content (``contents.py``), who sees what (``sharing.py``).

Each file is written whole: its words together with those who may see them. The
change token moves on after everything before it was written, so a run that is
killed is repeated from there, and what was written already is only looked at.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from jarvis_dagster.errors import (
    BadInputError,
    PermanentError,
    TokenExpiredError,
    TransientError,
)
from jarvis_dagster.services.client_storage.search.contents import Outcome
from jarvis_dagster.services.client_storage.search.file_table import UNSURE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile
    from jarvis_dagster.services.client_storage.search.ahead import Ahead
    from jarvis_dagster.services.client_storage.search.contents import Contents
    from jarvis_dagster.services.client_storage.search.drive_table import DriveState
    from jarvis_dagster.services.client_storage.search.file_lookup import Known
    from jarvis_dagster.services.client_storage.search.preparing import Prepared, Preparer
    from jarvis_dagster.services.client_storage.search.report import IndexReport
    from jarvis_dagster.services.client_storage.search.sharing import Sharing
    from jarvis_dagster.services.client_storage.search.store import IndexStore
    from jarvis_dagster.services.client_storage.search.visibility import Readers

__all__ = ["Run"]

_LOG = logging.getLogger(__name__)
_OUTAGE = 5
"""After so many files in a row that cannot be fetched, the drive is asked how it is."""


class Run:
    """One run over one drive."""

    def __init__(
        self,
        store: IndexStore,
        drive: Drive,
        state: DriveState,
        contents: Contents,
        preparer: Preparer,
        ahead: Ahead,
        sharing: Sharing,
        report: IndexReport,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._store = store
        self._drive = drive
        self._contents = contents
        self._report = report
        self._progress = progress
        self._state = state
        self._preparer = preparer
        self._ahead = ahead
        self._sharing = sharing
        self._generation = state.generation
        self._failures = 0
        self._tried: set[str] = set()

    def go(self, *, full: bool, retry: bool) -> None:
        """Bring the index up to date; see :func:`~.indexing.index_drive`."""
        try:
            token = None if full else self._state.token
            if token is not None:
                token = self._follow(token)
            if token is None:
                self._follow(self._list_everything())
            self._try_again(retry=retry)
            readers_at = self._sharing.refresh()
            self._store.remove_unused()
            self._store.drives.set_complete(self._state.id, readers_at=readers_at)
        finally:
            self._store.commit()
        self._tell_problems()

    def _list_everything(self) -> str:
        """List the drive and remove what is not in it; the token from before the listing."""
        self._report.full = True
        self._generation = self._store.drives.begin_listing(self._state.id)
        token = self._drive.start_token()
        files = _folders_first(self._drive.list_all(recursive=True))
        self._apply(files, complete=True)
        self._report.removed += self._store.files.remove_unseen(self._state.id, self._generation)
        self._store.drives.set_token(self._state.id, token)
        self._store.commit()
        return token

    def _follow(self, token: str) -> str | None:
        """Apply the changes since ``token``; None if the drive no longer knows it."""
        while True:
            try:
                page = self._drive.changes(token)
            except (TokenExpiredError, BadInputError) as error:
                _LOG.warning("%s Everything is listed again.", error)
                return None
            latest = {file.id: file for file in page.files}
            # Both a file and a removal: trashed and brought back, or the other way round.
            back = [key for key in page.removed if key in latest and self._drive.stat(key)]
            gone = [key for key in page.removed if key not in back]
            # Files first: what was moved out of a folder does not go with it.
            files = [file for file in latest.values() if file.id not in gone]
            self._apply(files, complete=False)
            for file_id in gone:
                self._report.removed += self._store.files.remove(self._state.id, file_id)
            token = page.token
            self._store.drives.set_token(self._state.id, token)
            self._store.commit()
            if not page.more:
                return token

    def _apply(self, files: list[DriveFile], *, complete: bool) -> None:
        """Bring files into the index; ``complete`` if those in new folders are among them.

        The next files are fetched ahead, but none behind a folder: what is known
        of a folder's readers has to be older than what is known of its files', so
        that the next run sees it if somebody was let in or shut out meanwhile.
        """
        for number, (file, prepared) in enumerate(self._ahead.in_order(files, self._plan), 1):
            if prepared is None:
                self._folder(file, complete=complete)
            else:
                self._file(file, prepared())
            self._store.commit_now_and_then()
            if self._progress is not None:
                self._progress(number, len(files))

    def _plan(self, file: DriveFile) -> Callable[[], Prepared] | None:
        """What the drive has to be asked for a file; None for a folder."""
        if file.is_folder:
            return None
        return self._preparer.plan(file, self._store.files.get(self._state.id, file.id))

    def _file(self, file: DriveFile, prepared: Prepared) -> None:
        known, outcome = prepared.known, prepared.outcome
        if prepared.fetched is not None:
            try:
                outcome = self._contents.of(file, prepared.fetched)
                self._failures = 0
            except TransientError as error:
                outcome = self._later(file.id, known, error)
        if outcome is None:
            self._report.removed += self._store.files.remove(self._state.id, file.id)
            return
        self._put(file, known, outcome, prepared.readers)

    def _later(self, file_id: str, known: Known | None, error: TransientError) -> Outcome:
        """The file stays what it was until the next run tries again."""
        self._failures += 1
        self._tried.add(file_id)
        if self._failures % _OUTAGE == 0:
            self._drive.check()  # raises if it is the drive, and not these files alone
        if known is None:
            return Outcome("later", error.what, version="")
        return Outcome("later", error.what, known.content_id, known.version)

    def _folder(self, file: DriveFile, *, complete: bool) -> None:
        """A folder that is new or moved changes all below it, which a drive need not tell.

        It is written after what is below it, so that a run that is killed before
        finds it unknown again.
        """
        known = self._store.files.get(self._state.id, file.id)
        readers = self._sharing.ask(file.id)
        outcome = Outcome("name")
        if known is not None and (known.path != file.path or known.readers_key != readers.key):
            self._sharing.below(file.id)
        if not complete and (known is None or known.state == "later"):
            outcome = self._what_is_in(file)
        if known is not None and known.path != file.path:
            self._store.files.move_below(self._state.id, file.id, known.path, file.path)
        self._put(file, known, outcome, readers)

    def _what_is_in(self, folder: DriveFile) -> Outcome:
        """Bring in what is below a folder that was not known."""
        try:
            files = list(self._drive.list_all(folder.id, recursive=True))
        except PermanentError as error:  # gone again, or not for Jarvis to see
            return Outcome("later", error.what)
        self._apply(_folders_first(files), complete=True)
        return Outcome("name")

    def _put(
        self, file: DriveFile, known: Known | None, outcome: Outcome, readers: Readers
    ) -> None:
        if known is not None and known.readers_key != readers.key:
            self._report.readers_changed += 1
        if known is None:
            self._report.added += 1
        elif known.path != file.path:
            self._report.renamed += 1
        if known is not None and known.content_id != outcome.content_id:
            self._report.updated += 1
        self._store.files.put(
            self._state.id,
            file,
            state=outcome.state if readers.sure else "later",
            reason=outcome.reason if readers.sure else UNSURE,
            content_id=outcome.content_id,
            version=outcome.version,
            readers=readers,
            generation=self._generation,
        )

    def _try_again(self, *, retry: bool) -> None:
        waiting = self._store.files.in_state(self._state.id, "later")
        waiting += self._store.files.outdated(self._state.id)
        if retry:
            waiting += self._store.files.in_state(self._state.id, "unreadable")
        found: list[DriveFile] = []
        for known in {known.id: known for known in waiting}.values():
            if known.file_id in self._tried:
                continue
            file = self._drive.stat(known.file_id)
            if file is None:
                self._report.removed += self._store.files.remove(self._state.id, known.file_id)
            else:
                self._store.files.try_later(known, known.reason)
                found.append(file)
        self._apply(found, complete=False)

    def _tell_problems(self) -> None:
        self._report.failed = _reasons(self._store.files.in_state(self._state.id, "unreadable"))
        self._report.waiting = _reasons(self._store.files.in_state(self._state.id, "later"))


def _folders_first(files: Iterable[DriveFile]) -> list[DriveFile]:
    """From the top down; see :meth:`Run._apply`."""
    return sorted(files, key=lambda file: (not file.is_folder, file.path.count("/")))


def _reasons(files: Iterable[Known]) -> list[tuple[str, str]]:
    return [(file.path, file.reason) for file in files]
