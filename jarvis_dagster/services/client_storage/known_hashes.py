"""Remembers the hashes of contents whose provider does not tell them.

Belongs here: SHA-256 by file and version, on disk. Does not belong here:
computing them.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KnownHashes"]

_LOG = logging.getLogger(__name__)


class KnownHashes:
    """One row a file, in a SQLite file that threads and processes share.

    It is a memory only: whatever happens to the file, the hash is computed anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, file_id: str, version: str) -> str | None:
        """The hash of this version, if it is known."""
        query = "SELECT sha256 FROM known WHERE id = ? AND version = ?"
        rows = self._do(query, file_id, version)
        return str(rows[0][0]) if rows else None

    def put(self, file_id: str, version: str, sha256: str) -> None:
        """Remember the hash of this version, instead of that of an older one."""
        if version:
            self._do("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", file_id, version, sha256)

    def _do(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        """What a statement gives; nothing where the file cannot be used."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.closing(sqlite3.connect(self._path, timeout=30)) as db, db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS known"
                    " (id TEXT PRIMARY KEY, version TEXT, sha256 TEXT) WITHOUT ROWID"
                )
                return db.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            _LOG.warning("The hashes in %s cannot be used (%s).", self._path, error)
            if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.OperationalError):
                # It is damaged, not just in use.
                with contextlib.suppress(OSError):
                    self._path.unlink()
            return []
