"""Remembers the hashes of contents that were sent or fetched.

Belongs here: SHA-256 by file and version, on disk. Does not belong here:
computing them (``transfer.py``).
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import DriveFile

__all__ = ["KnownHashes"]

_LOG = logging.getLogger(__name__)


class KnownHashes:
    """One row a file, in a SQLite file that threads and processes share.

    It is a memory only: whatever happens to the file, the hash is computed anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, file: DriveFile) -> str | None:
        """The hash of this version, if it is known."""
        query = "SELECT sha256 FROM known WHERE id = ? AND version = ?"
        rows = self._do(query, file.id, file.version)
        return str(rows[0][0]) if rows else None

    def put(self, file: DriveFile, sha256: str) -> None:
        """Remember the hash of this version, instead of that of an older one."""
        self._do("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", file.id, file.version, sha256)

    def _do(self, statement: str, *values: str) -> list[tuple]:
        """What a statement gives; nothing where the file cannot be used."""
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=30)) as db, db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS known"
                    " (id TEXT PRIMARY KEY, version TEXT, sha256 TEXT) WITHOUT ROWID"
                )
                return db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            _LOG.warning("The hashes in %s cannot be used (%s).", self._path, error)
            if not isinstance(error, sqlite3.OperationalError):  # damaged, not just in use
                self._path.unlink(missing_ok=True)
            return []
