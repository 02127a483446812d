"""Who is signed in on the web pages, in the database of accounts.

Belongs here: beginning, finding and ending sessions. Does not belong here: cookies and pages
(``jarvis_dagster.gateway``), proving who somebody is (``accounts``).

A session's key is random and long and known to the browser alone: the database has its hash. It
ends after a while without use, at a fixed time after its beginning, when its owner signs out or
gets a new password, and when the account is disabled. All times are seconds since 1970.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.database import Database
    from jarvis_dagster.services.security.config import SecurityConfig

__all__ = ["Session", "Sessions"]

_NOTE_EVERY_S = 60.0
"""Use is noted this often: not every request is a write."""


@dataclasses.dataclass(frozen=True)
class Session:
    """One signed-in browser; ``form_key`` is what its forms must carry."""

    id: str
    account: str
    form_key: str = dataclasses.field(repr=False)
    how: str
    address: str
    agent: str
    began: float
    used: float
    ends: float

    def has_form_key(self, given: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(self.form_key.encode(), given.encode())


class Sessions:
    """The sessions of one installation; safe for threads and processes."""

    def __init__(
        self, database: Database, config: SecurityConfig, clock: Callable[[], float]
    ) -> None:
        import sqlalchemy as sa

        self._config = config
        self._clock = clock
        self._open = database.open
        self._table = sa.Table(
            "jarvis_session",
            database.tables,
            sa.Column("id", sa.String(16), primary_key=True),
            sa.Column("hash", sa.String(64), nullable=False),
            sa.Column("account", sa.String(64), nullable=False),
            sa.Column("form_key", sa.String(64), nullable=False),
            sa.Column("how", sa.String(16), nullable=False),
            sa.Column("address", sa.String(64), nullable=False),
            sa.Column("agent", sa.String(200), nullable=False),
            sa.Column("began", sa.Float, nullable=False),
            sa.Column("used", sa.Float, nullable=False),
            sa.Column("ends", sa.Float, nullable=False),
        )

    def begin(self, account: str, *, how: str, address: str = "", agent: str = "") -> str:
        """A new session; its key is given here and never again."""
        import sqlalchemy as sa

        now, session_id, secret = self._clock(), secrets.token_hex(8), secrets.token_urlsafe(32)
        row: dict[str, Any] = {
            "id": session_id,
            "hash": _digest(secret),
            "account": account,
            "form_key": secrets.token_urlsafe(32),
            "how": how,
            "address": address[:64],
            "agent": agent[:200],
            "began": now,
            "used": now,
            "ends": now + 3600 * self._config.session_hours,
        }
        with self._open() as base:
            over = sa.or_(self._table.c.ends <= now, self._table.c.used <= self._oldest(now))
            base.execute(sa.delete(self._table).where(over))
            base.execute(sa.insert(self._table).values(row))
        return f"{session_id}.{secret}"

    def find(self, key: str) -> Session | None:
        """The session of a key, if it goes on."""
        import sqlalchemy as sa

        session_id, _, secret = key.partition(".")
        now = self._clock()
        with self._open() as base:
            at = self._table.c.id == session_id[:16]
            row = base.execute(sa.select(self._table).where(at)).one_or_none()
            if row is None or not hmac.compare_digest(row.hash, _digest(secret)):
                return None
            if row.ends <= now or row.used <= self._oldest(now):
                return None
            if now - row.used > _NOTE_EVERY_S:
                base.execute(sa.update(self._table).where(at).values(used=now))
        return _session(row)

    def of(self, account: str) -> list[Session]:
        """The sessions of an account that go on, the newest first."""
        import sqlalchemy as sa

        now, table = self._clock(), self._table
        query = sa.select(table).where(
            table.c.account == account, table.c.ends > now, table.c.used > self._oldest(now)
        )
        with self._open() as base:
            rows = base.execute(query.order_by(table.c.began.desc())).all()
        return [_session(row) for row in rows]

    def end(self, session_id: str) -> None:
        """End one session; nothing happens if it is over."""
        import sqlalchemy as sa

        with self._open() as base:
            base.execute(sa.delete(self._table).where(self._table.c.id == session_id))

    def end_all(self, account: str, *, but: str | None = None) -> None:
        """End every session of an account, or every one but that of the id ``but``."""
        import sqlalchemy as sa

        which = self._table.c.account == account
        if but is not None:
            which = sa.and_(which, self._table.c.id != but)
        with self._open() as base:
            base.execute(sa.delete(self._table).where(which))

    def _oldest(self, now: float) -> float:
        return now - 60 * self._config.idle_minutes


def _session(row: Any) -> Session:
    values = {key: value for key, value in row._asdict().items() if key != "hash"}
    return Session(**values)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
