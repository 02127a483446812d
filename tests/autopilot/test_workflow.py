"""The loop on a real Temporal server: rounds, pause, failures that are told, a short history."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from jarvis_dagster.components import Autopilot
from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.workflow import WorkflowConfig
from jarvis_dagster.workflows.activity_tools import failures_for_temporal
from jarvis_dagster.workflows.autopilot import AutonomousHockeyAnalysis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")


class Steps:
    """Stand-ins for the activities, which say what they were asked."""

    def __init__(self, action: str = "nothing") -> None:
        self.action = action
        self.calls: list[str] = []
        self.broken: set[str] = set()

    def _note(self, name: str) -> None:
        self.calls.append(name)
        with failures_for_temporal():
            if name in self.broken:
                raise BadInputError(f"{name} cannot be done.", "Mend it.")

    @activity.defn(name="autopilot_collect")
    def collect(self, given: dict[str, Any]) -> dict[str, Any]:
        self._note("collect")
        return {"changed": [], "cameras": ["north", "south"]}

    @activity.defn(name="autopilot_analyse")
    def analyse(self, given: dict[str, Any]) -> dict[str, Any]:
        self._note(f"analyse {given['camera']}")
        return {**given, "action": self.action}

    @activity.defn(name="autopilot_search")
    def search(self, given: dict[str, Any]) -> dict[str, Any]:
        self._note(f"search {given['camera']}")
        return {"better": True}

    @activity.defn(name="autopilot_act")
    def act(self, given: dict[str, Any]) -> dict[str, Any]:
        camera = given["analysed"]["camera"]
        self._note(f"act {camera}")
        outcome = "adapted" if given["tried"] else given["analysed"]["action"]
        return {"camera": camera, "outcome": outcome, "waiter": given["waiter"]}

    @property
    def all(self) -> list[Callable[..., Any]]:
        return [self.collect, self.analyse, self.search, self.act]


@contextlib.contextmanager
def working(address: str, queue: str, steps: Steps) -> Iterator[None]:
    """Workers for the decisions and both kinds of work, in a thread."""
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        client = await Client.connect(address)
        with concurrent.futures.ThreadPoolExecutor(8) as executor:
            made = [
                Worker(client, task_queue=queue, workflows=[AutonomousHockeyAnalysis]),
                *(
                    Worker(
                        client,
                        task_queue=f"{queue}-{kind}",
                        activities=steps.all,
                        activity_executor=executor,
                    )
                    for kind in ("vision", "io")
                ),
            ]
            async with made[0], made[1], made[2]:
                ready.set()
                await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(240)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(240)
        loop.close()


@pytest.fixture
def queue() -> str:
    return f"test-{uuid.uuid4()}"


@pytest.fixture
def autopilot(
    temporal_server: Server, queue: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Autopilot]:
    """The component; its one loop is one of this test."""
    key = uuid.uuid4().hex[:8]
    monkeypatch.setattr("jarvis_dagster.components.autopilot._KEY", key)
    monkeypatch.setattr(Autopilot, "workflow_id", f"autonomous-hockey-analysis-{key}")
    config = WorkflowConfig(address=temporal_server.address, task_queue=queue)
    with JarvisCoreServices(workflow=config) as core:
        yield Autopilot(core)


def until(autopilot: Autopilot, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 240
    while not wanted(state := autopilot.state()):
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return state


def test_rounds_follow_each_other_and_there_is_one_loop(
    autopilot: Autopilot, temporal_server: Server, queue: str
) -> None:
    steps = Steps("adapt")
    with working(temporal_server.address, queue, steps):
        config = {"look_every_s": 0.05, "rounds": 2, "cameras": ["south"]}
        workflow_id = autopilot.autonomous_hockey_analysis(config)
        assert autopilot.autonomous_hockey_analysis({}) == workflow_id
        result = autopilot.jarvis_core.workflow_service.wait_for_result(workflow_id, 240)
    assert steps.calls == ["collect", "analyse south", "search south", "act south"] * 2
    decision = {"camera": "south", "outcome": "adapted", "waiter": workflow_id}
    assert result == {"rounds": 2, "decisions": [decision]}


def test_it_pauses_and_goes_on_at_once(
    autopilot: Autopilot, temporal_server: Server, queue: str
) -> None:
    steps = Steps()
    service = autopilot.jarvis_core.workflow_service
    with working(temporal_server.address, queue, steps):
        workflow_id = autopilot.autonomous_hockey_analysis({"look_every_s": 3600})
        first = until(autopilot, lambda s: s["rounds"] == 1 and s["doing"] == "waiting")
        assert first["next_round"] is not None
        autopilot.look()
        until(autopilot, lambda s: s["rounds"] == 2)
        autopilot.pause("ann")
        assert until(autopilot, lambda s: s["paused_by"] == "ann")["rounds"] == 2
        autopilot.look()
        until(autopilot, lambda s: s["doing"] == "paused")
        before = len(steps.calls)
        autopilot.resume("ben")
        state = until(autopilot, lambda s: s["rounds"] == 3)
        assert (state["paused_by"], len(steps.calls)) == (None, before + 5)
        assert service.cancel_workflow(workflow_id)
        with pytest.raises(PermanentError, match="did not complete"):
            service.wait_for_result(workflow_id, 240)
    assert service.get_workflow_status(workflow_id)["status"] == "cancelled"


def test_a_camera_that_fails_is_told_and_does_not_stop_the_others(
    autopilot: Autopilot, temporal_server: Server, queue: str
) -> None:
    steps = Steps()
    steps.broken = {"analyse north"}
    with working(temporal_server.address, queue, steps):
        autopilot.autonomous_hockey_analysis({"look_every_s": 3600})
        state = until(autopilot, lambda s: s["rounds"] == 1)
        assert "analyse north cannot be done. Mend it." in state["failed"]["north"]
        assert [one["camera"] for one in state["last"]] == ["south"]
        steps.broken = set()
        autopilot.look()
        assert until(autopilot, lambda s: s["rounds"] == 2)["failed"] == {}
        autopilot.jarvis_core.workflow_service.cancel_workflow(autopilot.workflow_id)


def test_the_history_stays_short_and_nothing_is_forgotten(
    autopilot: Autopilot, temporal_server: Server, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps()
    config = {"look_every_s": 3600, "rounds": 43, "cameras": []}
    service = autopilot.jarvis_core.workflow_service
    with working(temporal_server.address, queue, steps):
        workflow_id = autopilot.autonomous_hockey_analysis(config)
        for done in range(1, 43):  # by hand: the shortest pause takes a second
            until(autopilot, lambda s, n=done: (s["rounds"], s["doing"]) == (n, "waiting"))  # type: ignore[misc]
            autopilot.look()
        assert service.wait_for_result(workflow_id, 240)["rounds"] == 43
    assert steps.calls == ["collect"] * 43
    assert service.get_workflow_status(workflow_id)["metrics"]["events"] < 100


def test_wrong_input_is_refused(autopilot: Autopilot, temporal_server: Server, queue: str) -> None:
    with pytest.raises(BadInputError, match="speed"):
        autopilot.autonomous_hockey_analysis({"speed": 3})
    service = autopilot.jarvis_core.workflow_service
    with working(temporal_server.address, queue, Steps()):
        workflow_id = autopilot.autonomous_hockey_analysis({"look_every_s": 0})
        with pytest.raises(PermanentError, match="look_every_s"):
            service.wait_for_result(workflow_id, 240)
