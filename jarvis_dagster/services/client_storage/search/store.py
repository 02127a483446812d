"""What is written into the index, table by table, in one transaction.

Belongs here: the tables together. Does not belong here: any one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.search.content_table import ContentTable
from jarvis_dagster.services.client_storage.search.drive_table import DriveTable
from jarvis_dagster.services.client_storage.search.file_table import FileTable
from jarvis_dagster.services.client_storage.search.readers_table import ReadersTable
from jarvis_dagster.services.client_storage.search.writer import Writer

if TYPE_CHECKING:
    import sqlite3

__all__ = ["IndexStore"]


class IndexStore:
    """Writes to the index over one connection; changes last once they are committed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._writer = Writer(connection)
        self.commit = self._writer.commit
        self.commit_now_and_then = self._writer.commit_now_and_then
        self.rollback = self._writer.rollback
        self.drives = DriveTable(self._writer)
        self.contents = ContentTable(self._writer)
        self._readers = ReadersTable(self._writer)
        self.files = FileTable(self._writer, self._readers)

    def forget_drive(self, name: str) -> None:
        """Remove a drive and all its files."""
        if name in self.drives.names():
            drive_id = self.drives.state(name).id
            self.files.remove_all(drive_id)
            self.drives.remove(drive_id)
            self.remove_unused()

    def remove_unused(self) -> None:
        """Remove contents and sets of readers that no file has any more."""
        self.contents.remove_unused()
        self._readers.remove_unused()
