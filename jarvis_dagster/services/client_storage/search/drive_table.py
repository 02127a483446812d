"""The drives in the index, and how far each was followed.

Belongs here: the table of drives. Does not belong here: their files (``file_table.py``).
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.search.writer import Writer

__all__ = ["DriveState", "DriveTable"]


@dataclasses.dataclass(frozen=True)
class DriveState:
    """How far a drive was followed.

    Attributes:
        token: Of the changes that are not in the index yet; None: nothing is.
        generation: Of the last full listing.
        readers_at: When all files were asked who may see them, in seconds since 1970.
    """

    id: int
    token: str | None
    generation: int
    readers_at: float


class DriveTable:
    """Adds, follows and forgets drives."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def state(self, name: str) -> DriveState:
        """The state of a drive, which is added if it is new."""
        self._writer.write("INSERT OR IGNORE INTO drive (name) VALUES (?)", name)
        query = "SELECT id, token, generation, readers_at FROM drive WHERE name = ?"
        return DriveState(*self._writer.one(query, name))

    def names(self) -> list[str]:
        """The names of all drives that are in the index."""
        return [row[0] for row in self._writer.all("SELECT name FROM drive ORDER BY name")]

    def set_token(self, drive_id: int, token: str) -> None:
        """Remember that everything before ``token`` is in the index."""
        self._writer.write("UPDATE drive SET token = ? WHERE id = ?", token, drive_id)

    def begin_listing(self, drive_id: int) -> int:
        """A number for a full listing that no other one has, not even one that was killed."""
        self._writer.write("UPDATE drive SET generation = generation + 1 WHERE id = ?", drive_id)
        self._writer.commit()
        return int(self._writer.one("SELECT generation FROM drive WHERE id = ?", drive_id)[0])

    def set_complete(self, drive_id: int, *, readers_at: float) -> None:
        """Remember a run that got to its end."""
        self._writer.write(
            "UPDATE drive SET readers_at = ?, indexed_at = ? WHERE id = ?",
            *(readers_at, time.time(), drive_id),
        )

    def remove(self, drive_id: int) -> None:
        """Remove a drive that has no files any more."""
        self._writer.write("DELETE FROM drive WHERE id = ?", drive_id)
