"""How long workflows have been running is measured on a real Temporal server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import tenacity
from temporalio.client import Client

from jarvis_dagster.services.analytics import JarvisAnalyticsService
from jarvis_dagster.services.analytics.config import AnalyticsConfig
from jarvis_dagster.services.analytics.endpoint import metrics_registry
from jarvis_dagster.workflows.watch import LONGEST_RUNNING, longest_running, watch_running

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.workflow import JarvisWorkflowService
    from tests.servers import Server


def test_open_workflows_are_counted_from_their_start_until_they_end(
    service: JarvisWorkflowService,
    temporal_server: Server,
    queue: str,
    video: dict[str, Any],
    tmp_path: Path,
) -> None:
    config = AnalyticsConfig(directory=tmp_path)
    registry = metrics_registry(config)

    def logged() -> float | None:
        return registry.get_sample_value(LONGEST_RUNNING, {"workflow": "computer-vision"})

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(AssertionError),
        stop=tenacity.stop_after_delay(30),
        wait=tenacity.wait_fixed(0.1),
        reraise=True,
    )
    async def sees(*, running: bool) -> None:
        value = logged()
        assert value is not None
        assert (value > 0) is running

    async def watched() -> None:
        client = await Client.connect(temporal_server.address)
        assert await longest_running(client, queue) == {}
        # Nobody serves the queue, so it stays open.
        workflow_id = await asyncio.to_thread(service.start_workflow, "computer-vision", video)
        stop = asyncio.Event()
        analytics = JarvisAnalyticsService(config)
        watch = asyncio.create_task(watch_running(client, queue, analytics, stop, every_s=0.1))
        await sees(running=True)
        await client.get_workflow_handle(workflow_id).terminate()
        await sees(running=False)
        stop.set()
        await watch

    asyncio.run(watched())
