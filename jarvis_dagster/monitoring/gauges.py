"""What the platform holds and waits for, measured from outside of any run.

Belongs here: gauges that need the services: outbox, approvals, store, backups, certificates.
Does not belong here: what runs say (``sensors/run_metrics``), this machine
(``services/analytics/machine``).
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from jarvis_dagster.errors import JarvisError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

__all__ = ["PlatformGauges", "certificate_expiry"]

log = logging.getLogger(__name__)
_STATES = ("waiting", "sent", "failed")


class PlatformGauges:
    """Logs gauges, the costly ones seldom; one that cannot be had is skipped, and said in the log.

    Args:
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        core: JarvisCoreServices,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._core = core
        self._settings = settings
        self._clock = clock
        self._looks: tuple[tuple[str, float, Callable[[], None]], ...] = (
            ("the outbox", 0, self._outbox),
            ("approvals", 0, self._approvals),
            ("the object store", 900, self._store),
            ("backups", 900, self._backup),
            ("certificates", 3600, self._certificates),
        )
        self._next: dict[str, float] = {}

    def look(self) -> None:
        """Measure what is due."""
        for name, every_s, measure in self._looks:
            now = self._clock()
            if now < self._next.get(name, 0):
                continue
            self._next[name] = now + every_s
            try:
                measure()
            except JarvisError as error:
                log.warning("%s cannot be measured: %s", name, error)
            except Exception:  # a gauge must not end the watch over the services
                log.exception("%s cannot be measured", name)

    def _gauge(self, name: str, value: float, **labels: str) -> None:
        self._core.analytics_service.log_metric(name, value, labels)

    def _outbox(self) -> None:
        box = self._core.notification_service.outbox
        for state in _STATES:
            self._gauge("jarvis_notifications", box.count(state), state=state)
        overdue = [
            self._clock() - message.next_at
            for message in self._core.notification_service.messages("waiting", limit=1000)
        ]
        self._gauge("jarvis_notification_overdue_seconds", max(0.0, max(overdue, default=0.0)))

    def _approvals(self) -> None:
        from jarvis_dagster.services.approval.config import KINDS

        now = self._clock()
        waiting = self._core.approval_service.find_all(state="waiting")
        for kind in KINDS:
            # Beyond their time they are no longer waited for, even if the state still says so.
            mine = [one for one in waiting if one.kind == kind and one.waiting]
            used = [(now - one.asked_at) / (one.expires_at - one.asked_at) for one in mine]
            oldest = max((now - one.asked_at for one in mine), default=0.0)
            self._gauge("jarvis_approvals_waiting", float(len(mine)), kind=kind)
            self._gauge("jarvis_approval_oldest_seconds", max(0.0, oldest), kind=kind)
            self._gauge("jarvis_approval_time_used_ratio", max([0.0, *used]), kind=kind)

    def _store(self) -> None:
        storage = self._core.storage_service
        for bucket in storage.config.buckets:
            sizes = [item.size for item in storage.raw.iter_objects(bucket)]
            self._gauge("jarvis_storage_bytes", float(sum(sizes)), bucket=bucket)
            self._gauge("jarvis_storage_objects", float(len(sizes)), bucket=bucket)

    def _backup(self) -> None:
        if self._settings.backup.place is None:
            return
        from jarvis_dagster.wiring import backup_service

        found = backup_service(self._settings).snapshots()
        newest = max((snapshot.created for snapshot in found.snapshots), default=None)
        # One that was never made is as old as can be.
        at = newest.timestamp() if newest is not None else 0.0
        self._gauge("jarvis_backup_timestamp_seconds", at)

    def _certificates(self) -> None:
        for address in self._settings_of_certificates():
            try:
                self._gauge(
                    "jarvis_certificate_expiry_timestamp_seconds",
                    certificate_expiry(address),
                    address=address,
                )
            except TransientError as error:
                log.warning("%s", error)

    def _settings_of_certificates(self) -> tuple[str, ...]:
        analytics = self._settings.analytics
        return analytics.certificates if analytics is not None else ()


def certificate_expiry(address: str, timeout_s: float = 10) -> float:
    """When the certificate of ``host:port`` ends, in seconds since 1970.

    It need not be trusted here: a page behind an authority of its own is watched too.

    Raises:
        TransientError: nobody answers there, or not with TLS.
    """
    import socket
    import ssl

    from cryptography import x509

    host, _, port = address.rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            sent = wrapped.getpeercert(binary_form=True)
    except (OSError, ValueError) as error:
        raise TransientError(
            f"The certificate of {address} cannot be read ({error}).",
            "Check analytics.certificates, and that the page answers.",
        ) from error
    assert sent is not None  # a client is always sent one
    return x509.load_der_x509_certificate(sent).not_valid_after_utc.timestamp()
