"""A worker whose three activities are stand-ins with something to do."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import datetime
import threading
import time
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from jarvis_dagster.services.workflow.names import queue_of
from jarvis_dagster.workflows.activity_tools import Heart, failures_for_temporal
from jarvis_dagster.workflows.vision import ComputerVision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jarvis_dagster.services.workflow import JarvisWorkflowService


class Steps:
    """Stand-ins for the three activities, each with something to do."""

    def __init__(self, **doing: Callable[[], None]) -> None:
        self.doing = doing
        self.calls: list[str] = []

    def _run(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        with failures_for_temporal(), Heart() as heart:
            self.calls.append(name)
            heart.progress(1, 2)
            if name in self.doing:
                time.sleep(0.2)  # so that the first beat is sent
                self.doing[name]()
        outputs = {name: f"made from {sorted(given['outputs'])}"}
        return {"outputs": outputs, "summary": {name: 1}, "seconds": 2.0, "frames": 60}

    @activity.defn(name="processing")
    def processing(self, given: dict[str, Any]) -> dict[str, Any]:
        return self._run("processing", given)

    @activity.defn(name="features")
    def features(self, given: dict[str, Any]) -> dict[str, Any]:
        return self._run("features", given)

    @activity.defn(name="inference")
    def inference(self, given: dict[str, Any]) -> dict[str, Any]:
        return self._run("inference", given)

    @property
    def all(self) -> list[Callable[..., Any]]:
        return [self.processing, self.features, self.inference]


@contextlib.contextmanager
def working(
    address: str, queue: str, steps: Steps, workflows: Sequence[type] = (ComputerVision,)
) -> Iterator[None]:
    """A worker in a thread."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        client = await Client.connect(address)
        with concurrent.futures.ThreadPoolExecutor(4) as executor:

            def worker(queue: str, **what: Any) -> Worker:
                return Worker(
                    client,
                    task_queue=queue,
                    activity_executor=executor,
                    max_heartbeat_throttle_interval=datetime.timedelta(seconds=1),
                    **what,
                )

            async with (
                worker(queue, workflows=list(workflows)),
                worker(queue_of(queue, "vision"), activities=steps.all),
            ):
                ready.set()
                await stop.wait()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(240)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(240)


def until(service: JarvisWorkflowService, workflow_id: str, wanted: Callable[[Any], bool]) -> Any:
    """The first status that is wanted."""
    deadline = time.monotonic() + 240
    while not wanted(status := service.get_workflow_status(workflow_id)):
        assert time.monotonic() < deadline, status
        time.sleep(0.1)
    return status
