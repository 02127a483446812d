"""Settings of approvals.

Belongs here: what a person may set, and which rule holds for a team. Does not belong here:
behaviour.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from jarvis_dagster.services.approval.approval import Kind

__all__ = ["KINDS", "ApprovalsConfig", "KindConfig", "Rule", "TeamConfig"]

KINDS: tuple[Kind, ...] = get_args(Kind)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TeamConfig(_Section):
    """What is otherwise for one team; what is empty is as for everybody."""

    required: bool | None = Field(None, description="Whether a person has to say yes.")
    role: str | None = Field(None, description="The role that decides.")
    expires_hours: float | None = Field(None, gt=0, description="Hours that are left to decide.")


class KindConfig(_Section):
    """What of one kind needs a person."""

    required: bool = Field(False, description="Whether a person has to say yes.")
    role: str | None = Field(
        None, description="The role that decides; empty: every role that the policy lets."
    )
    expires_hours: float = Field(72, gt=0, description="Hours that are left to decide.")
    own: bool = Field(
        False, description="Whether people may approve what they asked for themselves."
    )
    teams: dict[str, TeamConfig] = Field(
        default_factory=dict, description="What is otherwise for a team, by its name."
    )


@dataclasses.dataclass(frozen=True)
class Rule:
    """What holds for one kind and team."""

    required: bool
    role: str | None
    expires_hours: float
    own: bool


class ApprovalsConfig(_Section):
    """What waits until a person says yes."""

    directory: Path | None = Field(
        None, description="Folder of approvals; empty means the data directory."
    )
    database: SecretStr | None = Field(
        None,
        description="SQLAlchemy URL of the approvals; empty means `security.database`, or a file"
        " in the folder.",
    )
    url: str | None = Field(
        None,
        pattern=r"^https?://[^\s]+$",
        description="Address at which people reach Jarvis' pages, for links in messages; empty"
        " means that of the gateway.",
    )
    results: KindConfig = Field(KindConfig(), description="Results, before the drive gets them.")
    deployment: KindConfig = Field(
        KindConfig(), description="A model, before it becomes the champion."
    )
    parameters: KindConfig = Field(
        KindConfig(), description="Parameters that the Autopilot changes."
    )
    labels: KindConfig = Field(
        KindConfig(), description="Corrections and labels of people, before they are used."
    )

    def rule(self, kind: Kind, team: str | None) -> Rule:
        """What holds for things of that kind that belong to that team (None: to nobody's)."""
        own: KindConfig = getattr(self, kind)
        of_team = own.teams.get(team or "", TeamConfig())
        return Rule(
            own.required if of_team.required is None else of_team.required,
            of_team.role or own.role,
            of_team.expires_hours or own.expires_hours,
            own.own,
        )
