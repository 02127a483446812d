"""Alerts that Alertmanager sends, told to people as everything else is.

Belongs here: the receiver that ``deploy/alertmanager`` names, and an alert in the words of a
notice. Does not belong here: rules for when (Prometheus), groups and silences (Alertmanager), whom
it is told and how (``services/notification``).
"""

from __future__ import annotations

import hmac
import json
import logging
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.services.notification.notice import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jarvis_dagster.services.notification import JarvisNotificationService

__all__ = ["AlertGroup", "alerts_app", "notice_of_group"]

log = logging.getLogger(__name__)
_MOST_BYTES = 1 << 20
_NAMED = 10
_SEVERITIES = ("info", "warning", "error", "critical")


class _Alert(pydantic.BaseModel):
    status: Literal["firing", "resolved"]
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class AlertGroup(pydantic.BaseModel):
    """What Alertmanager posts to a webhook (version 4), as far as it is told on."""

    status: Literal["firing", "resolved"]
    groupKey: str  # noqa: N815 - Alertmanager's
    alerts: list[_Alert] = pydantic.Field(min_length=1)
    truncatedAlerts: int = 0  # noqa: N815


def notice_of_group(group: AlertGroup) -> Notice:
    """One notice for a group: Alertmanager has put together what belongs together."""
    firing = [alert for alert in group.alerts if alert.status == "firing"]
    told = firing or group.alerts
    first = told[0]
    name = first.labels.get("alertname", "An alert")
    summary = first.annotations.get("summary", name)
    more = len(told) - 1 + group.truncatedAlerts
    if more:
        summary += f" (and {more} more)"
    if not firing:
        return Notice(
            "alert_over", f"Over: {summary}.", "info", cause=f"alert_over:{group.groupKey}"
        )
    worst = max(told, key=lambda alert: _rank(alert.labels.get("severity", "warning")))
    severity = _SEVERITIES[_rank(worst.labels.get("severity", "warning"))]
    details = {"Alert": name}
    for number, alert in enumerate(told[1:_NAMED], start=2):
        said = alert.annotations.get("summary", alert.labels.get("alertname", ""))
        details[f"Alert {number}"] = said
    if page := first.annotations.get("runbook_url"):
        details["More"] = page if page.startswith("http") else f"docs/{page}"
    return Notice(
        event="alert",
        summary=f"{summary}.",
        severity=severity,  # type: ignore[arg-type]
        remedy=first.annotations.get("remedy", ""),
        details=details,
        component="monitoring",
        cause=f"alert:{group.groupKey}",
    )


def alerts_app(service: JarvisNotificationService, token: pydantic.SecretStr | None) -> Any:
    """``POST /alerts`` as a WSGI application.

    A group is on the disk before it answers 200; with any other answer Alertmanager sends it
    again.

    Args:
        token: What has to be shown as a bearer token; None lets everybody who reaches it.
    """

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        status, text = _take(environ)
        start(
            status,
            [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text)))],
        )
        return [text]

    def _take(environ: dict[str, Any]) -> tuple[str, bytes]:
        if environ.get("REQUEST_METHOD") != "POST":
            return "405 Method Not Allowed", b"POST alerts here.\n"
        shown = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ").encode()
        if token is not None and not hmac.compare_digest(shown, token.get_secret_value().encode()):
            return "401 Unauthorized", b"The token is missing or wrong.\n"
        length = environ.get("CONTENT_LENGTH") or ""
        if not length.isdigit() or int(length) > _MOST_BYTES:
            return "413 Content Too Large", b"At most 1 MB.\n"
        try:
            group = AlertGroup.model_validate(json.loads(environ["wsgi.input"].read(int(length))))
        except (ValueError, RecursionError):
            return "400 Bad Request", b"That is not a group of alerts.\n"
        try:
            service.notify(notice_of_group(group))
            service.deliver(budget_s=5)  # the daemon that usually sends may be what is down
        except JarvisError as error:
            log.warning("%s", error)
            return "503 Service Unavailable", b"It cannot be taken now.\n"
        return "200 OK", b"taken\n"

    return answer


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else 1
