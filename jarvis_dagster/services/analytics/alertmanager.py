"""Alertmanager: alerts to it, what it holds, and its silences.

Belongs here: its API, version 2. Does not belong here: the form of an alert (``alerts.py``),
rules for when (Prometheus), who is told (its routes).
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.analytics.alerts import Alert

__all__ = ["Alertmanager", "Known", "Silence"]

_GRAVEST = {"critical": 0, "error": 1, "warning": 2, "info": 3}
_LONGEST_H = 24 * 366


@dataclasses.dataclass(frozen=True)
class Known:
    """An alert that fires.

    Attributes:
        state: ``told``, ``silenced``, or ``has a cause`` (another alert explains it).
        since: ISO time, UTC.
    """

    name: str
    severity: str
    state: str
    since: str
    summary: str
    remedy: str
    labels: dict[str, str]
    silenced_by: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Silence:
    """Until ``ends``, alerts with these labels tell nobody."""

    id: str
    matchers: dict[str, str]
    ends: str
    by: str
    why: str


class Alertmanager:
    """One Alertmanager, by its address."""

    def __init__(self, url: str, timeout_s: float, attempts: int) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._attempts = attempts

    def check(self) -> None:
        """Return when it answers; asked once."""
        self._once("GET", "/-/ready")

    def post(self, alert: Alert) -> None:
        """Give it an alert; giving it twice is one alert."""
        body: dict[str, Any] = {
            "labels": {"alertname": alert.name, "severity": alert.severity, **alert.labels},
            "annotations": {"summary": alert.summary, "description": alert.description},
        }
        if alert.resolved:
            body["endsAt"] = datetime.datetime.now(datetime.UTC).isoformat()
        self._ask("POST", "/alerts", [body])

    def alerts(self) -> list[Known]:
        """All that fires, the gravest first."""
        found = [_known(one) for one in self._ask("GET", "/alerts")]
        return sorted(found, key=lambda one: (_GRAVEST.get(one.severity, 2), one.name, one.since))

    def silences(self) -> list[Silence]:
        """Those in force, or to come."""
        return [
            Silence(
                one["id"],
                {m["name"]: m["value"] for m in one["matchers"]},
                one["endsAt"],
                one["createdBy"],
                one["comment"],
            )
            for one in self._ask("GET", "/silences")
            if one["status"]["state"] != "expired"
        ]

    def silence(self, matchers: Mapping[str, str], hours: float, *, by: str, why: str) -> str:
        """Begin one now; one of the same labels is prolonged."""
        if not matchers or not all(matchers.values()):
            raise BadInputError("A silence needs labels.", "As in `alertname=DiskFull`.")
        if not 0 < hours <= _LONGEST_H:
            raise BadInputError(f"{hours:g} hours is no length.", "Use more than 0, up to a year.")
        if not why.strip():
            raise BadInputError("A silence needs a reason.", "Others will read it.")
        now = datetime.datetime.now(datetime.UTC)
        body: dict[str, Any] = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in sorted(matchers.items())
            ],
            "startsAt": now.isoformat(),
            "endsAt": (now + datetime.timedelta(hours=hours)).isoformat(),
            "createdBy": by,
            "comment": why,
        }
        same = [one.id for one in self.silences() if one.matchers == dict(matchers)]
        if same:
            body["id"] = same[0]
        return str(self._ask("POST", "/silences", body)["silenceID"])

    def end_silence(self, silence_id: str) -> None:
        """End one now."""
        if silence_id not in {one.id for one in self.silences()}:
            raise BadInputError(
                f"There is no silence {silence_id}.", "`jarvis alerts silences` lists them."
            )
        self._ask("DELETE", f"/silence/{silence_id}")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """What its API answers, read as JSON; None where it has nothing to say."""
        data = retrying(self._attempts)(lambda: self._once(method, f"/api/v2{path}", body))
        return json.loads(data) if data.strip() else None

    def _once(self, method: str, path: str, body: Any = None) -> bytes:
        import urllib3

        try:
            answer = urllib3.request(
                method,
                f"{self._url}{path}",
                body=None if body is None else json.dumps(body).encode(),
                headers={"Content-Type": "application/json"},
                timeout=self._timeout_s,
                retries=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise TransientError(
                f"Alertmanager at {self._url} cannot be reached ({type(error).__name__}).",
                "Start it, or check analytics.alertmanager_url.",
            ) from None
        if answer.status >= 500:
            raise TransientError(
                f"Alertmanager at {self._url} failed (HTTP {answer.status}).", "See its log."
            )
        if answer.status >= 300:
            text = answer.data.decode("utf-8", "replace")[:200]
            raise PermanentError(
                f"Alertmanager at {self._url} refused (HTTP {answer.status}: {text}).",
                "Check analytics.alertmanager_url and what was sent.",
            )
        data: bytes = answer.data
        return data


def _known(one: Mapping[str, Any]) -> Known:
    status, labels = one["status"], dict(one["labels"])
    state = "told"
    if status["silencedBy"]:
        state = "silenced"
    elif status["inhibitedBy"]:
        state = "has a cause"
    return Known(
        name=labels.pop("alertname", ""),
        severity=labels.pop("severity", "warning"),
        state=state,
        since=one["startsAt"],
        summary=one["annotations"].get("summary", ""),
        remedy=one["annotations"].get("remedy", ""),
        labels=labels,
        silenced_by=tuple(status["silencedBy"]),
    )
