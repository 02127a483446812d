"""Remembers the hash of files that have not changed.

Belongs here: the cache of one folder's hashes. Does not belong here: drives.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.files import sha256_file

if TYPE_CHECKING:
    import os
    from pathlib import Path

__all__ = ["HashCache"]

_LOG = logging.getLogger(__name__)
_RACY_NS = 2_000_000_000
_BUSY_S = 10.0
_TABLE = """
CREATE TABLE IF NOT EXISTS hash (
    inode TEXT PRIMARY KEY, state TEXT NOT NULL, sha256 TEXT NOT NULL
) WITHOUT ROWID
"""


class HashCache:
    """SHA-256 by device, inode, size and times; kept in a SQLite file.

    A file changed less than two seconds ago is hashed but not remembered: it
    could change once more within the same tick of the file system's clock. The
    cache is a memory only: where it cannot be read or written, files are hashed
    anew. Threads and processes share it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def sha256(self, path: Path) -> str:
        """The SHA-256 of a file's content in hex."""
        before = path.stat()
        query = "SELECT sha256 FROM hash WHERE inode = ? AND state = ?"
        for row in self._do(query, *_key(before)):
            return str(row[0])
        started_ns = time.time_ns()
        digest = sha256_file(path)
        unchanged = _key(path.stat()) == _key(before)
        if unchanged and started_ns - max(before.st_mtime_ns, before.st_ctime_ns) > _RACY_NS:
            self._do("INSERT OR REPLACE INTO hash VALUES (?, ?, ?)", *_key(before), digest)
        return digest

    def _do(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with (
                contextlib.closing(sqlite3.connect(self._path, timeout=_BUSY_S)) as database,
                database,
            ):
                # What a power cut takes away is only hashed again.
                database.execute("PRAGMA synchronous = OFF")
                database.execute(_TABLE)
                return database.execute(statement, values).fetchall()
        except (OSError, sqlite3.Error) as error:
            _LOG.warning("The hashes in %s are of no use (%s); hashing anew.", self._path, error)
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(
                error, sqlite3.OperationalError
            ):
                with contextlib.suppress(OSError):
                    self._path.unlink()
            return []


def _key(status: os.stat_result) -> tuple[str, str]:
    state = f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"
    return f"{status.st_dev}:{status.st_ino}", state
