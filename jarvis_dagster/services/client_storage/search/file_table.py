"""The files and folders of drives, with the words they are found by.

Belongs here: every change of the table of files. Does not belong here: when to
make it (``following.py``), looking files up (``file_lookup.py``).
"""

# ruff: noqa: S608 - the statements are put together of column names of our own

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.client_storage.search.file_lookup import FileLookup, Known, State
from jarvis_dagster.services.client_storage.search.formats import extension_of, kind_of
from jarvis_dagster.services.client_storage.search.text import words_of_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.search.readers_table import ReadersTable
    from jarvis_dagster.services.client_storage.search.visibility import Readers
    from jarvis_dagster.services.client_storage.search.writer import Writer

__all__ = ["UNSURE", "FileTable"]

UNSURE = "has readers that the drive could not name, and is shown to nobody"


class FileTable(FileLookup):
    """Adds, changes and removes files."""

    def __init__(self, writer: Writer, readers: ReadersTable) -> None:
        super().__init__(writer)
        self._readers = readers

    def put(
        self,
        drive_id: int,
        file: DriveFile,
        *,
        state: State,
        reason: str = "",
        content_id: int | None = None,
        version: str | None = None,
        readers: Readers,
        generation: int,
    ) -> None:
        """Add or replace a file.

        Args:
            version: Of the content that is indexed, if not the file's own.
        """
        _, _, name = file.path.rpartition("/")
        values: dict[str, Any] = {
            "parent_id": file.parent_id,
            "is_folder": file.is_folder,
            **_of_path(file.path),
            "kind": "folder" if file.is_folder else kind_of(name, file.media_type),
            "extension": "" if file.is_folder else extension_of(name),
            "media_type": file.media_type,
            "size": file.size,
            "version": file.version if version is None else version,
            "modified": file.modified.timestamp(),
            "content_id": content_id,
            "readers_id": self._readers.key_of(readers),
            "shared_here": readers.shared_here,
            "generation": generation,
            "state": state,
            "reason": reason[:500],
        }
        row = self._writer.one(
            "SELECT id, name, folder, content_id FROM file WHERE drive_id = ? AND file_id = ?",
            *(drive_id, file.id),
        )
        if row is None:
            values |= {"drive_id": drive_id, "file_id": file.id}
            marks = ", ".join("?" * len(values))
            key = self._writer.insert(
                f"INSERT INTO file ({', '.join(values)}) VALUES ({marks})", *values.values()
            )
            self._writer.index([key])
            return
        same = all(row[column] == values[column] for column in ("name", "folder", "content_id"))
        if not same:
            self._writer.unindex([row["id"]])
        columns = ", ".join(f"{column} = ?" for column in values)
        self._writer.write(f"UPDATE file SET {columns} WHERE id = ?", *values.values(), row["id"])
        if not same:
            self._writer.index([row["id"]])

    def set_readers(self, known: Known, readers: Readers) -> None:
        """Replace those who may see a file."""
        self._writer.write(
            "UPDATE file SET readers_id = ?, shared_here = ? WHERE id = ?",
            *(self._readers.key_of(readers), readers.shared_here, known.id),
        )
        if not readers.sure:
            self.try_later(known, UNSURE)

    def hide(self, drive_id: int) -> None:
        """Let the operator alone see what is on a drive."""
        self._writer.write(
            "UPDATE file SET readers_id = 0, shared_here = 0"
            " WHERE drive_id = ? AND (readers_id != 0 OR shared_here)",
            drive_id,
        )

    def try_later(self, known: Known, reason: str) -> None:
        """Let the next run look at a file again."""
        self._writer.write(
            "UPDATE file SET state = 'later', reason = ? WHERE id = ?", reason, known.id
        )

    def move_below(self, drive_id: int, folder_id: str, before: str, after: str) -> None:
        """Give everything below a folder the path that comes with the folder's new one."""
        for row in self.below(drive_id, folder_id):
            if row.path.startswith(f"{before}/"):
                path = after + row.path[len(before) :]
                self._writer.unindex([row.id])
                self._writer.write(
                    "UPDATE file SET path = :path, path_key = :path_key, name = :name,"
                    " folder = :folder WHERE id = :id",
                    **_of_path(path),
                    id=row.id,
                )
                self._writer.index([row.id])

    def remove(self, drive_id: int, file_id: str) -> int:
        """Remove a file, or a folder and all below it; how many that were."""
        return self._remove(self.tree(drive_id, file_id))

    def remove_unseen(self, drive_id: int, generation: int) -> int:
        """Remove what a full listing did not name; how many that were."""
        query = "SELECT id FROM file WHERE drive_id = ? AND generation != ?"
        return self._remove(key for (key,) in self._writer.all(query, drive_id, generation))

    def _remove(self, keys: Iterable[int]) -> int:
        count = 0
        for key in keys:
            self._writer.unindex([key])
            self._writer.write("DELETE FROM file WHERE id = ?", key)
            count += 1
        return count

    def remove_all(self, drive_id: int) -> None:
        """Remove all files of a drive."""
        self._remove(
            key for (key,) in self._writer.all("SELECT id FROM file WHERE drive_id = ?", drive_id)
        )


def _of_path(path: str) -> dict[str, str]:
    folder, _, name = path.rpartition("/")
    return {
        "path": path,
        "path_key": f"/{path}".casefold(),
        "name": words_of_name(name),
        "folder": " ".join(words_of_name(part) for part in folder.split("/")),
    }
