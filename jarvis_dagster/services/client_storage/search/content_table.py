"""What files say: each content once, however many files hold it.

Belongs here: the table of contents. Does not belong here: reading files
(``extraction.py``), the files themselves (``file_table.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.search.extraction import READER_VERSION, Extraction
from jarvis_dagster.services.client_storage.search.text import normal

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.search.writer import Writer

__all__ = ["ContentTable"]


class ContentTable:
    """Finds, adds and removes contents."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def find(self, sha256: str, promised: str, *, retry: bool = False) -> tuple[int, str] | None:
        """Id of a content that was read already, and why it has no text.

        Args:
            retry: Not if it could not be read.
        """
        row = self._writer.one(
            "SELECT id, reason, reader_version FROM content WHERE sha256 = ? AND promised = ?",
            *(sha256, promised),
        )
        if row is None or (row["reason"] and (retry or row["reader_version"] < READER_VERSION)):
            return None
        return row["id"], row["reason"]

    def put(self, sha256: str, promised: str, found: Extraction) -> int:
        """Add what was read; its id. What was read before of the same bytes is replaced."""
        row = self._writer.one(
            "SELECT id FROM content WHERE sha256 = ? AND promised = ?",
            *(sha256, promised),
        )
        values = (normal(found.text), normal(found.about), found.truncated, found.reason)
        if row is None:
            return self._writer.insert(
                "INSERT INTO content (sha256, promised, text, about, truncated, reason,"
                " reader_version) VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(sha256, promised, *values, READER_VERSION),
            )
        users = [
            key for (key,) in self._writer.all("SELECT id FROM file WHERE content_id = ?", row[0])
        ]
        self._writer.unindex(users)
        self._writer.write(
            "UPDATE content SET text = ?, about = ?, truncated = ?, reason = ?,"
            " reader_version = ? WHERE id = ?",
            *(*values, READER_VERSION, row[0]),
        )
        self._writer.index(users)
        return int(row[0])

    def remove_unused(self) -> None:
        """Remove what no file says any more."""
        self._writer.write(
            "DELETE FROM content WHERE id NOT IN"
            " (SELECT content_id FROM file WHERE content_id IS NOT NULL)"
        )
