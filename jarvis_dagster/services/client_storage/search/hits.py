"""Finding files in the index: the filter, the order, the hits.

Belongs here: the questions that are put to the tables. Does not belong here:
what a person may type (``query.py``), connections (``index.py``).
"""

# ruff: noqa: S608 - the statements are put together of conditions of our own

from __future__ import annotations

import dataclasses
import datetime
import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.client_storage.search.snippets import Marks, snippet

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from jarvis_dagster.services.client_storage.search.query import Query

__all__ = ["Hit", "find"]

_WEIGHTS = "10.0, 5.0, 4.0, 1.0"
"""Of a word in the name, in title and author, in the folders, in the text."""


@dataclasses.dataclass(frozen=True)
class Hit:
    """A file that matches.

    Attributes:
        drive: The name of the drive it is in.
        file_id: Its id there.
        path: Folders and name from the drive's root.
        media_type: As the drive tells it; empty for a folder.
        modified: When its content was changed last, in UTC.
        score: How well it matches, as a share of how well the best hit does.
        snippet: The part of its text that matches best, or its beginning.
        marks: Where words of the query are in ``snippet``: start and end, in characters.
    """

    drive: str
    file_id: str
    path: str
    media_type: str
    modified: datetime.datetime
    score: float
    snippet: str
    marks: Marks = ()


def find(
    db: sqlite3.Connection,
    query: Query,
    *,
    who: tuple[str, str] | None,
    drive: str | None,
    folder: str | None,
    kinds: Sequence[str],
    limit: int,
) -> list[Hit]:
    """The best hits; of what ``who`` may not see nothing is even counted.

    Args:
        who: The names that the asker goes by; None is the operator.
    """
    filters = _Filters()
    if who is not None:
        filters.add(
            "file.readers_id IN (SELECT readers_id FROM reader WHERE principal IN (?, ?)"
            " AND (until IS NULL OR until > ?))",
            *(*who, time.time()),
        )
    if drive is not None:
        filters.add("drive.name = ?", drive)
    if folder is not None and folder.strip("/"):
        start = f"/{folder.strip('/')}/".casefold()
        filters.add("substr(file.path_key, 1, ?) = ?", len(start), start)
    for below in query.folders:
        filters.add("instr(file.path_key, ?) > 0", f"/{below}/".casefold())
    for below in query.not_folders:
        filters.add("instr(file.path_key, ?) = 0", f"/{below}/".casefold())
    for some in (kinds, query.kinds):
        if some:
            filters.add_kinds(some, negated=False)
    if query.not_kinds:
        filters.add_kinds(query.not_kinds, negated=True)
    if query.unwanted:
        filters.add("file.id NOT IN (SELECT rowid FROM words WHERE words MATCH ?)", query.no_match)
    rows = _matching(db, query, filters, limit) if query.wanted else _newest(db, filters, limit)
    best = max((row["score"] for row in rows), default=0.0)
    return [_hit(db, query, row, best) for row in rows]


class _Filters:
    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: object) -> None:
        self.conditions.append(condition)
        self.values += values

    def add_kinds(self, kinds: Sequence[str], *, negated: bool) -> None:
        marks = ", ".join("?" * len(kinds))
        is_one = f"(file.kind IN ({marks}) OR file.extension IN ({marks}))"
        self.add(f"NOT {is_one}" if negated else is_one, *kinds, *kinds)

    @property
    def sql(self) -> str:
        return "".join(f" AND {condition}" for condition in self.conditions)


_FIELDS = "file.id, drive.name AS drive, file_id, path, media_type, modified"


def _matching(
    db: sqlite3.Connection, query: Query, filters: _Filters, limit: int
) -> list[sqlite3.Row]:
    statement = (
        f"SELECT {_FIELDS}, -bm25(words, {_WEIGHTS}) AS score"
        " FROM words JOIN file ON file.id = words.rowid JOIN drive ON drive.id = file.drive_id"
        f" WHERE words MATCH ?{filters.sql} ORDER BY score DESC, modified DESC, file.id LIMIT ?"
    )
    return db.execute(statement, (query.match, *filters.values, limit)).fetchall()


def _newest(db: sqlite3.Connection, filters: _Filters, limit: int) -> list[sqlite3.Row]:
    statement = (
        f"SELECT {_FIELDS}, 0.0 AS score FROM file JOIN drive ON drive.id = file.drive_id"
        f" WHERE 1{filters.sql} ORDER BY modified DESC, file.id LIMIT ?"
    )
    return db.execute(statement, (*filters.values, limit)).fetchall()


def _hit(db: sqlite3.Connection, query: Query, row: sqlite3.Row, best: float) -> Hit:
    words = db.execute("SELECT text, about FROM document WHERE id = ?", (row["id"],)).fetchone()
    shown, marks = snippet(words["text"] or words["about"], query.wanted)
    if not marks and words["about"]:
        other = snippet(words["about"], query.wanted)
        shown, marks = other if other[1] else (shown, marks)
    return Hit(
        drive=row["drive"],
        file_id=row["file_id"],
        path=row["path"],
        media_type=row["media_type"],
        modified=datetime.datetime.fromtimestamp(row["modified"], datetime.UTC),
        # Two digits: what files that the asker may not see do to it is not told.
        score=round(row["score"] / best, 2) if best > 0 else 1.0,
        snippet=shown,
        marks=marks,
    )
