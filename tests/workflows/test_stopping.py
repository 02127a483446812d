"""Steps whose worker is told to stop: whatever they are at, the worker ends and they go on."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.exceptions import CancelledError
from temporalio.testing import ActivityEnvironment

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.workflows import activity_tools, worker
from jarvis_dagster.workflows.activity_tools import Heart, handed_back
from jarvis_dagster.workflows.registry import Tools
from tests.workflows.steps import Steps, working

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.workflow import JarvisWorkflowService
    from tests.servers import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")


def test_a_beat_that_comes_late_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a worker that was held: its loop takes no beat in time."""
    monkeypatch.setattr(activity_tools, "_EVERY_S", 0.001)
    beats: list[int] = []
    heard = threading.Event()

    def beat(*details: Any) -> None:
        beats.append(len(details))
        if len(beats) == 1:
            raise TimeoutError
        heard.set()

    def step() -> bool:
        with Heart():
            return heard.wait(240)

    held = ActivityEnvironment()
    held.on_heartbeat = beat
    held.info = dataclasses.replace(held.info, heartbeat_timeout=None)
    assert held.run(step)


def test_a_cancellation_while_the_heart_is_born_is_meant_for_the_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    born: list[threading.Thread] = []
    start = threading.Thread.start

    def cancelled_meanwhile(thread: threading.Thread) -> None:
        if thread.name == "jarvis-heartbeat":
            born.append(thread)
            environment.cancel()
        start(thread)

    def step() -> None:
        with Heart():
            raise AssertionError("it was cancelled before")

    environment = ActivityEnvironment()
    monkeypatch.setattr(threading.Thread, "start", cancelled_meanwhile)
    with pytest.raises(CancelledError):
        environment.run(step)
    (heart,) = born
    heart.join(240)
    assert heart.ident is not None
    assert not heart.is_alive()


def test_a_step_may_be_handed_back_more_often_than_it_may_fail(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    """Eight tries it has; seven times it is handed back, then the store is away once."""

    def end() -> None:
        calls = steps.calls.count("processing")
        if calls <= 7:
            raise handed_back()
        if calls == 8:
            raise TransientError("The object store is away.")

    steps = Steps(processing=end)
    with working(temporal_server.address, queue, steps):
        workflow_id = service.start_workflow("computer-vision", video)
        assert service.wait_for_result(workflow_id, 240)["summary"]["processing"] == 1
    assert steps.calls.count("processing") == 9


@pytest.mark.parametrize(
    ("hears", "graceful_s", "deaf_s"),
    [(True, 0.1, 240), (False, 0.1, 0.1), (False, 240, -239.9)],
    ids=["hears", "is deaf", "was not even told"],
)
def test_a_step_that_does_not_end_is_handed_back(
    hears: bool,
    graceful_s: float,
    deaf_s: float,
    service: JarvisWorkflowService,
    temporal_server: Server,
    video: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is interrupted; where it does not hear of it, the worker ends all the same."""
    begun, gate = threading.Event(), threading.Event()

    def hold() -> None:
        if steps.calls.count("processing") == 1:
            begun.set()
            while not gate.wait(0.01 if hears else None):
                pass

    steps = Steps(processing=hold)
    monkeypatch.setattr(worker, "_DEAF_S", deaf_s)
    monkeypatch.setattr(worker, "activities_of", lambda *_: steps.all)
    config = service.config.model_copy(update={"graceful_stop_s": graceful_s})
    told: dict[str, Any] = {}

    async def serve() -> None:
        told.update(loop=asyncio.get_running_loop(), stop=asyncio.Event())
        await worker.serve(config, tools, told["stop"], kinds=("workflows", "vision"))

    with JarvisCoreServices(workflow=config) as core:
        tools = Tools(core, tmp_path)
        leaving = threading.Thread(target=lambda: asyncio.run(serve()))
        leaving.start()
        workflow_id = service.start_workflow("computer-vision", video)
        try:
            assert begun.wait(240)
            told["loop"].call_soon_threadsafe(told["stop"].set)
            leaving.join(240)
            assert not leaving.is_alive()
        finally:
            gate.set()
    with working(temporal_server.address, service.config.task_queue, steps):
        assert service.wait_for_result(workflow_id, 240)["summary"]["processing"] == 1
    assert steps.calls.count("processing") == 2
    ends = [
        row["detail"]
        for row in service.get_workflow_history(workflow_id)
        if row["event"].startswith("activity_task_") and row["what"] == "processing"
    ]
    assert any("another takes this step" in one for one in ends), ends
    assert not any("attempt 2" in one or "timeout" in one for one in ends), ends
