"""Accounts, teams and tokens, in a database.

Belongs here: who there is, and proving it. Does not belong here: what they may do (``policy``).

Passwords are kept as Argon2 hashes. A token is random and long, so a plain
hash of it is enough; it is shown once. All times are seconds since 1970.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Any, Literal

from jarvis_dagster.errors import AccessDeniedError, BadInputError, ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from jarvis_dagster.services.security.config import SecurityConfig
    from jarvis_dagster.services.security.database import Database

__all__ = ["Account", "Accounts", "Token"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_TOKEN = re.compile(r"jarvis_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NOTE_EVERY_S = 60.0
"""Use of a token is noted this often: not every request is a write."""
_REFUSED = AccessDeniedError(
    "The name or the password is wrong.", "Try again, or ask an admin for a new password."
)
_NO_TOKEN = AccessDeniedError(
    "The token is unknown, expired or revoked.", "Make a new one: `jarvis token create`."
)


@dataclasses.dataclass(frozen=True)
class Account:
    """A person or a component."""

    name: str
    kind: Literal["user", "service"]
    role: str
    teams: frozenset[str]
    disabled: bool
    created: float


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


class Accounts:
    """The accounts of one installation; safe for threads and processes."""

    def __init__(
        self, database: Database, config: SecurityConfig, clock: Callable[[], float]
    ) -> None:
        import sqlalchemy as sa

        self._config = config
        self._clock = clock
        self._open = database.open
        data = database.tables
        self._account = sa.Table(
            "jarvis_account",
            data,
            sa.Column("name", sa.String(64), primary_key=True),
            sa.Column("kind", sa.String(8), nullable=False),
            sa.Column("role", sa.String(64), nullable=False),
            sa.Column("password", sa.String(200)),
            sa.Column("disabled", sa.Boolean, nullable=False),
            sa.Column("created", sa.Float, nullable=False),
            sa.Column("failures", sa.Integer, nullable=False),
            sa.Column("wait_until", sa.Float, nullable=False),
        )
        self._team = sa.Table(
            "jarvis_team_member",
            data,
            sa.Column("team", sa.String(64), primary_key=True),
            sa.Column("account", sa.String(64), primary_key=True),
        )
        self._token = sa.Table(
            "jarvis_token",
            data,
            sa.Column("id", sa.String(16), primary_key=True),
            sa.Column("account", sa.String(64), nullable=False),
            sa.Column("hash", sa.String(64), nullable=False),
            sa.Column("label", sa.String(200), nullable=False),
            sa.Column("created", sa.Float, nullable=False),
            sa.Column("expires", sa.Float, nullable=False),
            sa.Column("revoked", sa.Boolean, nullable=False),
            sa.Column("used", sa.Float),
        )

    def add(
        self,
        name: str,
        role: str,
        *,
        kind: Literal["user", "service"] = "user",
        teams: frozenset[str] = frozenset(),
        password: str | None = None,
    ) -> Account:
        """A new account.

        Raises:
            BadInputError: the name or the password cannot be used.
            ConflictError: there is one of that name.
        """
        import sqlalchemy as sa

        for text in (name, *teams):
            if not _NAME.fullmatch(text):
                raise BadInputError(
                    f"{text!r} cannot be a name.",
                    "Use up to 64 small letters, digits and . _ @ + -, a letter or digit first.",
                )
        hashed = None if password is None else self._hashed(password)
        row: dict[str, Any] = {
            "name": name,
            "kind": kind,
            "role": role,
            "password": hashed,
            "disabled": False,
        }
        row |= {"created": self._clock(), "failures": 0, "wait_until": 0.0}
        try:
            with self._open() as base:
                base.execute(sa.insert(self._account).values(row))
                self._set_teams(base, name, teams)
        except sa.exc.IntegrityError:
            raise ConflictError(f"There is an account {name} already.") from None
        return self.get(name)

    def get(self, name: str) -> Account:
        """One account.

        Raises:
            BadInputError: there is none.
        """
        found = self._some(name)
        if not found:
            raise BadInputError(f"There is no account {name}.", "`jarvis account list` shows all.")
        return found[0]

    def all(self) -> list[Account]:
        """All accounts, by name."""
        return self._some()

    def _some(self, name: str | None = None) -> list[Account]:
        import sqlalchemy as sa

        accounts = sa.select(self._account).order_by(self._account.c.name)
        teams = sa.select(self._team)
        if name is not None:
            accounts = accounts.where(self._account.c.name == name)
            teams = teams.where(self._team.c.account == name)
        with self._open() as base:
            rows = base.execute(accounts).all()
            members = base.execute(teams).all()
        return [
            Account(
                row.name,
                row.kind,
                row.role,
                frozenset(one.team for one in members if one.account == row.name),
                row.disabled,
                row.created,
            )
            for row in rows
        ]

    def has_password(self, name: str) -> bool:
        """Whether an account can sign in with a password."""
        import sqlalchemy as sa

        with self._open() as base:
            query = sa.select(self._account.c.password).where(self._account.c.name == name)
            return base.execute(query).scalar() is not None

    def change(
        self,
        name: str,
        *,
        role: str | None = None,
        teams: frozenset[str] | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> Account:
        """Change what is given; with a new password or disabled, all tokens are revoked."""
        import sqlalchemy as sa

        self.get(name)
        values: dict[str, Any] = {
            key: value
            for key, value in (("role", role), ("disabled", disabled))
            if value is not None
        }
        if password is not None:
            values |= {"password": self._hashed(password), "failures": 0, "wait_until": 0.0}
        with self._open() as base:
            if values:
                at = self._account.c.name == name
                base.execute(sa.update(self._account).where(at).values(values))
            if teams is not None:
                self._set_teams(base, name, teams)
            if password is not None or disabled:
                of = self._token.c.account == name
                base.execute(sa.update(self._token).where(of).values(revoked=True))
        return self.get(name)

    def sign_in(self, name: str, password: str) -> Account:
        """The account, if the password is its own.

        Takes as long for a name that there is not. After several wrong passwords in a row the
        account has to wait, ever longer.

        Raises:
            AccessDeniedError: it is not, the account is disabled, or has to wait.
        """
        import argon2
        import sqlalchemy as sa

        hasher, now = argon2.PasswordHasher(), self._clock()
        with self._open() as base:
            at = self._account.c.name == name
            row = base.execute(sa.select(self._account).where(at)).one_or_none()
        usable = row is not None and row.password is not None and not row.disabled
        if row is not None and row.wait_until > now:
            raise AccessDeniedError(
                f"Too many wrong passwords for {name}.",
                f"Wait {row.wait_until - now:.0f} seconds, then try again.",
            )
        try:
            hasher.verify(row.password if usable and row is not None else _decoy(), password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            usable = False
        if not usable or row is None:
            self._wrong(name, now)
            raise _REFUSED
        values: dict[str, Any] = {"failures": 0, "wait_until": 0.0}
        if hasher.check_needs_rehash(row.password):
            values["password"] = hasher.hash(password)
        with self._open() as base:
            base.execute(sa.update(self._account).where(at).values(values))
        return self.get(name)

    def create_token(self, name: str, label: str, days: int) -> tuple[str, Token]:
        """A new token of an account, shown here and never again, and what is known of it."""
        import sqlalchemy as sa

        self.get(name)
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
        return f"jarvis_{token_id}_{secret}", self._known(row)

    def tokens(self, name: str | None = None) -> list[Token]:
        """All tokens, of an account or of all, the newest first."""
        import sqlalchemy as sa

        query = sa.select(self._token).order_by(self._token.c.created.desc())
        if name is not None:
            query = query.where(self._token.c.account == name)
        with self._open() as base:
            return [self._known(row._asdict()) for row in base.execute(query)]

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
        return next(one for one in self.tokens() if one.id == token_id)

    def of_token(self, token: str) -> Account:
        """The account that a token is of.

        Raises:
            AccessDeniedError: it is unknown, expired or revoked, or its account disabled.
        """
        import sqlalchemy as sa

        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise _NO_TOKEN
        now = self._clock()
        with self._open() as base:
            at = self._token.c.id == parts[1]
            row = base.execute(sa.select(self._token).where(at)).one_or_none()
            known = row is not None and hmac.compare_digest(row.hash, _digest(parts[2]))
            if row is None or not known or row.revoked or row.expires <= now:
                raise _NO_TOKEN
            if row.used is None or now - row.used > _NOTE_EVERY_S:
                base.execute(sa.update(self._token).where(at).values(used=now))
        account = self.get(row.account)
        if account.disabled:
            raise _NO_TOKEN
        return account

    def _wrong(self, name: str, now: float) -> None:
        import sqlalchemy as sa

        config, at = self._config, self._account.c.name == name
        with self._open() as base:
            failures = base.execute(sa.select(self._account.c.failures).where(at)).scalar()
            if failures is None:
                return
            over = failures + 1 - config.failures_until_wait
            wait = min(config.wait_s * 2**over, config.longest_wait_s) if over >= 0 else 0.0
            base.execute(
                sa.update(self._account)
                .where(at)
                .values(failures=failures + 1, wait_until=now + wait if wait else 0.0)
            )

    def _hashed(self, password: str) -> str:
        import argon2

        if len(password) < self._config.least_password:
            raise BadInputError(
                f"The password has fewer than {self._config.least_password} characters.",
                "Use a longer one: a few words will do.",
            )
        if len(password) > 1024:
            raise BadInputError("The password has more than 1024 characters.")
        return argon2.PasswordHasher().hash(password)

    def _set_teams(self, base: sa.Connection, name: str, teams: frozenset[str]) -> None:
        import sqlalchemy as sa

        base.execute(sa.delete(self._team).where(self._team.c.account == name))
        for team in sorted(teams):
            base.execute(sa.insert(self._team).values(team=team, account=name))

    @staticmethod
    def _known(row: dict[str, Any]) -> Token:
        return Token(**{key: value for key, value in row.items() if key != "hash"})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _decoy() -> str:
    """A hash that no password has, so that unknown names take as long as known ones."""
    return (
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA"
        "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    )
