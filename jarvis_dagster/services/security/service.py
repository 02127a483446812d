"""JarvisSecurityService: who there is, what they may do, and what they did.

Belongs here: the questions that everything else asks. Does not belong here: how accounts are kept
(``accounts``), how calls are held back (``guard``).
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from jarvis_dagster.errors import AccessDeniedError, BadInputError, ConfigError
from jarvis_dagster.services.database import Database
from jarvis_dagster.services.security.accounts import Account, Accounts
from jarvis_dagster.services.security.audit import AuditLog
from jarvis_dagster.services.security.guard import Guarded
from jarvis_dagster.services.security.policy import Policy
from jarvis_dagster.services.security.principal import LOCAL, Principal
from jarvis_dagster.services.security.sessions import Session, Sessions
from jarvis_dagster.services.security.teams import Teams
from jarvis_dagster.services.security.tokens import NO_TOKEN, Token, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.security.config import SecurityConfig

__all__ = ["JarvisSecurityService"]

_EVERYBODYS = {"admin", "developer", "operator"}
"""Roles that see the things of all teams."""


class JarvisSecurityService:
    """Accounts, rights and the audit log of one installation.

    Args:
        clock: Seconds since 1970.
    """

    def __init__(self, config: SecurityConfig, *, clock: Callable[[], float] = time.time) -> None:
        if config.directory is None:
            raise ConfigError("security.directory is not set.", "Name a folder.")
        self._config = config
        self._clock = clock
        self._directory: Path = config.directory
        self.teams = Teams(config.drive_teams)
        self.audit = AuditLog(self._directory / "audit.jsonl")

    @cached_property
    def policy(self) -> Policy:
        """Roles and their rights."""
        return Policy(self._config.policy)

    @cached_property
    def _people(self) -> tuple[Database, Accounts, Tokens, Sessions]:
        if self._config.database is not None:
            url = self._config.database.get_secret_value()
        else:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            url = f"sqlite:///{self._directory / 'accounts.sqlite3'}"
        database = Database(url, "accounts", "security.database")
        config, clock = self._config, self._clock
        tokens = Tokens(database, clock)
        accounts = Accounts(database, config, tokens, clock)
        return database, accounts, tokens, Sessions(database, config, clock)

    @property
    def accounts(self) -> Accounts:
        """Who there is."""
        return self._people[1]

    @property
    def tokens(self) -> Tokens:
        """With what programs prove whose they are."""
        return self._people[2]

    @property
    def sessions(self) -> Sessions:
        """Who is signed in on the web pages."""
        return self._people[3]

    def close(self) -> None:
        """Close the database."""
        if "_people" in self.__dict__:
            self._people[0].close()
            del self.__dict__["_people"]

    def check(self) -> None:
        """See that the policy and the accounts can be read.

        Raises:
            ConfigError: the policy is wrong.
            TransientError: the accounts cannot be read.
        """
        _ = self.policy
        self.accounts.all()

    def allows(self, principal: Principal, resource: str, right: str) -> bool:
        """Whether ``principal`` has ``right`` (read or write) on ``resource``."""
        return principal == LOCAL or self.policy.allows(principal.role, resource, right)

    def require(self, principal: Principal, resource: str, right: str) -> None:
        """Refuse, and note the refusal, where ``principal`` lacks the right.

        Raises:
            AccessDeniedError: it does.
        """
        if not self.allows(principal, resource, right):
            self.audit.add(
                f"{resource}.{right}", allowed=False, by=principal.name, role=principal.role
            )
            raise AccessDeniedError(
                f"{principal.name} ({principal.role}) may not {right} {resource}.",
                "Ask an admin for another role, or for somebody who may.",
            )

    def guard(self, service: Any, kind: str, principal: Principal) -> Any:
        """``service`` as far as ``principal`` may use it."""
        return Guarded(service, kind, principal, self)

    def sign_in(self, name: str, password: str) -> Principal:
        """Who has this name and password.

        Raises:
            AccessDeniedError: nobody.
        """
        try:
            account = self.accounts.sign_in(name, password)
        except AccessDeniedError as error:
            self.audit.add("sign_in", allowed=False, by=name[:64], reason=error.what)
            raise
        self.audit.add("sign_in", allowed=True, by=account.name)
        return _principal(account)

    def authenticate(self, token: str, *, note: bool = True) -> Principal:
        """Whose token this is; ``note`` says whether a refusal is noted.

        Raises:
            AccessDeniedError: nobody's, or no longer.
        """
        try:
            account = self.accounts.get(self.tokens.account_of(token))
            if account.disabled:
                raise NO_TOKEN
        except AccessDeniedError as error:
            if note:
                self.audit.add("token", allowed=False, by="unknown", reason=error.what)
            raise
        return _principal(account)

    def begin_session(
        self, principal: Principal, *, how: str, address: str = "", agent: str = ""
    ) -> str:
        """The key of a new session of somebody who has proved who they are."""
        key = self.sessions.begin(principal.name, how=how, address=address, agent=agent)
        self.audit.add("session.begin", allowed=True, by=principal.name, how=how)
        return key

    def of_session(self, key: str) -> tuple[Session, Principal] | None:
        """The session of this key and whose it is, as their account is now; None if it is over."""
        session = self.sessions.find(key)
        if session is None:
            return None
        try:
            account = self.accounts.get(session.account)
        except BadInputError:  # it was removed
            return None
        if account.disabled:
            return None
        return session, _principal(account)

    def principal_of(self, name: str) -> Principal:
        """An account as one who acts."""
        return _principal(self.accounts.get(name))

    def component(self, name: str) -> Principal:
        """The service account of a component, made when it is first asked for.

        Raises:
            BadInputError: the policy knows no role of that name.
        """
        role = name.lower()
        self.require_role(role)
        if all(account.name != role for account in self.accounts.all()):
            self.add_account(role, role, kind="service")
        return self.principal_of(role)

    def add_account(
        self,
        name: str,
        role: str,
        *,
        kind: Literal["user", "service"] = "user",
        teams: frozenset[str] = frozenset(),
        password: str | None = None,
    ) -> Account:
        """A new account; see :meth:`Accounts.add`."""
        self.require_role(role)
        made = self.accounts.add(name, role, kind=kind, teams=teams, password=password)
        self.audit.add("account.add", allowed=True, object=name, role=role, teams=sorted(teams))
        return made

    def change_account(
        self,
        name: str,
        *,
        role: str | None = None,
        teams: frozenset[str] | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> Account:
        """Change an account; see :meth:`Accounts.change`.

        Raises:
            BadInputError: nobody would be left who may do everything.
        """
        if role is not None:
            self.require_role(role)
        others = [
            one
            for one in self.accounts.all()
            if one.role == "admin" and not one.disabled and one.name != name
        ]
        loses = disabled or (role is not None and role != "admin")
        if loses and self.accounts.get(name).role == "admin" and not others:
            raise BadInputError(f"{name} is the only admin.", "Make somebody else one first.")
        changed = self.accounts.change(
            name, role=role, teams=teams, disabled=disabled, password=password
        )
        if disabled or password is not None:
            self.sessions.end_all(name)
        self.audit.add(
            "account.change",
            allowed=True,
            object=name,
            role=role,
            teams=None if teams is None else sorted(teams),
            disabled=disabled,
            password="changed" if password is not None else None,
        )
        return changed

    def create_token(self, name: str, label: str = "", days: int | None = None) -> str:
        """A new token of an account; it is shown here and never again."""
        self.accounts.get(name)
        token, known = self.tokens.create(name, label, days or self._config.token_days)
        self.audit.add("token.create", allowed=True, object=name, token=known.id)
        return token

    def revoke_token(self, token_id: str) -> Token:
        """End a token."""
        ended = self.tokens.revoke(token_id)
        self.audit.add("token.revoke", allowed=True, object=ended.account, token=token_id)
        return ended

    def noted(self) -> list[dict[str, Any]]:
        """All entries of the audit log, oldest first; see :meth:`AuditLog.history`."""
        return list(self.audit.history())

    def faults_of_log(self) -> list[str]:
        """What is wrong with the audit log; see :meth:`AuditLog.verify`."""
        return self.audit.verify()

    def require_role(self, role: str) -> None:
        """Raise ``BadInputError`` unless the policy knows such a role."""
        if role not in self.policy.roles:
            raise BadInputError(
                f"There is no role {role!r}.", f"There are: {', '.join(sorted(self.policy.roles))}."
            )


def _principal(account: Account) -> Principal:
    teams = None if account.role in _EVERYBODYS else account.teams
    if account.kind == "service" and not account.teams:
        teams = None  # the platform's own components work for every team
    return Principal(account.name, account.role, teams, account.kind)
