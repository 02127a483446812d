"""The rows of a change journal in a SQLite file.

Belongs here: the tables, transactions, and what to do about a damaged file.
Does not belong here: what a change is (``journal.py``).
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import logging
import os
import secrets
import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.client_storage.drive import DriveFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["JournalRow", "JournalState", "JournalStore", "fingerprint"]

_LOG = logging.getLogger(__name__)
_FORMAT = 1
_BUSY_S = 30.0
_SCHEMA = """
CREATE TABLE entry (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, removed INTEGER NOT NULL, path TEXT NOT NULL,
    size INTEGER NOT NULL, version TEXT NOT NULL, modified TEXT NOT NULL,
    media_type TEXT NOT NULL, is_folder INTEGER NOT NULL, sha256 TEXT NOT NULL,
    parent_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX entry_seq ON entry (seq);
CREATE INDEX entry_parent ON entry (parent_id) WHERE NOT removed;
CREATE INDEX entry_folder ON entry (id, modified) WHERE is_folder AND NOT removed;
CREATE INDEX entry_removed ON entry (seq) WHERE removed;
CREATE TABLE state (journal_id TEXT NOT NULL, seq INTEGER NOT NULL, pruned INTEGER NOT NULL);
"""
_COLUMNS = "id, path, size, version, modified, media_type, is_folder, sha256, parent_id"
_BELOW = """
WITH RECURSIVE below (id) AS (
    SELECT id FROM entry WHERE NOT removed AND parent_id = ?
    UNION SELECT entry.id FROM entry JOIN below ON entry.parent_id = below.id WHERE NOT removed
)
"""
_UPSERT = f"""
INSERT OR REPLACE INTO entry (seq, removed, {_COLUMNS})
VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608 - the names of the columns are ours

_T = TypeVar("_T")


def fingerprint(file: DriveFile) -> str:
    """What makes a file another one: name, version, folder and kind."""
    return f"{file.path}\n{file.version}\n{file.parent_id}\n{1 if file.is_folder else 0}"


class JournalState(NamedTuple):
    """Which journal this is, its last number, and the last one that was forgotten."""

    journal_id: str
    seq: int
    pruned: int


class JournalRow(NamedTuple):
    """A change: the file as it is now, or None where it is gone."""

    seq: int
    id: str
    file: DriveFile | None


class JournalStore:
    """Reads and writes the file at ``path``; one short connection a call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def state(self) -> JournalState:
        """The journal's identity and numbers."""
        return self._run(_state)

    def fingerprints(self, ids: Iterable[str] | None = None) -> dict[str, str]:
        """What is known to be there, by id, as :func:`fingerprint` has it.

        One text a file: a hundred thousand are read in the time that their
        columns would take to be made into objects.

        Args:
            ids: Only these; None is everything.
        """
        query = (
            "SELECT id, path || char(10) || version || char(10) || parent_id || char(10)"
            " || is_folder FROM entry WHERE NOT removed"
        )
        if ids is None:
            return self._run(lambda db: dict(db.execute(query).fetchall()))
        wanted = [(file_id,) for file_id in ids]
        one = f"{query} AND id = ?"
        return self._run(
            lambda db: {row[0]: row[1] for key in wanted for row in db.execute(one, key)}
        )

    def folder_times(self) -> dict[str, str]:
        """When the known folders were modified, by id."""
        query = "SELECT id, modified FROM entry WHERE is_folder AND NOT removed"
        return self._run(lambda db: dict(db.execute(query).fetchall()))

    def versions(self, under: str | None = None) -> dict[str, str]:
        """The versions by id: of everything, or of what is below a folder."""
        query = "SELECT id, version FROM entry WHERE NOT removed"
        if under is None:
            return self._run(lambda db: dict(db.execute(query).fetchall()))
        query = f"{_BELOW} SELECT id, version FROM entry WHERE id IN below"  # noqa: S608
        return self._run(lambda db: dict(db.execute(query, (under,)).fetchall()))

    def entries(self, folder_id: str) -> list[DriveFile]:
        """What is known to be directly in a folder."""
        query = f"SELECT {_COLUMNS} FROM entry WHERE NOT removed AND parent_id = ?"  # noqa: S608
        return self._run(lambda db: [_file(row) for row in db.execute(query, (folder_id,))])

    def parent(self, file_id: str) -> str | None:
        """The id of the folder that a file is known to be in."""
        query = "SELECT parent_id FROM entry WHERE id = ? AND NOT removed"
        row = self._run(lambda db: db.execute(query, (file_id,)).fetchone())
        return None if row is None else str(row[0])

    def direct(self, folder_ids: Iterable[str]) -> set[str]:
        """The ids of what is known to be directly in one of the folders."""
        query = "SELECT id FROM entry WHERE NOT removed AND parent_id = ?"
        ids = list(folder_ids)
        return self._run(
            lambda db: {row[0] for folder in ids for row in db.execute(query, (folder,))}
        )

    def after(self, seq: int, limit: int) -> tuple[JournalState, list[JournalRow]]:
        """The changes after a number, oldest first, and the journal that they are from."""
        query = f"SELECT seq, removed, {_COLUMNS} FROM entry WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608

        def read(db: sqlite3.Connection) -> tuple[JournalState, list[JournalRow]]:
            db.execute("BEGIN")
            rows = [
                JournalRow(row[0], row[2], None if row[1] else _file(row[2:]))
                for row in db.execute(query, (seq, limit))
            ]
            return _state(db), rows

        return self._run(read)

    def write(
        self,
        journal_id: str,
        began: int,
        changed: Iterable[DriveFile],
        touched: Iterable[DriveFile],
        gone: Iterable[str],
        *,
        keep_removed: int,
    ) -> int:
        """Number changes and removals in one transaction; how many there were.

        Rows that somebody numbered after ``began`` are left alone, and so is a
        journal that is no longer the one that was compared with.
        """
        changed, touched, gone = list(changed), list(touched), list(gone)
        if not changed and not touched and not gone:
            return 0

        def store(db: sqlite3.Connection) -> int:
            db.execute("BEGIN IMMEDIATE")
            state = _state(db)
            if state.journal_id != journal_id:
                return 0
            newer = {row[0] for row in db.execute("SELECT id FROM entry WHERE seq > ?", (began,))}
            files = [file for file in changed if file.id not in newer]
            ids = [key for key in gone if key not in newer]
            db.executemany(
                "UPDATE entry SET modified = ? WHERE id = ?",
                [(file.modified.isoformat(), file.id) for file in touched],
            )
            db.executemany(
                _UPSERT, [(state.seq + n, *_row(file)) for n, file in enumerate(files, 1)]
            )
            removed_from = state.seq + len(files)
            db.executemany(
                "UPDATE entry SET removed = 1, seq = ? WHERE id = ?",
                [(removed_from + n, key) for n, key in enumerate(ids, 1)],
            )
            db.execute("UPDATE state SET seq = ?", (removed_from + len(ids),))
            _forget(db, keep_removed)
            return len(files) + len(ids)

        return self._run(store)

    def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something in a transaction; a damaged file is replaced once."""
        try:
            return self._attempt(work)
        except sqlite3.Error as error:
            if not _is_damage(error):
                raise self._explained(error) from error
        try:
            self._mend()
            return self._attempt(work)
        except (sqlite3.Error, OSError) as error:
            raise self._explained(error) from error

    def _attempt(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with self._held(fcntl.LOCK_SH), self._open() as db, db:
            return work(db)

    @contextlib.contextmanager
    def _held(self, how: int) -> Iterator[None]:
        """Shared by all who have the file open; alone whoever replaces it.

        SQLite finds the journal of a transaction by its name: who still had the damaged file open
        would take that of the file that followed for its own, and delete it.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._path.with_name(f"{self._path.name}.lock").open("a")
        except OSError as error:
            raise PermanentError(
                f"{self._path.parent} cannot be written to ({error.strerror}).",
                "Check the folder's permissions and the free space.",
            ) from error
        with lock:
            fcntl.flock(lock, how)
            yield

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        try:
            if db.execute("PRAGMA user_version").fetchone()[0] != _FORMAT:
                _create(db)
            yield db
        finally:
            db.close()

    def _mend(self) -> None:
        """Put a damaged file aside, unless another did so meanwhile: theirs is not damaged."""
        with self._held(fcntl.LOCK_EX):
            try:
                with self._open() as db, db:
                    _whole(db)
            except sqlite3.Error as error:
                if not _is_damage(error):
                    raise
                self._replace(error)

    def _replace(self, error: sqlite3.Error) -> None:
        _LOG.warning(
            "What was known of the drive in %s is damaged (%s); beginning anew.", self._path, error
        )
        # Before the file itself: none of them may be read with the one that follows.
        for suffix in ("-journal", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._path.replace(f"{os.fspath(self._path)}.damaged")

    def _explained(self, error: Exception) -> TransientError | PermanentError:
        if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return TransientError(f"{self._path.name} is in use by another process.", "Try again.")
        return PermanentError(
            f"{self._path} cannot be read or written ({error}).",
            "Check the folder's permissions and the free space.",
        )


def _create(db: sqlite3.Connection) -> None:
    """Make the tables, whatever was there before; two processes may both try."""
    db.execute("BEGIN IMMEDIATE")
    if db.execute("PRAGMA user_version").fetchone()[0] != _FORMAT:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in tables:
            db.execute(f'DROP TABLE "{name}"')
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute("INSERT INTO state VALUES (?, 0, 0)", (secrets.token_hex(8),))
        db.execute(f"PRAGMA user_version = {_FORMAT}")
    db.execute("COMMIT")


def _state(db: sqlite3.Connection) -> JournalState:
    row = db.execute("SELECT journal_id, seq, pruned FROM state").fetchone()
    if row is None:
        raise _damage("it has no state")
    return JournalState(*row)


def _forget(db: sqlite3.Connection, keep: int) -> None:
    """Delete the oldest removals beyond ``keep``; whoever has not seen them must list again."""
    oldest = db.execute(
        "SELECT seq FROM entry WHERE removed ORDER BY seq DESC LIMIT 1 OFFSET ?", (keep,)
    ).fetchone()
    if oldest is not None:
        db.execute("DELETE FROM entry WHERE removed AND seq <= ?", oldest)
        db.execute("UPDATE state SET pruned = ?", oldest)


def _row(file: DriveFile) -> tuple[object, ...]:
    return (
        *(file.id, file.path, file.size, file.version, file.modified.isoformat()),
        *(file.media_type, int(file.is_folder), file.sha256, file.parent_id),
    )


def _file(row: tuple[Any, ...]) -> DriveFile:
    file_id, path, size, version, modified, media_type, is_folder, sha256, parent_id = row
    try:
        when = datetime.datetime.fromisoformat(modified)
    except (TypeError, ValueError) as error:
        raise _damage(f"{modified!r} is no time") from error
    return DriveFile(
        *(file_id, path, size, version, when, media_type),
        is_folder=bool(is_folder),
        sha256=sha256,
        parent_id=parent_id,
    )


def _damage(what: str) -> sqlite3.Error:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _code(error: Exception) -> int:
    """The primary result code; errors that Python itself raises have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _whole(db: sqlite3.Connection) -> None:
    """Read everything, as text that can be text."""
    (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise _damage(found)
    _state(db)
    for row in db.execute(f"SELECT {_COLUMNS} FROM entry"):  # noqa: S608
        _file(row)


def _is_damage(error: sqlite3.Error) -> bool:
    damaged = _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return damaged or "Could not decode to UTF-8" in str(error)
