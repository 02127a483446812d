"""Finding files in the index: the conditions, the order, the hits.

Belongs here: the questions that are put to the tables. Does not belong here:
what a person may type (``query.py``), what they may see (``views.py``),
connections (``index.py``).
"""

# ruff: noqa: S608 - the statements are put together of conditions of our own

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.search.snippets import Marks, snippet
from jarvis_dagster.services.client_storage.search.views import Condition, OperatorView, PersonView

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from jarvis_dagster.services.client_storage.search.query import Query
    from jarvis_dagster.services.client_storage.search.views import View

__all__ = ["Hit", "find"]

_WEIGHTS = "10.0, 5.0, 4.0, 1.0"
"""Of a word in the name, in title and author, in the folders, in the text."""


@dataclasses.dataclass(frozen=True)
class Hit:
    """A file that matches.

    Attributes:
        drive: The name of the drive it is in.
        file_id: Its id there.
        path: Folders and name from the drive's root, or from the first folder on
            that the asker may see.
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
    view: View = OperatorView() if who is None else PersonView(db, who)
    conditions = [*view.visible(), *_filters(view, query)]
    if drive is not None:
        conditions.append(Condition("drive.name = ?", (drive,)))
    if folder is not None and folder.strip("/"):
        conditions.append(view.below(folder.strip("/"), anywhere=False))
    if kinds:
        conditions.append(_one_of(kinds))
    match, besides = view.match(query.wanted)
    rows = _rows(db, match, [*conditions, *besides], limit)
    best = max((row["score"] for row in rows), default=0.0)
    return [_hit(db, view, query, row, best) for row in rows]


def _filters(view: View, query: Query) -> list[Condition]:
    conditions = [view.below(folder, anywhere=True) for folder in query.folders]
    conditions += [_not(view.below(folder, anywhere=True)) for folder in query.not_folders]
    if query.kinds:
        conditions.append(_one_of(query.kinds))
    if query.not_kinds:
        conditions.append(_not(_one_of(query.not_kinds)))
    if query.unwanted:
        conditions.append(view.without(query.unwanted))
    return conditions


def _one_of(kinds: Sequence[str]) -> Condition:
    marks = ", ".join("?" * len(kinds))
    sql = f"(file.kind IN ({marks}) OR file.extension IN ({marks}))"
    return Condition(sql, (*kinds, *kinds))


def _not(condition: Condition) -> Condition:
    return Condition(f"NOT ({condition.sql})", condition.values)


def _rows(
    db: sqlite3.Connection, match: str, conditions: list[Condition], limit: int
) -> list[sqlite3.Row]:
    """The best matches; without words to match, the newest files."""
    source, score = "file", "0.0"
    values: list[object] = []
    if match:
        source, score = "words JOIN file ON file.id = words.rowid", f"-bm25(words, {_WEIGHTS})"
        conditions = [Condition("words MATCH ?", (match,)), *conditions]
    for condition in conditions:
        values += condition.values
    statement = (
        "SELECT file.id, drive.name AS drive, drive_id, file_id, parent_id, path, media_type,"
        f" modified, {score} AS score FROM {source} JOIN drive ON drive.id = file.drive_id"
        f" WHERE {' AND '.join(condition.sql for condition in conditions) or 1}"
        " ORDER BY score DESC, modified DESC, file.id LIMIT ?"
    )
    return db.execute(statement, (*values, limit)).fetchall()


def _hit(db: sqlite3.Connection, view: View, query: Query, row: sqlite3.Row, best: float) -> Hit:
    words = db.execute("SELECT text, about FROM document WHERE id = ?", (row["id"],)).fetchone()
    shown, marks = snippet(words["text"] or words["about"], query.wanted)
    if not marks and words["about"]:
        other = snippet(words["about"], query.wanted)
        shown, marks = other if other[1] else (shown, marks)
    return Hit(
        drive=row["drive"],
        file_id=row["file_id"],
        path=view.path(row),
        media_type=row["media_type"],
        modified=datetime.datetime.fromtimestamp(row["modified"], datetime.UTC),
        # Two digits: what files that the asker may not see do to it is not told.
        score=round(row["score"] / best, 2) if best > 0 else 1.0,
        snippet=shown,
        marks=marks,
    )
