"""What changed in a drive, for drives that keep no history of their own.

Belongs here: comparing a listing with the one before, and telling several
readers what changed since they asked last. Does not belong here: looking at a
drive (each provider), the rows on disk (``journal_store.py``).

The drive hands in what it sees; the journal numbers what is different. A file
is kept once, with the number of its last change, so the journal grows with the
files and not with their history. What was removed is kept as long as there is
room, and a reader who has not asked for longer than that has to list again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, TokenExpiredError
from jarvis_dagster.services.client_storage.drive import Changes
from jarvis_dagster.services.client_storage.journal_store import JournalStore, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import DriveFile

__all__ = ["ChangeJournal"]

_TOKEN = re.compile(r"([0-9a-f]{16}):([0-9]{1,18})")


class ChangeJournal:
    """The changes of one drive, in a SQLite file that threads and processes share.

    A file that cannot be read is replaced with a new one and a line in the log;
    tokens of the old one have expired then.

    Args:
        path: The file; it and its folder are made when they are missing.
        keep_removed: How many removals are remembered.
    """

    def __init__(self, path: Path, *, keep_removed: int = 100_000) -> None:
        self._store = JournalStore(path)
        self._keep_removed = keep_removed

    def token(self) -> str:
        """Stands for now: what is recorded from here on comes after it."""
        state = self._store.state()
        return f"{state.journal_id}:{state.seq}"

    def record(
        self,
        present: Iterable[DriveFile],
        *,
        complete: bool = True,
        under: str | None = None,
        kept: Iterable[str] = (),
        since: str | None = None,
    ) -> int:
        """Compare what is there with what was known, and number what is different.

        New files, other versions, other names and other folders are changes;
        so is what is no longer there. All of it is recorded or, where
        ``present`` raises, nothing.

        What somebody else recorded while this look was under way is left as it
        is: it may be newer than what was seen here, and the next look tells.

        Args:
            present: What was seen; the listing may take its time, nobody waits.
            complete: Whether that is all there is; otherwise nothing is removed.
            under: Only this folder was looked at, with everything below it;
                None is the whole drive.
            kept: Folders whose direct entries were not looked at because they
                are known to be the same.
            since: The token taken before the look began; None if it begins now.

        Returns:
            How many changes there were.
        """
        before = self._store.state()
        began = before.seq
        if since is not None:
            journal_id, began = _parsed(since)
            if journal_id != before.journal_id:
                began = before.seq
        known, times = self._store.fingerprints(), self._store.folder_times()
        changed: list[DriveFile] = []
        touched: list[DriveFile] = []
        for file in present:
            if known.pop(file.id, None) != fingerprint(file):
                changed.append(file)
            elif file.is_folder and times.get(file.id) != file.modified.isoformat():
                touched.append(file)
        gone: list[str] = []
        if complete and known:
            scope = known if under is None else self._store.versions(under)
            gone = sorted(known.keys() & scope.keys() - self._store.direct(kept))
        return self._store.write(
            before.journal_id, began, changed, touched, gone, keep_removed=self._keep_removed
        )

    def note(self, present: Iterable[DriveFile], gone: Iterable[str], *, since: str) -> int:
        """Number what is different about these files alone; the cost is theirs.

        Args:
            present: Files that may have changed, as they are.
            gone: Ids of files and folders that are no longer there; what was
                below such a folder is gone with it.
            since: The token taken before they were looked at.

        Returns:
            How many changes there were.
        """
        before = self._store.state()
        journal_id, began = _parsed(since)
        if journal_id != before.journal_id:
            return 0  # it was replaced meanwhile: the next look reads everything
        files = list(present)
        known = self._store.fingerprints(file.id for file in files)
        changed = [file for file in files if known.get(file.id) != fingerprint(file)]
        left = {key for lost in gone for key in (lost, *self._store.versions(lost))}
        left &= self._store.fingerprints(left).keys()
        return self._store.write(
            before.journal_id,
            began,
            changed,
            [],
            sorted(left - {file.id for file in files}),
            keep_removed=self._keep_removed,
        )

    def page(self, token: str, limit: int = 200) -> Changes:
        """What changed since ``token``: each file once, as it is now.

        Raises:
            TokenExpiredError: it is of another journal, or older than what is kept.
            BadInputError: it is not a token.
        """
        journal_id, seq = _parsed(token)
        limit = max(limit, 1)
        state, rows = self._store.after(seq, limit + 1)
        if journal_id != state.journal_id or not state.pruned <= seq <= state.seq:
            raise TokenExpiredError(
                "The change token is older than what is remembered of the drive.",
                "List everything again.",
            )
        more, rows = len(rows) > limit, rows[:limit]
        return Changes(
            files=tuple(row.file for row in rows if row.file is not None),
            removed=tuple(row.id for row in rows if row.file is None),
            token=f"{journal_id}:{rows[-1].seq if rows else seq}",
            more=more,
        )

    def known(self, under: str | None = None) -> dict[str, str]:
        """The versions of what was seen last by id: everything, or what is below a folder."""
        return self._store.versions(under)

    def entries(self, folder_id: str) -> list[DriveFile]:
        """What was seen last directly in a folder; empty is the drive's root."""
        return self._store.entries(folder_id)

    def folder_of(self, file_id: str) -> str | None:
        """The id of the folder that a file was seen in last; None where it was not seen."""
        return self._store.parent(file_id)


def _parsed(token: str) -> tuple[str, int]:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise BadInputError("The change token is damaged.", "Look without a token.")
    return match[1], int(match[2])
