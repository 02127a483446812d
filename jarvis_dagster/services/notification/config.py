"""Settings of notifications.

Belongs here: what a person may set. Does not belong here: behaviour.
"""

from __future__ import annotations

import datetime
import zoneinfo
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from jarvis_dagster.services.notification.notice import Severity

__all__ = [
    "ChannelConfig",
    "NotificationConfig",
    "QuietHoursConfig",
    "RuleConfig",
    "TemplateConfig",
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ChannelConfig(_Section):
    """One way to reach people."""

    url: SecretStr = Field(
        description="Where to send, in Apprise's notation: `mailtos://...`, `slack://...`, "
        "`json://host/path` and some hundred more. Keep it in a file or variable."
    )


class RuleConfig(_Section):
    """Which notices go where; one that no rule names is not sent."""

    events: tuple[str, ...] = Field(("*",), description="Kinds of events, as in `run_*`.")
    components: tuple[str, ...] = Field(("*",), description="Components, as in `spotlight`.")
    severity: Severity = Field(
        "info", description="The least severity: info, warning, error or critical."
    )
    channels: tuple[str, ...] = Field(description="Names of `notification.channels`.")


class QuietHoursConfig(_Section):
    """When nobody is disturbed but for the gravest; the rest waits for the end."""

    start: datetime.time = Field(description="From this time on, as in `22:00`.")
    end: datetime.time = Field(description="Up to this time, maybe of the next day.")
    timezone: str = Field("UTC", description="Of both times, as in `Europe/Helsinki`.")
    severity: Literal["warning", "error", "critical"] = Field(
        "critical", description="From this severity on a notice is sent all the same."
    )

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            raise ValueError(
                f"{value!r} is no time zone; use one as in `Europe/Helsinki`"
            ) from None
        return value


class TemplateConfig(_Section):
    """How notices of one event are worded, in Jinja2: `notice`, `count`, `first`, `last`."""

    title: str | None = Field(None, description="The subject; empty means the usual one.")
    body: str | None = Field(None, description="The text; empty means the usual one.")


class NotificationConfig(_Section):
    """Who is told what, and where."""

    directory: Path | None = Field(
        None, description="Folder of the outbox; empty means the data directory."
    )
    channels: dict[str, ChannelConfig] = Field(
        default_factory=dict, description="Ways to reach people, by name."
    )
    rules: tuple[RuleConfig, ...] = Field(
        (), description="Which notices go where; none means warnings and worse, to all channels."
    )
    quiet_hours: QuietHoursConfig | None = Field(None, description="When to wait; empty is never.")
    templates: dict[str, TemplateConfig] = Field(
        default_factory=dict, description="Other wordings, by event."
    )
    repeat_s: float = Field(
        14_400, gt=0, description="Seconds in which one cause is told once and then counted."
    )
    first_retry_s: float = Field(
        30, gt=0, description="Seconds until a message that was not taken is sent again; doubles."
    )
    longest_retry_s: float = Field(3_600, gt=0, description="Most seconds between two tries.")
    give_up_s: float = Field(
        172_800, gt=0, description="Seconds after which a message that nobody took has failed."
    )
    keep_days: int = Field(90, ge=1, description="Days that sent messages are remembered.")

    @model_validator(mode="after")
    def _channels_exist(self) -> NotificationConfig:
        for rule in self.rules:
            for name in rule.channels:
                if name not in self.channels:
                    raise ValueError(f"rules name the channel {name!r}, which is not in channels")
        return self
