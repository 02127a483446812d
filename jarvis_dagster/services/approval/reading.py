"""Reading approvals: what waits, what was decided, what is to be done.

Belongs here: looks that change nothing. Does not belong here: asking and deciding (``service``).
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import ConfigError
from jarvis_dagster.services.approval.deciders import Deciders
from jarvis_dagster.services.approval.records import Records, require_id
from jarvis_dagster.services.security.principal import current_principal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jarvis_dagster.services.approval.approval import Approval, Kind
    from jarvis_dagster.services.approval.config import ApprovalsConfig
    from jarvis_dagster.services.security import JarvisSecurityService, Principal

__all__ = ["Reading"]


class Reading:
    """The approvals of one installation, to look at."""

    def __init__(
        self,
        config: ApprovalsConfig,
        security: Callable[[], JarvisSecurityService],
        clock: Callable[[], float],
    ) -> None:
        if config.directory is None:
            raise ConfigError("approvals.directory is not set.", "Name a folder.")
        self.config = config
        self._security, self._clock = security, clock
        self._directory = config.directory
        self._deciders = Deciders(config, security)

    @cached_property
    def _records(self) -> Records:
        if self.config.database is not None:
            return Records(self.config.database.get_secret_value())
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Records(f"sqlite:///{self._directory / 'approvals.sqlite3'}")

    def close(self) -> None:
        """Close the database."""
        if "_records" in self.__dict__:
            self.__dict__.pop("_records").close()

    def check(self) -> None:
        """See that the approvals can be read.

        Raises:
            TransientError: they cannot.
        """
        self._records.find(limit=1)

    def required(self, kind: Kind, team: str | None = None) -> bool:
        """Whether such a thing waits for a person."""
        return self.config.rule(kind, team).required

    def to_do(self, kinds: Sequence[str]) -> list[Approval]:
        """What was approved and is not noted as done, the oldest first."""
        found = self._records.find(state="approved", applied_at=None, kind=tuple(kinds))
        return found[::-1]

    def get(self, approval_id: str, *, by: Principal | None = None) -> Approval:
        """An approval by its id or the beginning of it; ``by`` has to be allowed to see it.

        Raises:
            BadInputError: there is none, or none that ``by`` may see.
        """
        exact = self.find_all(id=approval_id)
        by = by or current_principal()
        seen = [one for one in exact or self.find_all() if self._deciders.sees(one, by)]
        return require_id(seen, approval_id)

    def approvals(
        self,
        *,
        state: str | None = None,
        kind: str | None = None,
        by: Principal | None = None,
        limit: int | None = None,
    ) -> list[Approval]:
        """What ``by`` may see (by default the principal in force), the newest first."""
        by, wanted = by or current_principal(), {} if kind is None else {"kind": kind}
        found = [
            one
            for one in self.find_all(**wanted)
            if self._deciders.sees(one, by) and (state is None or one.state == state)
        ]
        return found[:limit]

    def why_not(self, approval: Approval, by: Principal | None = None) -> str:
        """Why ``by`` may not decide this; empty if it may."""
        return self._deciders.against(approval, by or current_principal())

    def find_all(self, **equal: Any) -> list[Approval]:
        """Approvals with these values, whoever may see them; what is over time is expired."""
        return [self._seen_now(one) for one in self._records.find(**equal)]

    def verify(self) -> list[str]:
        """Decisions in the database that the audit log does not know; none is as it should be."""
        noted = {
            (one["action"], one.get("object"), one.get("sha256"), one.get("by"))
            for one in self._security().audit.entries()
            if one["action"] in {"approval.approved", "approval.rejected"} and one["allowed"]
        }
        return [
            f"{one.id} ({one.title or one.subject}): the audit log does not know that"
            f" {one.decided_by} has decided it"
            for one in self._records.find()
            if one.decided_at is not None
            and not noted
            & {
                (f"approval.{verdict}", one.id, one.sha256, one.decided_by)
                for verdict in ("approved", "rejected")
                if one.state in {verdict, "superseded"}
            }
        ]

    def _seen_now(self, approval: Approval) -> Approval:
        if approval.waiting and approval.expires_at <= self._clock():
            return dataclasses.replace(approval, state="expired")
        return approval
