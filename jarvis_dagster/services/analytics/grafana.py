"""Dashboards into a running Grafana, by its HTTP API.

Belongs here: the calls. Does not belong here: what is on a dashboard (``dashboards.py``), files
that Grafana provisions by itself (``deploy/grafana``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.analytics.config import AnalyticsConfig

__all__ = ["Grafana"]


class Grafana:
    """One Grafana server.

    Args:
        config: With ``grafana_url``, and ``grafana_token`` where it wants one.
    """

    def __init__(self, config: AnalyticsConfig) -> None:
        self._config = config
        self._url = config.grafana_url or ""
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if config.grafana_token is not None:
            self._headers["Authorization"] = f"Bearer {config.grafana_token.get_secret_value()}"

    def check(self) -> None:
        """Return when Grafana answers."""
        self._ask("GET", "/api/health")

    def put_dashboard(self, dashboard: Mapping[str, Any]) -> str:
        """Create it or replace the one of its uid, in the folder of the settings; returns its path.

        Raises:
            TransientError: Grafana is away.
            PermanentError: it refuses, as for a wrong token.
        """
        body = {
            "dashboard": dict(dashboard),
            "folderUid": self._folder(),
            "message": "Put there by Jarvis.",
            "overwrite": True,
        }
        answer = self._ask("POST", "/api/dashboards/db", body)
        return str(answer.get("url", ""))

    def _folder(self) -> str:
        """The uid of the folder; made if missing."""
        title = self._config.grafana_folder
        uid = "jarvis-" + "".join(c if c.isascii() and c.isalnum() else "-" for c in title.lower())
        uid = uid[:40]
        if self._ask("GET", f"/api/folders/{uid}", missing=True) is None:
            # Another process may be quicker: 409 and 412 say that it is there now.
            self._ask("POST", "/api/folders", {"uid": uid, "title": title}, there=(409, 412))
        return uid

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        missing: bool = False,
        there: tuple[int, ...] = (),
    ) -> Any:
        return retrying(self._config.attempts)(
            lambda: self._once(method, path, body, missing=missing, there=there)
        )

    def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        missing: bool,
        there: tuple[int, ...],
    ) -> Any:
        import urllib3

        try:
            answer = urllib3.request(
                method,
                f"{self._url}{path}",
                body=None if body is None else json.dumps(body).encode(),
                headers=self._headers,
                timeout=self._config.timeout_s,
                retries=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise TransientError(
                f"Grafana at {self._url} cannot be reached ({type(error).__name__}).",
                "Start it, or check analytics.grafana_url.",
            ) from None
        if missing and answer.status == 404:
            return None
        if answer.status in there:
            return {}
        if answer.status >= 500 or answer.status == 429:
            raise TransientError(
                f"Grafana at {self._url} failed (HTTP {answer.status}).", "See its log."
            )
        if answer.status >= 300:
            raise PermanentError(
                f"Grafana at {self._url} refused {method} {path} (HTTP {answer.status}:"
                f" {_message(answer.data)}).",
                "Check analytics.grafana_token: a service account with the role Editor.",
            )
        try:
            return json.loads(answer.data)
        except ValueError:
            raise PermanentError(
                f"What answers at {self._url} is not Grafana.", "Check analytics.grafana_url."
            ) from None


def _message(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])[:200]
    except (ValueError, KeyError, TypeError):
        return data.decode("utf-8", "replace")[:200]
