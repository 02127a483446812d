"""What both sides agreed on last, kept in an SQLite file.

Belongs here: reading and writing the state, the lock that one run holds. Does
not belong here: what follows from it.

Every change is committed at once, so a run that is killed leaves what it did.
A state that is older than the folders is safe: what it does not know is new.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConflictError, PermanentError
from jarvis_dagster.services.client_storage.sync.model import Agreed, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jarvis_dagster.services.client_storage.sync.model import FileKey

__all__ = ["State", "StateDamagedError", "locked"]

_FORMAT = "1"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS agreed (
  path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
  a_id TEXT NOT NULL, a_version TEXT NOT NULL, a_raw TEXT NOT NULL, a_listed INTEGER NOT NULL,
  b_id TEXT NOT NULL, b_version TEXT NOT NULL, b_raw TEXT NOT NULL, b_listed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hashes (
  side TEXT NOT NULL, id TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL,
  PRIMARY KEY (side, id)
) WITHOUT ROWID;
"""


class StateDamagedError(PermanentError):
    """The file of the state cannot be read."""


@contextlib.contextmanager
def locked(path: Path, *, dry_run: bool = False) -> Iterator[None]:
    """Hold the lock of a state; the kernel lets go of it when the process ends.

    Args:
        dry_run: Look whether somebody holds it, without making a file for it.

    Raises:
        ConflictError: somebody else holds it.
    """
    lock = path.with_name(f"{path.name}.lock")
    if dry_run and not lock.exists():
        yield
        return
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDONLY if dry_run else os.O_RDONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                "These folders are being synchronised already.", "Wait until that run is done."
            ) from error
        yield
    finally:
        os.close(descriptor)


class State:
    """The state of one pair of folders; use as a context manager.

    Nothing is on disk before the first write.
    """

    def __init__(self, path: Path, *, dry_run: bool = False) -> None:
        self.path = path
        self.exists = path.is_file() and path.stat().st_size > 0
        self._dry_run = dry_run
        self._cleanup = contextlib.ExitStack()
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> State:
        try:
            if self.exists:
                self._open()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()
        self._database = None

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            try:
                self._database = self._connect()
            except sqlite3.DatabaseError as error:
                raise self._damaged(error) from error
        return self._database

    def _connect(self) -> sqlite3.Connection:
        path = self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self.exists:
            for end in ("-wal", "-shm", ""):
                path.with_name(path.name + end).unlink(missing_ok=True)
        if self._dry_run:  # opening the file itself would write beside it
            folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory()))
            for part in path.parent.glob(f"{path.name}*"):
                if part.name.removeprefix(path.name) in {"", "-wal"}:
                    shutil.copyfile(part, folder / part.name)
            path = folder / path.name
        database = sqlite3.connect(path, isolation_level=None)
        self._cleanup.callback(database.close)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        database.executescript(_SCHEMA)
        database.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (_FORMAT,))
        (form,) = database.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
        if form != _FORMAT:
            raise sqlite3.DatabaseError(f"its format is {form}")
        return database

    def _damaged(self, error: Exception) -> StateDamagedError:
        return StateDamagedError(
            f"The state in {self.path} cannot be read ({error}).",
            "Restart: then nothing is deleted, and what differs is kept twice.",
        )

    def restart(self) -> None:
        """Know nothing; the file is replaced by the first write."""
        self.exists = False

    def get(self, key: str) -> str:
        """A value about the pair; empty where there is none."""
        if not self.exists:
            return ""
        row = self._open().execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def put(self, values: Mapping[str, str]) -> None:
        """Keep values about the pair."""
        with self._writing() as database:
            database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def agreed(self) -> dict[str, Agreed]:
        """What was agreed, by path."""
        if not self.exists:
            return {}
        try:
            rows = self._open().execute("SELECT * FROM agreed").fetchall()
        except sqlite3.DatabaseError as error:
            raise StateDamagedError(
                f"The state in {self.path} cannot be read ({error})."
            ) from error
        return {
            row[0]: Agreed(
                row[1],
                row[2],
                Seen(row[3], row[4], row[5], bool(row[6])),
                Seen(row[7], row[8], row[9], bool(row[10])),
            )
            for row in rows
        }

    def agree(self, newly: Mapping[str, Agreed], forget: Iterable[str] = ()) -> None:
        """Remember what both sides hold now, and forget what neither does."""
        with self._writing() as database:
            database.executemany("DELETE FROM agreed WHERE path = ?", ((path,) for path in forget))
            database.executemany(
                "INSERT OR REPLACE INTO agreed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (path, now.sha256, now.size, *_row(now.a), *_row(now.b))
                    for path, now in newly.items()
                ),
            )

    def hashes(self) -> dict[FileKey, tuple[str, str]]:
        """Version and hash of files that were read and not agreed on."""
        if not self.exists:
            return {}
        rows = self._open().execute("SELECT * FROM hashes").fetchall()
        return {(row[0], row[1]): (row[2], row[3]) for row in rows}

    def keep_hashes(self, hashes: Mapping[FileKey, tuple[str, str]]) -> None:
        """Remember exactly these."""
        with self._writing() as database:
            database.execute("DELETE FROM hashes")
            database.executemany(
                "INSERT INTO hashes VALUES (?, ?, ?, ?)",
                ((*key, *value) for key, value in hashes.items()),
            )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        database = self._open()
        self.exists = True
        try:
            with database:  # which commits, or rolls back on an exception
                database.execute("BEGIN IMMEDIATE")
                yield database
        except sqlite3.Error as error:
            raise _unwritable(self.path, error) from error


def _unwritable(path: Path, error: Exception) -> PermanentError:
    return PermanentError(
        f"The state in {path} cannot be written ({error}).",
        "Check the folder's permissions and the free space.",
    )


def _row(seen: Seen) -> tuple[str, str, str, int]:
    return seen.id, seen.version, seen.raw, int(seen.listed)
