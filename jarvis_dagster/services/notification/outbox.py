"""What is to be sent, kept until somebody took it.

Belongs here: one SQLite file that every process of a machine writes into; claims, so that two
processes do not send the same. Does not belong here: sending, wording, rules.

A message is written before anybody tries to send it, and marked after the channel took it. A
process that dies in between leaves a claim that runs out: the message is sent again rather than
lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
import uuid
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.notification.notice import Notice
from jarvis_dagster.services.sqlite_log import use_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Message", "Outbox"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id TEXT PRIMARY KEY, channel TEXT NOT NULL, cause TEXT NOT NULL, notice TEXT NOT NULL,
    state TEXT NOT NULL, count INTEGER NOT NULL, told INTEGER NOT NULL, tries INTEGER NOT NULL,
    first_at REAL NOT NULL, last_at REAL NOT NULL, next_at REAL NOT NULL,
    claimed_until REAL NOT NULL, sent_at REAL, error TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS due ON message (state, next_at);
CREATE INDEX IF NOT EXISTS cause ON message (channel, cause, last_at);
"""
_COLUMNS = (
    "id, channel, cause, notice, state, count, told, tries, first_at, last_at, next_at, sent_at,"
    " error"
)
_CLAIM_S = 120.0


@dataclasses.dataclass(frozen=True)
class Message:
    """A notice for one channel.

    Attributes:
        state: ``waiting``, ``sent`` or ``failed``.
        count: How often its cause came up, ``told`` how many of them the channel knows.
        tries: How often it was sent and not taken.
        first_at: Of its notices, in seconds since 1970; ``last_at`` of the newest.
        next_at: Not before this it is tried (again).
        error: Why it was not taken.
    """

    id: str
    channel: str
    cause: str
    notice: Notice
    state: str
    count: int
    told: int
    tries: int
    first_at: float
    last_at: float
    next_at: float
    sent_at: float | None
    error: str


class Outbox:
    """Messages in ``notifications.sqlite3`` of a folder; safe for threads and processes."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "notifications.sqlite3"

    def add(
        self, notice: Notice, channel: str, now: float, not_before: float, repeat_s: float
    ) -> str | None:
        """Put a notice in for a channel.

        One whose cause was told within ``repeat_s``, or waits, is counted there instead.

        Returns:
            The id of the new message; None where it was counted.
        """
        cause = notice.cause or uuid.uuid4().hex
        with self._open() as base:
            known = base.execute(
                "SELECT id, state FROM message WHERE channel = ? AND cause = ?"
                " AND (state = 'waiting' OR (state = 'sent' AND first_at > ?))"
                " ORDER BY first_at DESC LIMIT 1",
                (channel, cause, now - repeat_s),
            ).fetchone()
            if known is not None:
                base.execute(
                    "UPDATE message SET count = count + 1, last_at = ? WHERE id = ?",
                    (now, known[0]),
                )
                return None
            since = base.execute(
                "SELECT coalesce(sum(count - told), 0) FROM message WHERE channel = ?"
                " AND cause = ? AND state = 'sent'",
                (channel, cause),
            ).fetchone()[0]
            base.execute(
                "UPDATE message SET told = count WHERE channel = ? AND cause = ?"
                " AND state = 'sent'",
                (channel, cause),
            )
            message_id = uuid.uuid4().hex
            base.execute(
                f"INSERT INTO message ({_COLUMNS}, claimed_until)"  # noqa: S608
                " VALUES (?, ?, ?, ?, 'waiting', ?, 0, 0, ?, ?, ?, NULL, '', 0)",
                (
                    *(message_id, channel, cause, json.dumps(dataclasses.asdict(notice))),
                    *(1 + since, now, now, not_before),
                ),
            )
            return message_id

    def claim(self, now: float) -> Message | None:
        """The message that has been due for longest, for this process alone for two minutes."""
        with self._open() as base:
            row = base.execute(
                f"UPDATE message SET claimed_until = ? WHERE id = (SELECT id FROM message"  # noqa: S608
                " WHERE state = 'waiting' AND next_at <= ? AND claimed_until <= ?"
                f" ORDER BY next_at LIMIT 1) RETURNING {_COLUMNS}",
                (now + _CLAIM_S, now, now),
            ).fetchone()
        return None if row is None else _message(row)

    def sent(self, message: Message, now: float) -> None:
        """A channel took it."""
        with self._open() as base:
            base.execute(
                "UPDATE message SET state = 'sent', told = ?, sent_at = ?, error = '' WHERE id = ?",
                (message.count, now, message.id),
            )

    def failed(self, message: Message, error: str) -> None:
        """Nobody will take it."""
        with self._open() as base:
            base.execute(
                "UPDATE message SET state = 'failed', error = ? WHERE id = ?", (error, message.id)
            )

    def later(self, message: Message, next_at: float, error: str) -> None:
        """It was not taken; try again at ``next_at``."""
        with self._open() as base:
            base.execute(
                "UPDATE message SET tries = tries + 1, next_at = ?, claimed_until = 0, error = ?"
                " WHERE id = ?",
                (next_at, error, message.id),
            )

    def forget(self, before: float) -> int:
        """Remove what ended before ``before``; returns how many."""
        with self._open() as base:
            return base.execute(
                "DELETE FROM message WHERE state != 'waiting' AND last_at < ?", (before,)
            ).rowcount

    def messages(self, state: str | None = None, limit: int = 100) -> list[Message]:
        """The newest messages first."""
        where, values = ("WHERE state = ?", [state]) if state else ("", [])
        with self._open() as base:
            rows = base.execute(
                f"SELECT {_COLUMNS} FROM message {where}"  # noqa: S608
                " ORDER BY last_at DESC LIMIT ?",
                (*values, limit),
            ).fetchall()
        return [_message(row) for row in rows]

    def count(self, state: str) -> int:
        """How many messages are in a state."""
        with self._open() as base:
            number: int = base.execute(
                "SELECT count(*) FROM message WHERE state = ?", (state,)
            ).fetchone()[0]
        return number

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            base = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            use_log(base)
            base.executescript(_SCHEMA)
            base.execute("BEGIN IMMEDIATE")
            yield base
            base.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        finally:
            base.close()

    def _unusable(self, error: Exception) -> TransientError:
        return TransientError(
            f"The outbox {self._path} cannot be used ({error}).",
            "Check the disk and the rights of that file.",
        )


def _message(row: tuple[Any, ...]) -> Message:
    identity, channel, cause, notice, *rest = row
    return Message(identity, channel, cause, Notice(**json.loads(notice)), *rest)
