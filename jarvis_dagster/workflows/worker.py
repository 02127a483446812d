"""The worker: serves workflows and kinds of work until it is told to stop.

Belongs here: connecting, serving, stopping. Does not belong here: what is served
(``registry.py``), how many workers there are (``scaling.py``).
``python -m jarvis_dagster.workflows.worker`` runs it with the settings in force; ``jarvis
worker`` has options.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime
import logging
import signal
from typing import TYPE_CHECKING, Any

from temporalio.worker import ResourceBasedSlotConfig, Worker, WorkerTuner

from jarvis_dagster.errors import BadInputError, ConfigError, JarvisError
from jarvis_dagster.leaving import leave
from jarvis_dagster.services.workflow.connection import connect
from jarvis_dagster.services.workflow.names import queue_of
from jarvis_dagster.workflows.activity_tools import Deaf
from jarvis_dagster.workflows.busy import Busy
from jarvis_dagster.workflows.registry import (
    DECISIONS,
    SERVED,
    WORKFLOW_CLASSES,
    Tools,
    activities_of,
)
from jarvis_dagster.workflows.watch import watch_running

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from temporalio.client import Client
    from temporalio.runtime import Runtime

    from jarvis_dagster.services.workflow import WorkflowConfig

__all__ = ["main", "run_worker", "serve"]

_LOG = logging.getLogger(__name__)
_MOST_WAITING = 20
"""Activities of the kind ``io`` at a time: they wait for others, and need no processor."""
_SETTLE_S = 1.0
"""So long a worker serves whenever it is told to stop: of steps that it asked for just before, some
went to nobody, and had to be missed first."""
_DEAF_S = 5.0
"""What a step that was told to end has to do so; then the worker ends without it."""


async def serve(
    config: WorkflowConfig,
    tools: Tools,
    stop: asyncio.Event,
    *,
    kinds: Sequence[str] = SERVED,
    analytics: bool = False,
    runtime: Runtime | None = None,
) -> None:
    """Serve until ``stop`` is set; then let running steps finish for a while.

    Steps that do not finish in ``graceful_stop_s`` are handed back, and taken up by another
    worker or by the next one; so are those that do not hear that they are to end.

    Args:
        kinds: ``workflows`` (their decisions) and the kinds of work to serve.
        analytics: Log how long workflows run.

    Raises:
        TransientError: Temporal cannot be reached.
        BadInputError: there is no such kind.
    """
    for kind in kinds:
        if kind not in SERVED:
            raise BadInputError(f"There is no kind of work {kind!r}.", f"Use {', '.join(SERVED)}.")
    client = await connect(config, lambda: tools.core.storage_service, runtime=runtime)
    busy = Busy.from_environment()
    executor = concurrent.futures.ThreadPoolExecutor(
        3 * config.max_concurrent_activities + _MOST_WAITING
    )
    workers = [
        _worker(client, config, tools, kind, kinds, executor, busy)
        for kind in kinds
        if activities_of(kind, tools)
    ]
    _LOG.info("Serving %s of %s at %s.", ", ".join(kinds), config.task_queue, config.address)
    serving = [asyncio.create_task(worker.run()) for worker in workers]
    told = asyncio.create_task(stop.wait())
    if analytics and DECISIONS in kinds:
        watching = asyncio.create_task(
            watch_running(client, config.task_queue, tools.core.analytics_service, stop)
        )
        watching.add_done_callback(_tell_why)
    try:
        settled = asyncio.create_task(asyncio.sleep(_SETTLE_S))
        await asyncio.wait({*serving, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        await asyncio.wait({*serving, settled}, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        if not any(one.done() for one in serving):
            _LOG.info("Stopping; running steps have %g s to finish.", config.graceful_stop_s)
        await _stopped(workers, serving, config.graceful_stop_s + _DEAF_S)
    finally:
        # A step that does not hear that it is to stop must not hold the process.
        executor.shutdown(wait=False, cancel_futures=True)


async def _stopped(
    workers: Sequence[Worker], serving: Sequence[asyncio.Task[None]], longest_s: float
) -> None:
    """Wait until all have stopped, or for so long.

    What is left then is handed back as the event loop ends: its tasks are cancelled.
    """
    try:
        async with asyncio.timeout(longest_s) as limit:
            await asyncio.gather(*(worker.shutdown() for worker in workers))
            await asyncio.gather(*serving)
    except TimeoutError:
        if not limit.expired():
            raise
        _LOG.warning("A step does not hear that it is to end; the worker ends without it.")


def _worker(
    client: Client,
    config: WorkflowConfig,
    tools: Tools,
    kind: str,
    kinds: Sequence[str],
    executor: concurrent.futures.ThreadPoolExecutor,
    busy: Busy,
) -> Worker:
    """The worker of one queue."""
    most = _MOST_WAITING if kind == "io" else config.max_concurrent_activities
    queue = queue_of(config.task_queue, kind)
    workflows: list[type] = []
    activities: list[Callable[..., Any]] = activities_of(kind, tools)
    if kind == DECISIONS:
        queue, workflows = config.task_queue, list(WORKFLOW_CLASSES)
        if set(kinds) == set(SERVED):
            # Workflows that began before each kind had a queue have their steps here.
            activities += activities_of("vision", tools) + activities_of("training", tools)
    return Worker(
        client,
        task_queue=queue,
        workflows=workflows,
        activities=activities,
        activity_executor=executor,
        tuner=WorkerTuner.create_resource_based(
            target_memory_usage=config.memory_target,
            target_cpu_usage=config.cpu_target,
            activity_config=ResourceBasedSlotConfig(
                minimum_slots=1,
                maximum_slots=1 if kind == "training" else most,
                ramp_throttle=datetime.timedelta(milliseconds=50),
            ),
        ),
        interceptors=[busy, Deaf()],
        max_heartbeat_throttle_interval=datetime.timedelta(seconds=5),
        graceful_shutdown_timeout=datetime.timedelta(seconds=config.graceful_stop_s),
    )


def _tell_why(watching: asyncio.Task[None]) -> None:
    """A watch that broke must not stop the work, but be known."""
    if not watching.cancelled() and watching.exception() is not None:
        _LOG.error("Running workflows are no longer watched.", exc_info=watching.exception())


def run_worker(
    config: WorkflowConfig,
    tools: Tools,
    *,
    kinds: Sequence[str] = SERVED,
    analytics: bool = False,
    metrics: str | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        metrics: host:port where Prometheus finds the SDK's metrics; None is nowhere.
    """

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        runtime = _runtime(metrics)
        await serve(config, tools, stop, kinds=kinds, analytics=analytics, runtime=runtime)

    asyncio.run(run())


def _runtime(metrics: str | None) -> Runtime | None:
    if metrics is None:
        return None
    from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

    try:
        return Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=metrics)))
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"The worker's metrics cannot be served at {metrics} ({error}).",
            "Set workflow.metrics_address to a free host:port.",
        ) from error


def main(kinds: Sequence[str] = SERVED, metrics: str | None = None) -> int:
    """Serve with the settings in force; the exit code."""
    from jarvis_dagster.logs import write_logs
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services, with_embedded

    try:
        settings = with_embedded(load_settings())
        write_logs(settings)
        if settings.workflow is None:
            raise AssertionError("with_embedded fills it in")
        with core_services(settings) as core:
            run_worker(
                settings.workflow,
                Tools(
                    core,
                    settings.data_dir / "work",
                    settings,
                    threads=settings.vision.threads,
                    heartbeat_s=settings.workflow.heartbeat_s,
                    segment_s=settings.workflow.segment_s,
                ),
                kinds=kinds,
                analytics=True,
                metrics=metrics or settings.workflow.metrics_address,
            )
    except JarvisError as error:
        _LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
