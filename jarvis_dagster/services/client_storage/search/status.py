"""What is in the index, and what is not and why.

Belongs here: counting and listing. Does not belong here: searching (``hits.py``).
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

__all__ = ["DriveStatus", "IndexStatus", "Problem", "status_of"]


@dataclasses.dataclass(frozen=True)
class Problem:
    """A file that is found by its name alone; ``reason`` continues "The file ..."."""

    drive: str
    path: str
    reason: str
    will_retry: bool


@dataclasses.dataclass(frozen=True)
class DriveStatus:
    """A drive in numbers.

    Attributes:
        indexed: When the last run got to its end; None if none did yet.
        files: Files in the index.
        with_text: Of these, found by their text too.
        unreadable: Of these, those that should have text but could not be read.
        waiting: Of these, to be tried again by the next run.
    """

    drive: str
    indexed: datetime.datetime | None
    files: int
    with_text: int
    unreadable: int
    waiting: int


@dataclasses.dataclass(frozen=True)
class IndexStatus:
    """All drives, and all files that could not be read."""

    drives: tuple[DriveStatus, ...]
    problems: tuple[Problem, ...]


def status_of(db: sqlite3.Connection) -> IndexStatus:
    """The state of the index."""
    drives = db.execute(
        "SELECT drive.name, indexed_at, count(file.id), total(state = 'text'),"
        " total(state = 'unreadable'), total(state = 'later')"
        " FROM drive LEFT JOIN file ON file.drive_id = drive.id AND NOT is_folder"
        " GROUP BY drive.id ORDER BY drive.name"
    )
    problems = db.execute(
        "SELECT drive.name, path, reason, state = 'later'"
        " FROM file JOIN drive ON drive.id = file.drive_id"
        " WHERE state IN ('unreadable', 'later') ORDER BY drive.name, path"
    )
    return IndexStatus(
        tuple(
            DriveStatus(row[0], _moment(row[1]), *(int(number) for number in row[2:]))
            for row in drives
        ),
        tuple(Problem(row[0], row[1], row[2], bool(row[3])) for row in problems),
    )


def _moment(seconds: float) -> datetime.datetime | None:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC) if seconds else None
