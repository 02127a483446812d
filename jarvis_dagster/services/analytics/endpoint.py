"""The metrics endpoint: what all processes logged, and how this machine is.

Belongs here: the HTTP endpoint for Prometheus. Does not belong here: logging
(``service.py``), keeping (``store.py``).
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import ConfigError
from jarvis_dagster.services.analytics.machine import Machine
from jarvis_dagster.services.analytics.store import MetricStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client import CollectorRegistry, Metric

    from jarvis_dagster.services.analytics.config import AnalyticsConfig

__all__ = ["metrics_app", "metrics_registry", "serve_app", "serve_metrics"]


class _Stored:
    """The store's metrics; the time of reading tells that the endpoint lives."""

    def __init__(self, store: MetricStore) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """Read all series."""
        from prometheus_client.core import GaugeMetricFamily

        yield from self._store.collect()
        yield GaugeMetricFamily(
            "jarvis_metrics_read_timestamp_seconds",
            "When the metrics were read last.",
            value=time.time(),
        )


def metrics_registry(config: AnalyticsConfig) -> CollectorRegistry:
    """A registry of its own that holds what all processes logged."""
    from prometheus_client import CollectorRegistry

    config.directory.mkdir(parents=True, exist_ok=True)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Stored(MetricStore(config.directory, config.label_values)))
    registry.register(Machine(config.directory))
    return registry


def metrics_app(config: AnalyticsConfig) -> Callable[..., Any]:
    """``/metrics`` as a WSGI application."""
    from prometheus_client import make_wsgi_app

    app: Callable[..., Any] = make_wsgi_app(metrics_registry(config))
    return app


@contextlib.contextmanager
def serve_app(app: Callable[..., Any], host: str, port: int) -> Iterator[int]:
    """Serve a WSGI application from threads while the context lasts; yields the port.

    Raises:
        ConfigError: the port is taken or the host is not one of this machine.
    """
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    from prometheus_client.exposition import ThreadingWSGIServer

    class Handler(WSGIRequestHandler):
        """Requests come every few seconds: none is logged."""

        timeout = 30  # so that nobody holds a thread for ever

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    try:
        server = make_server(host, port, app, ThreadingWSGIServer, Handler)
    except OSError as error:
        raise ConfigError(
            f"Metrics cannot be served at {host}:{port} ({error.strerror or error}).",
            "Choose another port in the settings, or stop what uses it.",
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def serve_metrics(config: AnalyticsConfig, host: str, port: int) -> Iterator[int]:
    """Serve ``/metrics`` from a thread while the context lasts; yields the port.

    Raises:
        ConfigError: the port is taken or the host is not one of this machine.
    """
    with serve_app(metrics_app(config), host, port) as serving:
        yield serving
