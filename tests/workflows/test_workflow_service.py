"""JarvisWorkflowService and the computer-vision workflow on a real Temporal server."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import Client

from jarvis_dagster.errors import BadInputError, NotSupportedError, PermanentError, TransientError
from jarvis_dagster.services.workflow import WORKFLOWS, JarvisWorkflowService, WorkflowConfig
from jarvis_dagster.workflows.registry import WORKFLOW_CLASSES
from jarvis_dagster.workflows.vision import STEPS
from tests.workflows.steps import Steps, until, working

if TYPE_CHECKING:
    from tests.servers import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")


def test_a_workflow_from_start_to_end(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    service.check()
    steps = Steps()
    with working(temporal_server.address, queue, steps):
        workflow_id = service.start_workflow("computer-vision", video, "spotlight")
        result = service.wait_for_result(workflow_id, 240)
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
        assert service.wait_for_result(workflow_id, 240) == result
        assert steps.calls == list(STEPS)
        assert service.cancel_workflow(workflow_id) is False


def test_progress_counts_the_running_step(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    go_on = threading.Event()
    with working(temporal_server.address, queue, Steps(features=lambda: go_on.wait(240))):
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
        service.wait_for_result(workflow_id, 240)


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
        assert blocked.wait(240)
        assert service.cancel_workflow(workflow_id) is True
        status = until(service, workflow_id, lambda s: s["status"] != "running")
        assert (status["status"], status["result"]) == ("cancelled", None)
        assert status["error"]
        assert service.cancel_workflow(workflow_id) is False
        with pytest.raises(PermanentError, match="did not complete"):
            service.wait_for_result(workflow_id, 240)
        steps.doing.clear()
        assert service.start_workflow("computer-vision", video) == workflow_id
        service.wait_for_result(workflow_id, 240)
        assert service.get_workflow_status(workflow_id)["status"] == "completed"


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
