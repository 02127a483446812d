"""API tokens, in the database of accounts.

Belongs here: making, proving and ending them. Does not belong here: the accounts that they are of
(``accounts``), what a token may do (``policy``).

A token is random and long, so a plain hash of it is enough; it is shown once. All times are
seconds since 1970.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import AccessDeniedError, BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from jarvis_dagster.services.database import Database

__all__ = ["NO_TOKEN", "Token", "Tokens"]

_TOKEN = re.compile(r"jarvis_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NOTE_EVERY_S = 60.0
"""Use of a token is noted this often: not every request is a write."""
NO_TOKEN = AccessDeniedError(
    "The token is unknown, expired or revoked.", "Make a new one: `jarvis token create`."
)


@dataclasses.dataclass(frozen=True)
class Token:
    """What is known of a token but itself."""

    id: str
    account: str
    label: str
    created: float
    expires: float
    revoked: bool
    used: float | None


class Tokens:
    """The tokens of one installation; safe for threads and processes."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        import sqlalchemy as sa

        self._clock = clock
        self._open = database.open
        self._token = sa.Table(
            "jarvis_token",
            database.tables,
            sa.Column("id", sa.String(16), primary_key=True),
            sa.Column("account", sa.String(64), nullable=False),
            sa.Column("hash", sa.String(64), nullable=False),
            sa.Column("label", sa.String(200), nullable=False),
            sa.Column("created", sa.Float, nullable=False),
            sa.Column("expires", sa.Float, nullable=False),
            sa.Column("revoked", sa.Boolean, nullable=False),
            sa.Column("used", sa.Float),
        )

    def create(self, name: str, label: str, days: int) -> tuple[str, Token]:
        """A new token of an account, shown here and never again, and what is known of it."""
        import sqlalchemy as sa

        token_id, secret, now = secrets.token_hex(8), secrets.token_urlsafe(32), self._clock()
        row: dict[str, Any] = {
            "id": token_id,
            "account": name,
            "hash": _digest(secret),
            "label": label,
        }
        row |= {"created": now, "expires": now + 86_400 * days, "revoked": False, "used": None}
        with self._open() as base:
            base.execute(sa.insert(self._token).values(row))
        return f"jarvis_{token_id}_{secret}", _known(row)

    def all(self, name: str | None = None) -> list[Token]:
        """All tokens, of an account or of all, the newest first."""
        import sqlalchemy as sa

        query = sa.select(self._token).order_by(self._token.c.created.desc())
        if name is not None:
            query = query.where(self._token.c.account == name)
        with self._open() as base:
            return [_known(row._asdict()) for row in base.execute(query)]

    def revoke(self, token_id: str) -> Token:
        """End a token.

        Raises:
            BadInputError: there is none of that id.
        """
        import sqlalchemy as sa

        with self._open() as base:
            at = self._token.c.id == token_id
            if not base.execute(sa.update(self._token).where(at).values(revoked=True)).rowcount:
                raise BadInputError(
                    f"There is no token {token_id}.", "`jarvis token list` has all."
                )
        return next(one for one in self.all() if one.id == token_id)

    def revoke_all(self, base: sa.Connection, name: str) -> None:
        """End all tokens of an account, with what else the transaction does to it."""
        import sqlalchemy as sa

        of = self._token.c.account == name
        base.execute(sa.update(self._token).where(of).values(revoked=True))

    def account_of(self, token: str) -> str:
        """The name of the account that a token is of.

        Raises:
            AccessDeniedError: it is unknown, expired or revoked.
        """
        import sqlalchemy as sa

        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise NO_TOKEN
        now = self._clock()
        with self._open() as base:
            at = self._token.c.id == parts[1]
            row = base.execute(sa.select(self._token).where(at)).one_or_none()
            known = row is not None and hmac.compare_digest(row.hash, _digest(parts[2]))
            if row is None or not known or row.revoked or row.expires <= now:
                raise NO_TOKEN
            if row.used is None or now - row.used > _NOTE_EVERY_S:
                base.execute(sa.update(self._token).where(at).values(used=now))
        return str(row.account)


def _known(row: dict[str, Any]) -> Token:
    return Token(**{key: value for key, value in row.items() if key != "hash"})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
