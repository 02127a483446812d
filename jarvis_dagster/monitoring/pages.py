"""The pages of the watching process.

Belongs here: ``/metrics``, ``/livez``, ``/readyz``, ``/alerts``, and serving them. Does not belong
here: what they say (``gauges.py``, ``watching.py``, ``alerts.py``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.monitoring.alerts import alerts_app
from jarvis_dagster.monitoring.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jarvis_dagster.services.health import HealthMonitor
    from jarvis_dagster.settings import Settings

__all__ = ["serve"]


def application(
    monitor: HealthMonitor, metrics: Callable[..., Any], alerts: Callable[..., Any]
) -> Callable[..., Any]:
    """The pages as a WSGI application; ``metrics`` is prometheus-client's."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/alerts":
            taken: Iterable[bytes] = alerts(environ, start)
            return taken
        if path in {"/", "/metrics"}:
            result: Iterable[bytes] = metrics(environ, start)
            return result
        rows = [dataclasses.asdict(one) for one in monitor.status()]
        fine = {"/livez": monitor.is_live, "/readyz": monitor.is_ready}.get(path)
        status = "404 Not Found"
        if fine is not None:
            status = "200 OK" if fine() else "503 Service Unavailable"
        body = json.dumps({"status": status, "services": rows if fine else []}).encode()
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        start(status, headers)
        return [body]

    return answer


@contextlib.contextmanager
def serve(settings: Settings, host: str, port: int) -> Iterator[int]:
    """Serve and watch while the context lasts; yields the port.

    Raises:
        ConfigError: the port is taken or the host is not one of this machine.
    """
    from jarvis_dagster.services.analytics.endpoint import metrics_app, serve_app
    from jarvis_dagster.wiring import core_services, with_embedded

    analytics = with_embedded(settings).analytics
    assert analytics is not None
    with core_services(settings) as core:
        watch = Watch(core, settings)
        told = alerts_app(core.notification_service, analytics.hook_token)
        # Made before there are two threads.
        app = application(watch.monitor, metrics_app(analytics), told)
        with watch, serve_app(app, host, port) as serving:
            yield serving
