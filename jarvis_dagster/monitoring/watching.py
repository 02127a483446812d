"""Watching the services, and telling people of those that went down.

Belongs here: which services are watched, and in which words a change is told. Does not belong
here: how one is asked (``services/health``), HTTP (``pages.py``).
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.monitoring.gauges import PlatformGauges
from jarvis_dagster.services.health import HealthMonitor
from jarvis_dagster.services.notification.notice import Notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.health import Change
    from jarvis_dagster.settings import Settings

__all__ = ["SERVICES", "Watch", "health_monitor", "notice_of"]

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
