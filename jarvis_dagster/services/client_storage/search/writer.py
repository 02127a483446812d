"""The connection that writes: statements, transactions, the full-text index in step.

Belongs here: what all tables need. Does not belong here: any of them.
"""

# ruff: noqa: S608 - the statements are put together of column names of our own

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.client_storage.search.schema import COLUMNS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

__all__ = ["Writer"]

_COMMIT_EVERY_S = 2.0
_COLUMNS = ", ".join(COLUMNS)


class Writer:
    """Changes begin a transaction by themselves and last once they are committed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._since = 0.0

    def write(self, statement: str, *values: object, **named: object) -> sqlite3.Cursor:
        """Change something."""
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
            self._since = time.monotonic()
        return self._db.execute(statement, named or values)

    def insert(self, statement: str, *values: object) -> int:
        """Add a row; its id."""
        return self.write(statement, *values).lastrowid or 0

    def all(self, query: str, *values: object, **named: object) -> Sequence[Any]:
        """All rows of an answer."""
        return self._db.execute(query, named or values).fetchall()

    def one(self, query: str, *values: object) -> Any:
        """The first row of an answer, or None."""
        return self._db.execute(query, values).fetchone()

    def commit(self) -> None:
        """Make what was written last."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def commit_now_and_then(self) -> None:
        """Commit when the last time was a while ago."""
        if time.monotonic() - self._since > _COMMIT_EVERY_S:
            self.commit()

    def rollback(self) -> None:
        """Forget what was not committed."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    # The full-text index refers to the tables; it has to be told the old words
    # before a row changes, and the new ones after.

    def unindex(self, keys: Iterable[int]) -> None:
        """Take files out of the full-text index, while their rows are still what they were."""
        for key in keys:
            self.write(
                f"INSERT INTO words (words, rowid, {_COLUMNS})"
                f" SELECT 'delete', id, {_COLUMNS} FROM document WHERE id = ?",
                key,
            )

    def index(self, keys: Iterable[int]) -> None:
        """Put files into the full-text index as their rows are now."""
        for key in keys:
            self.write(
                f"INSERT INTO words (rowid, {_COLUMNS})"
                f" SELECT id, {_COLUMNS} FROM document WHERE id = ?",
                key,
            )
