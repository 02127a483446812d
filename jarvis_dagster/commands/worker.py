"""``jarvis worker``: serve workflows on this machine, as one process or as many as it takes."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.leaving import leave

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["autoscale", "work"]


def work(kinds: Sequence[str], metrics: str | None) -> None:
    """Serve until SIGTERM or Ctrl-C; never returns."""
    from jarvis_dagster.workflows.registry import SERVED
    from jarvis_dagster.workflows.worker import main

    leave(main(_known(kinds) or SERVED, metrics))


def autoscale(kinds: Sequence[str], metrics: str | None, least: int, most: int) -> None:
    """Keep as many workers as what waits needs, until SIGTERM or Ctrl-C."""
    from jarvis_dagster.logs import write_logs
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services, with_embedded
    from jarvis_dagster.workflows.registry import SERVED
    from jarvis_dagster.workflows.scaling import Limits, scale
    from jarvis_dagster.workflows.worker_pool import WorkerPool

    if most < least:
        raise BadInputError(f"At most {most} workers are fewer than {least}.", "See --max.")
    served = _known(kinds) or SERVED
    settings = with_embedded(load_settings())
    config = settings.workflow
    if config is None:
        raise AssertionError("with_embedded fills it in")
    metrics = metrics or config.metrics_address

    def command(number: int) -> list[str]:
        words = [sys.executable, "-m", "jarvis_dagster.cli", "worker"]
        for kind in served:
            words += ["--kind", kind]
        return words if metrics is None else [*words, "--metrics", _port_after(metrics, number)]

    write_logs(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = settings.data_dir / "workers" / "-".join(served)
    pool = WorkerPool(folder, most, command, config.graceful_stop_s + 15)
    pool.open()
    limits = Limits(least, most, config.max_concurrent_activities)
    with core_services(settings) as core:
        try:
            scale(core.workflow_service, pool, limits, served, stop)
        finally:
            logging.getLogger(__name__).info("Stopping; workers finish or hand back their steps.")
            pool.close()
    leave(0)


def _known(kinds: Sequence[str]) -> tuple[str, ...]:
    from jarvis_dagster.workflows.registry import SERVED

    for kind in kinds:
        if kind not in SERVED:
            raise BadInputError(f"There is no kind of work {kind!r}.", f"Use {', '.join(SERVED)}.")
    return tuple(kinds)


def _port_after(address: str, number: int) -> str:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise BadInputError(f"{address!r} is no address for metrics.", "As in 127.0.0.1:9465.")
    return f"{host}:{int(port) + number}"
