"""What of the drives one asker sees: which files, and which of the folders above them.

Belongs here: the conditions under which a file may be a hit. Does not belong
here: finding and ordering hits (``hits.py``), who was given what (``sharing.py``).

A person may be given a file in a folder that they cannot see. Then the names of
that folder and of those above are not theirs to know: not in the path of a hit,
not by searching for words of it, not by ``in:``.
"""

# ruff: noqa: S608 - the statements are put together of conditions of our own

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from jarvis_dagster.services.client_storage.search.schema import COLUMNS
from jarvis_dagster.services.client_storage.search.snippets import has_words

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from jarvis_dagster.services.client_storage.search.query import Words

__all__ = ["Condition", "OperatorView", "PersonView", "View"]

_OWN_COLUMNS = " ".join(column for column in COLUMNS if column != "folder")
_MOST_FOLDERS = 100_000  # a statement may be a million characters long


class Condition(NamedTuple):
    """A part of an SQL statement about the table ``file``, and its values."""

    sql: str
    values: tuple[object, ...] = ()


class View(Protocol):
    """What an asker sees."""

    def visible(self) -> list[Condition]:
        """What a file must meet to be seen at all."""

    def path(self, row: sqlite3.Row) -> str:
        """The path of a file, from the first folder on that is seen."""

    def below(self, folder: str, *, anywhere: bool) -> Condition:
        """Files below the folder of that path; ``anywhere``: of a path that ends so."""

    def match(self, wanted: Sequence[Words]) -> tuple[str, list[Condition]]:
        """What the full-text index is asked for, and what a file must meet besides."""

    def without(self, unwanted: Sequence[Words]) -> Condition:
        """Files that have none of these words."""


class OperatorView:
    """Everything."""

    def visible(self) -> list[Condition]:
        """See :class:`View`."""
        return []

    def path(self, row: sqlite3.Row) -> str:
        """See :class:`View`."""
        return str(row["path"])

    def below(self, folder: str, *, anywhere: bool) -> Condition:
        """See :class:`View`."""
        part = f"/{folder}/".casefold()
        if anywhere:
            return Condition("instr(file.path_key, ?) > 0", (part,))
        return Condition("substr(file.path_key, 1, ?) = ?", (len(part), part))

    def match(self, wanted: Sequence[Words]) -> tuple[str, list[Condition]]:
        """See :class:`View`."""
        return " AND ".join(words.quoted for words in wanted), []

    def without(self, unwanted: Sequence[Words]) -> Condition:
        """See :class:`View`."""
        return _without(" OR ".join(words.quoted for words in unwanted))


class PersonView:
    """What one person sees, at one moment.

    Args:
        names: What the person is called in permissions (``visibility.principals``).
    """

    def __init__(self, db: sqlite3.Connection, names: tuple[str, str]) -> None:
        self._db = db
        rows = db.execute(
            "SELECT readers_id FROM reader WHERE principal IN (?, ?)"
            " AND (until IS NULL OR until > ?)",
            (*names, time.time()),
        )
        self._sets = {int(row[0]) for row in rows}
        self._is_seen = f"readers_id IN ({', '.join(map(str, sorted(self._sets)))})"
        self._seen_folders: list[sqlite3.Row] | None = None
        self._paths: dict[tuple[int, str], str | None] = {}

    def visible(self) -> list[Condition]:
        """See :class:`View`."""
        return [Condition(f"file.{self._is_seen}")]

    def path(self, row: sqlite3.Row) -> str:
        """See :class:`View`."""
        name = str(row["path"]).rpartition("/")[2]
        above = self._folder_path(row["drive_id"], row["parent_id"], 0)
        return name if above is None else f"{above}/{name}"

    def below(self, folder: str, *, anywhere: bool) -> Condition:
        """See :class:`View`."""
        wanted = f"/{folder}".casefold()
        last = "/" + wanted.rpartition("/")[2]
        rows = self._db.execute(
            "SELECT id, drive_id, parent_id, path FROM file"
            f" WHERE is_folder AND {self._is_seen} AND substr(path_key, -?) = ?"
            f" LIMIT {_MOST_FOLDERS}",
            (len(last), last),
        )
        found = []
        for row in rows:
            seen = f"/{self.path(row)}".casefold()
            if seen == wanted or (anywhere and seen.endswith(wanted)):
                found.append(row)
        return _below(found)

    def match(self, wanted: Sequence[Words]) -> tuple[str, list[Condition]]:
        """See :class:`View`.

        A word may be one of a folder above; if such a folder is seen. Then it is
        a condition, and only the other words decide the order.
        """
        strict: list[str] = []
        loose: list[tuple[str, Condition]] = []
        for words in wanted:
            own = f"{{{_OWN_COLUMNS}}} : {words.quoted}"
            folders = [folder for folder in self._folders() if has_words(folder["name"], words)]
            if folders:
                loose.append((own, _below(folders)))
            else:
                strict.append(own)
        conditions = [
            Condition(
                f"(file.id IN (SELECT rowid FROM words WHERE words MATCH ?) OR {in_folder.sql})",
                (own, *in_folder.values),
            )
            for own, in_folder in loose
        ]
        if strict:
            return " AND ".join(f"({own})" for own in strict), conditions
        return " OR ".join(f"({own})" for own, _ in loose), conditions

    def without(self, unwanted: Sequence[Words]) -> Condition:
        """See :class:`View`."""
        words = " OR ".join(words.quoted for words in unwanted)
        return _without(f"{{{_OWN_COLUMNS}}} : ({words})")

    def _folders(self) -> list[sqlite3.Row]:
        if self._seen_folders is None:
            query = f"SELECT id, name FROM file WHERE is_folder AND {self._is_seen}"
            self._seen_folders = self._db.execute(query).fetchall()
        return self._seen_folders

    def _folder_path(self, drive_id: int, folder_id: str, depth: int) -> str | None:
        """The path of a folder as far up as it is seen; None if it is not."""
        key = drive_id, folder_id
        if key not in self._paths and depth < 100:
            row = self._db.execute(
                "SELECT drive_id, parent_id, path, readers_id FROM file"
                " WHERE drive_id = ? AND file_id = ? AND is_folder",
                key,
            ).fetchone()
            path = None
            if row is not None and row["readers_id"] in self._sets:
                path = str(row["path"]).rpartition("/")[2]
                above = self._folder_path(drive_id, row["parent_id"], depth + 1)
                path = path if above is None else f"{above}/{path}"
            self._paths[key] = path
        return self._paths.get(key)


def _below(folders: Sequence[sqlite3.Row]) -> Condition:
    """All below these folders; ids in the statement, since values are limited in number."""
    keys = ", ".join(str(int(folder["id"])) for folder in folders)
    return Condition(
        "file.id IN (WITH RECURSIVE tree (id, drive_id, file_id) AS ("
        "SELECT child.id, child.drive_id, child.file_id FROM file AS above JOIN file AS child"
        " ON child.drive_id = above.drive_id AND child.parent_id = above.file_id"
        f" WHERE above.id IN ({keys})"
        " UNION SELECT child.id, child.drive_id, child.file_id FROM tree JOIN file AS child"
        " ON child.drive_id = tree.drive_id AND child.parent_id = tree.file_id)"
        " SELECT id FROM tree)"
    )


def _without(match: str) -> Condition:
    return Condition("file.id NOT IN (SELECT rowid FROM words WHERE words MATCH ?)", (match,))
