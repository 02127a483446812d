"""The worker: serves the workflows of this version until it is told to stop.

Belongs here: connecting, serving, stopping. Does not belong here: workflows
and activities. ``python -m jarvis_dagster.workflows.worker`` runs it with the
settings in force.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import datetime
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from temporalio.worker import Worker

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.services.analytics import JarvisAnalyticsService
from jarvis_dagster.services.experiment import JarvisExperimentService
from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig
from jarvis_dagster.services.workflow.connection import connect
from jarvis_dagster.toolchain.pipeline import workshop_of
from jarvis_dagster.workflows.approval import ApprovalWorkflow
from jarvis_dagster.workflows.approval_activities import ApprovalActivities
from jarvis_dagster.workflows.training import HockeyDetectionTraining
from jarvis_dagster.workflows.training_activities import TrainingActivities
from jarvis_dagster.workflows.vision import ComputerVision
from jarvis_dagster.workflows.vision_activities import VisionActivities
from jarvis_dagster.workflows.watch import watch_running

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.analytics.config import AnalyticsConfig
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.experiment import ExperimentConfig
    from jarvis_dagster.services.workflow import WorkflowConfig

__all__ = ["run_worker", "serve"]

_LOG = logging.getLogger(__name__)
WORKFLOW_CLASSES = (ApprovalWorkflow, ComputerVision, HockeyDetectionTraining)


async def serve(
    config: WorkflowConfig,
    storage: StorageConfig,
    work_dir: Path,
    stop: asyncio.Event,
    *,
    model: Path | None = None,
    analytics: AnalyticsConfig | None = None,
    experiment: ExperimentConfig | None = None,
    core: JarvisCoreServices | None = None,
) -> None:
    """Serve until ``stop`` is set; then let running steps finish for a while.

    Steps that do not finish in ``graceful_stop_s`` are taken up by another
    worker, or by the next one. With ``analytics``, log how long workflows run; with
    ``experiment``, serve trainings too; with ``core``, what waits for people.

    Raises:
        TransientError: Temporal cannot be reached.
    """
    store = JarvisStorageService(storage)
    client = await connect(config, lambda: store)
    activities = VisionActivities(store, work_dir, model).all
    if experiment is not None:
        runs = JarvisExperimentService(experiment)
        activities += TrainingActivities(lambda: workshop_of(store, runs, work_dir)).all
    if core is not None:
        activities += ApprovalActivities(lambda: core).all
    with (
        contextlib.closing(store),
        concurrent.futures.ThreadPoolExecutor(config.max_concurrent_activities) as executor,
    ):
        worker = Worker(
            client,
            task_queue=config.task_queue,
            workflows=list(WORKFLOW_CLASSES),
            activities=activities,
            activity_executor=executor,
            max_concurrent_activities=config.max_concurrent_activities,
            max_heartbeat_throttle_interval=datetime.timedelta(seconds=5),
            graceful_shutdown_timeout=datetime.timedelta(seconds=config.graceful_stop_s),
        )
        _LOG.info("Serving %s at %s.", config.task_queue, config.address)
        serving, told = asyncio.create_task(worker.run()), asyncio.create_task(stop.wait())
        if analytics is not None:
            watching = asyncio.create_task(
                watch_running(client, config.task_queue, JarvisAnalyticsService(analytics), stop)
            )
            watching.add_done_callback(_tell_why)
        await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not serving.done():
            _LOG.info("Stopping; running steps have %g s to finish.", config.graceful_stop_s)
            await worker.shutdown()
        await serving


def _tell_why(watching: asyncio.Task[None]) -> None:
    """A watch that broke must not stop the work, but be known."""
    if not watching.cancelled() and watching.exception() is not None:
        _LOG.error("Running workflows are no longer watched.", exc_info=watching.exception())


def run_worker(
    config: WorkflowConfig,
    storage: StorageConfig,
    work_dir: Path,
    model: Path | None = None,
    analytics: AnalyticsConfig | None = None,
    experiment: ExperimentConfig | None = None,
    core: JarvisCoreServices | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C."""

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(
            config,
            storage,
            work_dir,
            stop,
            model=model,
            analytics=analytics,
            experiment=experiment,
            core=core,
        )

    asyncio.run(main())


def _main() -> int:
    from jarvis_dagster.champions import chosen_detector
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services, with_embedded

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = with_embedded(load_settings())
        if settings.workflow is None or settings.storage is None:
            raise AssertionError("with_embedded fills both in")
        run_worker(
            settings.workflow,
            settings.storage,
            settings.data_dir / "work",
            chosen_detector(settings).path,
            settings.analytics,
            settings.experiment,
            core_services(settings),
        )
    except JarvisError as error:
        _LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    code = _main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Temporal's SDK now and then crashes the interpreter at a normal exit
    # (temporalio/sdk-python#300); everything is closed and written by now.
    os._exit(code)
