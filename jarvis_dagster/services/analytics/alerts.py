"""Alerts, as a caller gives them.

Belongs here: their form. Does not belong here: sending them (``alertmanager.py``), rules for when
(Prometheus), who is told (Alertmanager's routes).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from jarvis_dagster.services.analytics.checking import checked

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Alert", "read_alert"]

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Alert(pydantic.BaseModel):
    """Something a person should know."""

    model_config = pydantic.ConfigDict(extra="forbid")

    name: str = pydantic.Field(min_length=1, description="What kind of alert it is.")
    severity: Literal["info", "warning", "critical"] = pydantic.Field(
        default="warning", description="How bad it is."
    )
    summary: str = pydantic.Field(min_length=1, description="One sentence for a person.")
    description: str = pydantic.Field(default="", description="More, with what to do.")
    labels: dict[str, str] = pydantic.Field(
        default_factory=dict, description="What it is about; alerts of equal labels are one."
    )
    resolved: bool = pydantic.Field(default=False, description="Whether it is over.")

    @pydantic.field_validator("labels")
    @classmethod
    def _names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _LABEL.fullmatch(name) or name in {"alertname", "severity"}:
                raise ValueError(f"{name!r} cannot be a label")
        return value


def read_alert(config: Mapping[str, Any]) -> Alert:
    """Check an alert.

    Raises:
        BadInputError: naming what is wrong with it.
    """
    return checked(Alert, config, "alert")
