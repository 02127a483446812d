"""Alerts to Alertmanager.

Belongs here: the form of an alert and the call. Does not belong here: rules
for when (Prometheus), who is told (Alertmanager's routes).
"""

from __future__ import annotations

import datetime
import json
import re
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Alert", "check_alertmanager", "post_alert", "read_alert"]

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
    try:
        return Alert.model_validate(dict(config))
    except pydantic.ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)
        )
        raise BadInputError(f"The alert is not valid ({faults}).") from None


def post_alert(url: str, alert: Alert, *, timeout_s: float, attempts: int) -> None:
    """Give an alert to Alertmanager at ``url``; giving it twice is one alert."""
    now = datetime.datetime.now(datetime.UTC).isoformat()
    body: dict[str, Any] = {
        "labels": {"alertname": alert.name, "severity": alert.severity, **alert.labels},
        "annotations": {"summary": alert.summary, "description": alert.description},
    }
    if alert.resolved:
        body["endsAt"] = now
    retrying(attempts)(
        lambda: _request("POST", f"{url}/api/v2/alerts", timeout_s, json.dumps([body]).encode())
    )


def check_alertmanager(url: str, timeout_s: float) -> None:
    """Return when Alertmanager answers."""
    _request("GET", f"{url}/-/ready", timeout_s)


def _request(method: str, url: str, timeout_s: float, body: bytes | None = None) -> None:
    import urllib3

    try:
        answer = urllib3.request(
            method,
            url,
            body=body,
            headers={"Content-Type": "application/json"},
            timeout=timeout_s,
            retries=False,
        )
    except urllib3.exceptions.HTTPError as error:
        raise TransientError(
            f"Alertmanager at {url} cannot be reached ({type(error).__name__}).",
            "Start it, or check analytics.alertmanager_url.",
        ) from None
    if answer.status >= 500:
        raise TransientError(
            f"Alertmanager at {url} failed (HTTP {answer.status}).", "See its log."
        )
    if answer.status >= 300:
        text = answer.data.decode("utf-8", "replace")[:200]
        raise PermanentError(
            f"Alertmanager at {url} refused (HTTP {answer.status}: {text}).",
            "Check analytics.alertmanager_url and the alert.",
        )
