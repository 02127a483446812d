"""``python -m jarvis_dagster.monitoring``: metrics, health and alerts over HTTP.

Belongs here: the process that Prometheus reads and that load balancers ask (``/metrics``,
``/livez``, ``/readyz``), that tells people of services that went down, and that Alertmanager
gives its alerts to (``/alerts``). Does not belong here: what is measured and asked
(``platform_gauges``, ``services/analytics``, ``services/health``), words (``alert_notices``).
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from jarvis_dagster.alert_notices import alerts_app
from jarvis_dagster.errors import JarvisError
from jarvis_dagster.platform_gauges import PlatformGauges
from jarvis_dagster.services.health import HealthMonitor
from jarvis_dagster.services.notification.notice import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.health import Change
    from jarvis_dagster.settings import Settings

__all__ = ["SERVICES", "Watch", "health_monitor", "notice_of", "serve"]

log = logging.getLogger(__name__)

SERVICES = (
    *("storage", "client_storage", "experiment", "workflow", "analytics"),
    *("notification", "security", "approval"),
)


def health_monitor(core: JarvisCoreServices, settings: Settings) -> HealthMonitor:
    """A monitor of all core services."""

    def probe(name: str) -> Callable[[], None]:
        return lambda: getattr(core, f"{name}_service").check()

    return HealthMonitor({name: probe(name) for name in SERVICES}, settings.health)


def notice_of(change: Change) -> Notice:
    """What people are told of a service that went down or came back."""
    service = change.health.service
    if change.health.healthy:
        return Notice("service_up", f"The service {service} answers again.")
    waits = ", ".join(change.stands_still) or "nothing"
    return Notice(
        event="service_down",
        summary=f"The service {service} does not answer.",
        severity="critical",
        remedy=change.health.remedy,
        details={"What happened": change.health.error, "Stands still": waits},
        cause=f"service_down:{service}",
    )


class Watch:
    """Looks at all services every so often, in a thread, until it is closed."""

    def __init__(self, core: JarvisCoreServices, settings: Settings) -> None:
        self.monitor = health_monitor(core, settings)
        self._core = core
        self._interval_s = settings.health.interval_s
        self._gauges = PlatformGauges(core, settings)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=self._interval_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            changes = self.monitor.look()
            try:
                self._tell(changes)
            except JarvisError as error:
                log.warning("%s", error)
            self._stop.wait(self._interval_s)

    def _tell(self, changes: list[Change]) -> None:
        for one in self.monitor.status():
            labels = {"service": one.service}
            self._core.analytics_service.log_metric(
                "jarvis_service_healthy", float(one.healthy), labels
            )
            self._core.analytics_service.log_metric(
                "jarvis_service_answer_seconds", one.seconds, labels
            )
        self._gauges.look()
        for change in changes:
            self._core.notification_service.notify(notice_of(change))
            # Nobody else may be left to send it.
            self._core.notification_service.deliver(budget_s=10)


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


def main() -> int:
    """Serve until SIGTERM or Ctrl-C."""
    from jarvis_dagster.logs import write_logs
    from jarvis_dagster.settings import load_settings

    parser = argparse.ArgumentParser(description="Serve metrics and health.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9464)
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = load_settings()
        write_logs(settings)
        with serve(settings, arguments.host, arguments.port):
            stop.wait()
    except JarvisError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
