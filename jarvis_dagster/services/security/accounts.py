"""Accounts and their teams, in a database.

Belongs here: who there is, and signing in. Does not belong here: what they may do (``policy``),
``tokens``, how passwords are kept (``passwords``). All times are seconds since 1970.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Literal

from jarvis_dagster.errors import AccessDeniedError, BadInputError, ConflictError
from jarvis_dagster.services.security.passwords import hash_password, is_password, renewed

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from jarvis_dagster.services.database import Database
    from jarvis_dagster.services.security.config import SecurityConfig
    from jarvis_dagster.services.security.tokens import Tokens

__all__ = ["Account", "Accounts"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_REFUSED = AccessDeniedError(
    "The name or the password is wrong.", "Try again, or ask an admin for a new password."
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


class Accounts:
    """The accounts of one installation; safe for threads and processes."""

    def __init__(
        self,
        database: Database,
        config: SecurityConfig,
        tokens: Tokens,
        clock: Callable[[], float],
    ) -> None:
        import sqlalchemy as sa

        self._config = config
        self._tokens = tokens
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
        hashed = None if password is None else hash_password(password, self._config.least_password)
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
            raise ConflictError(
                f"There is an account {name} already.", f"`jarvis account set {name}` changes it."
            ) from None
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
            values |= {
                "password": hash_password(password, self._config.least_password),
                "failures": 0,
                "wait_until": 0.0,
            }
        try:
            with self._open() as base:
                if values:
                    at = self._account.c.name == name
                    base.execute(sa.update(self._account).where(at).values(values))
                if teams is not None:
                    self._set_teams(base, name, teams)
                if password is not None or disabled:
                    self._tokens.revoke_all(base, name)
        except sa.exc.IntegrityError:
            raise ConflictError(
                f"Somebody else changed the teams of {name} at this moment.", "Try again."
            ) from None
        return self.get(name)

    def sign_in(self, name: str, password: str) -> Account:
        """The account, if the password is its own.

        Takes as long for a name that there is not. After several wrong passwords in a row the
        account has to wait, ever longer.

        Raises:
            AccessDeniedError: it is not, the account is disabled, or has to wait.
        """
        import sqlalchemy as sa

        now = self._clock()
        with self._open() as base:
            at = self._account.c.name == name
            row = base.execute(sa.select(self._account).where(at)).one_or_none()
        if row is not None and row.wait_until > now:
            raise AccessDeniedError(
                f"Too many wrong passwords for {name}.",
                f"Wait {row.wait_until - now:.0f} seconds, then try again.",
            )
        kept: str | None = row.password if row is not None and not row.disabled else None
        proved = is_password(kept, password)
        if kept is None or not proved:
            self._wrong(name, now)
            raise _REFUSED
        values: dict[str, Any] = {"failures": 0, "wait_until": 0.0}
        better = renewed(kept, password)
        if better is not None:
            values["password"] = better
        with self._open() as base:
            base.execute(sa.update(self._account).where(at).values(values))
        return self.get(name)

    def _wrong(self, name: str, now: float) -> None:
        import sqlalchemy as sa

        config, at = self._config, self._account.c.name == name
        with self._open() as base:
            # Counted before it is read: of passwords that are tried at once, each counts.
            count = self._account.c.failures
            base.execute(sa.update(self._account).where(at).values(failures=count + 1))
            failures = base.execute(sa.select(count).where(at)).scalar()
            if failures is None:
                return
            over = failures - config.failures_until_wait
            wait = (
                min(config.wait_s * 2 ** min(over, 64), config.longest_wait_s) if over >= 0 else 0.0
            )
            until = now + wait if wait else 0.0
            base.execute(sa.update(self._account).where(at).values(wait_until=until))

    def _set_teams(self, base: sa.Connection, name: str, teams: frozenset[str]) -> None:
        import sqlalchemy as sa

        base.execute(sa.delete(self._team).where(self._team.c.account == name))
        for team in sorted(teams):
            base.execute(sa.insert(self._team).values(team=team, account=name))
