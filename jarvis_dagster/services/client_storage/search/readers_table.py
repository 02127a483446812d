"""Sets of those who may see a file; files with the same readers share one.

Belongs here: the tables of readers. Does not belong here: who they are
(``visibility.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.search.visibility import Readers
    from jarvis_dagster.services.client_storage.search.writer import Writer

__all__ = ["ReadersTable"]


class ReadersTable:
    """Adds and removes sets of readers."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def key_of(self, readers: Readers) -> int:
        """The id of a set, which is added if it is new."""
        row = self._writer.one("SELECT id FROM readers WHERE key = ?", readers.key)
        if row is not None:
            return int(row[0])
        set_id = self._writer.insert("INSERT INTO readers (key) VALUES (?)", readers.key)
        for principal, until in readers.until.items():
            self._writer.write(
                "INSERT INTO reader (principal, readers_id, until) VALUES (?, ?, ?)",
                *(principal, set_id, until),
            )
        return set_id

    def remove_unused(self) -> None:
        """Remove the sets that no file has any more."""
        self._writer.write(
            "DELETE FROM reader WHERE readers_id NOT IN (SELECT readers_id FROM file)"
        )
        self._writer.write(
            "DELETE FROM readers WHERE id != 0 AND id NOT IN (SELECT readers_id FROM file)"
        )
