"""What the index knows of files: looked up by id, place, state.

Belongs here: questions a run asks about files. Does not belong here: changing
them (``file_table.py``), searching (``hits.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from jarvis_dagster.services.client_storage.search.extraction import READER_VERSION

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.search.writer import Writer

__all__ = ["FileLookup", "Known", "State"]

State = Literal["text", "name", "unreadable", "later"]
"""With text; by name alone as expected; by name alone, with a reason; to be tried again."""


@dataclasses.dataclass(frozen=True)
class Known:
    """What the index knows of a file or folder of a drive."""

    id: int
    file_id: str
    is_folder: bool
    path: str
    version: str
    state: State
    reason: str
    content_id: int | None
    readers_key: str
    shared_here: bool


class FileLookup:
    """Answers what is known of the files of a drive."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def get(self, drive_id: int, file_id: str) -> Known | None:
        """What the index knows of a file."""
        found = self._where("file.drive_id = ? AND file.file_id = ?", drive_id, file_id)
        return found[0] if found else None

    def below(self, drive_id: int, folder_id: str) -> list[Known]:
        """All that is known below a folder, what is deepest last."""
        found = [
            row for key in self.tree(drive_id, folder_id) for row in self._where("file.id = ?", key)
        ]
        found = [row for row in found if row.file_id != folder_id]
        return sorted(found, key=lambda row: row.path.count("/"))

    def in_state(self, drive_id: int, *states: State) -> list[Known]:
        """Files in one of these states."""
        marks = ", ".join("?" * len(states))
        return self._where(f"file.drive_id = ? AND file.state IN ({marks})", drive_id, *states)

    def outdated(self, drive_id: int) -> list[Known]:
        """Files that an earlier version of the readers could not read."""
        return self._where(
            "file.drive_id = ? AND content_id IN"
            " (SELECT id FROM content WHERE reason != '' AND reader_version < ?)",
            *(drive_id, READER_VERSION),
        )

    def at_top(self, drive_id: int, readers_key: str) -> list[Known]:
        """What lies at the top of a drive and has these readers."""
        return self._where(
            "file.drive_id = ? AND instr(path, '/') = 0 AND readers.key = ?", drive_id, readers_key
        )

    def all_of(self, drive_id: int) -> list[Known]:
        """Everything that is known of a drive."""
        return self._where("file.drive_id = ?", drive_id)

    def sharing_roots(self, drive_id: int) -> list[Known]:
        """Where readers may be taken away without anything else changing.

        What was shared itself, and of what lies at the top of the drive one of
        each set of readers: these come from the drive as a whole. And what has other
        readers than its folder: that was shared meanwhile, which the drive did not tell.
        """
        one_of_each = (
            "file.id IN (SELECT min(id) FROM file WHERE drive_id = ? AND readers_id != 0"
            " AND instr(path, '/') = 0 GROUP BY readers_id)"
        )
        not_from_above = (
            "file.readers_id != 0 AND EXISTS (SELECT 1 FROM file AS above"
            " WHERE above.drive_id = file.drive_id AND above.file_id = file.parent_id"
            " AND above.readers_id != file.readers_id)"
        )
        return self._where(
            f"file.drive_id = ? AND (file.shared_here OR {one_of_each} OR {not_from_above})",
            drive_id,
            drive_id,
        )

    def tree(self, drive_id: int, file_id: str) -> list[int]:
        """A file or folder and all below it, also where it is not known itself.

        UNION, so that a loop of folders ends.
        """
        query = (
            "WITH RECURSIVE tree (file_id) AS (VALUES (:file)"
            " UNION SELECT file.file_id FROM file JOIN tree"
            " ON file.drive_id = :drive AND file.parent_id = tree.file_id)"
            " SELECT id FROM file WHERE drive_id = :drive AND file_id IN tree"
        )
        rows = self._writer.all(query, drive=drive_id, file=file_id)
        return [key for (key,) in rows]

    def _where(self, condition: str, *values: object) -> list[Known]:
        query = (
            "SELECT file.id, file_id, is_folder, path, version, state, reason, content_id,"
            " readers.key AS readers_key, shared_here"
            " FROM file JOIN readers ON readers.id = readers_id WHERE "
        )
        return [
            Known(**{**dict(row), "is_folder": bool(row[2]), "shared_here": bool(row[9])})
            for row in self._writer.all(query + condition, *values)
        ]
