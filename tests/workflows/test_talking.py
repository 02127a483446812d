"""Signals, queries, updates, lists, histories, schedules and events on a real server."""

from __future__ import annotations

import contextlib
import datetime
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import BadInputError, ConflictError, PermanentError, TransientError
from jarvis_dagster.services.workflow import JarvisWorkflowService, WorkflowConfig, scheduling
from tests.workflows.steps import Steps, until, working
from tests.workflows.talkative import Talkative

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")


@pytest.fixture
def name() -> str:
    return f"nightly-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def talkative(service: JarvisWorkflowService, temporal_server: Server, queue: str) -> Iterator[str]:
    """A workflow that listens; its id."""
    with working(temporal_server.address, queue, Steps(), [Talkative]):
        workflow_id = service.start_workflow("computer-vision", {"x": queue})
        yield workflow_id
        with contextlib.suppress(PermanentError):
            service.terminate_workflow(workflow_id)


def test_a_word_with_a_workflow(service: JarvisWorkflowService, talkative: str) -> None:
    service.signal_workflow(talkative, "say", "one", 2)
    assert service.query_workflow(talkative, "said") == [["one", 2]]
    assert service.update_workflow(talkative, "decide", "ada") == "ada"
    with pytest.raises(ConflictError, match="ada was first"):
        service.update_workflow(talkative, "decide", "bob")
    with pytest.raises(PermanentError, match="did not answer 'nonsense'"):
        service.query_workflow(talkative, "nonsense")
    service.signal_workflow(talkative, "finish")
    assert service.wait_for_result(talkative, 240) == "ada"
    with pytest.raises(PermanentError, match="does not know"):
        service.signal_workflow(talkative, "finish")
    assert service.query_workflow(talkative, "said") == [["one", 2]]  # from its history

    history = service.get_workflow_history(talkative)
    assert history[0]["event"] == "workflow_execution_started"
    assert history[0]["what"] == "computer-vision"
    signals = [row["what"] for row in history if row["event"].endswith("signaled")]
    assert signals == ["say", "finish"]
    assert history[-1]["event"] == "workflow_execution_completed"
    assert all(row["time"].tzinfo is datetime.UTC for row in history)
    assert len(service.export_history(talkative)["events"]) == len(history)
    assert service.get_workflow_history(talkative, limit=2) == history[-2:]


def test_nobody_is_there_to_talk_to(service: JarvisWorkflowService) -> None:
    for call in (
        lambda: service.signal_workflow("no-such", "say"),
        lambda: service.query_workflow("no-such", "said"),
        lambda: service.update_workflow("no-such", "decide", "x"),
        lambda: service.get_workflow_history("no-such"),
    ):
        with pytest.raises(PermanentError, match="no-such"):
            call()
    assert service.terminate_workflow("no-such") is False


def test_a_question_that_no_worker_answers_ends(temporal_server: Server, queue: str) -> None:
    config = WorkflowConfig(
        address=temporal_server.address, task_queue=queue, timeout_s=0.5, attempts=1
    )
    service = JarvisWorkflowService(config)
    try:
        workflow_id = service.start_workflow("computer-vision", {"nobody": queue})
        with pytest.raises((TransientError, PermanentError)):
            service.query_workflow(workflow_id, "said")
        assert service.terminate_workflow(workflow_id, "test") is True
    finally:
        service.close()


def test_workflows_are_listed(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    component = f"lister-{queue}"
    with working(temporal_server.address, queue, Steps()):
        done = service.start_workflow("computer-vision", video, component)
        service.wait_for_result(done, 240)
        waiting = service.start_workflow("hockey-detection", {"q": queue}, component)

        def listed(**named: Any) -> list[str]:
            return [row["id"] for row in service.list_workflows(component=component, **named)]

        deadline = time.monotonic() + 240
        while set(listed()) != {done, waiting} and time.monotonic() < deadline:
            time.sleep(0.1)  # the list is a little behind
        assert listed(status="running") == [waiting]
        assert listed(workflow_name="computer-vision") == [done]
        assert listed(limit=1) == [waiting]
        (row,) = service.list_workflows("completed", component=component)
        assert row["workflow"] == "computer-vision"
        assert row["execution_time"] > 0
        service.terminate_workflow(waiting)
    assert service.list_workflows(workflow_name="it's") == []
    with pytest.raises(BadInputError, match="no status 'dead'"):
        service.list_workflows("dead")


def test_a_key_makes_the_same_work(
    service: JarvisWorkflowService, temporal_server: Server, queue: str
) -> None:
    first = service.start_workflow("computer-vision", {"a": 1}, key=queue)
    assert first == f"computer-vision-{queue}"
    assert service.start_workflow("computer-vision", {"a": 2}, key=queue) == first
    service.terminate_workflow(first)
    with pytest.raises(BadInputError, match="cannot name"):
        service.start_workflow("computer-vision", {}, key="a b")


def test_a_schedule_by_name(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, name: str
) -> None:
    given = {"video_key": f"artifacts/{queue}/x.mp4"}
    service.create_schedule(name, "computer-vision", given, "0 3 * * *", "spotlight")
    service.pause_schedule(name, "holidays")
    # again, with another time: changed, and still paused
    service.create_schedule(
        name, "computer-vision", given, "30 4 * * 1", "spotlight", timezone="Europe/Helsinki"
    )
    row = service.get_schedule(name)
    assert row is not None
    assert (row["paused"], row["note"]) == (True, "holidays")
    assert (row["workflow"], row["component"]) == ("computer-vision", "spotlight")
    assert row["timezone"] == "Europe/Helsinki"
    at = row["next_time"].astimezone(datetime.timezone(datetime.timedelta(hours=2)))
    assert (at.weekday(), at.minute) == (0, 30)

    service.resume_schedule(name)
    with working(temporal_server.address, queue, Steps()):
        service.trigger_schedule(name)
        deadline = time.monotonic() + 240
        while (row := service.get_schedule(name)) and not row["last_workflow"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert row is not None
        assert service.wait_for_result(row["last_workflow"], 240)["video_key"] == given["video_key"]
    deadline = time.monotonic() + 240
    while name not in [one["name"] for one in service.list_schedules()]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert service.delete_schedule(name) is True
    assert service.delete_schedule(name) is False
    assert service.get_schedule(name) is None
    with pytest.raises(PermanentError):
        service.pause_schedule(name)


def test_a_schedule_fires_by_itself(
    service: JarvisWorkflowService,
    temporal_server: Server,
    queue: str,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scheduling, "_FIELDS", 7)  # with seconds: a minute is long for a test
    given = {"video_key": f"artifacts/{queue}/x.mp4"}
    with working(temporal_server.address, queue, Steps()):
        service.create_schedule(name, "computer-vision", given, "* * * * * * *", "spotlight")
        deadline = time.monotonic() + 240
        seen: set[str] = set()
        while len(seen) < 2:
            assert time.monotonic() < deadline
            row = service.get_schedule(name)
            assert row is not None
            seen |= {row["last_workflow"]} - {None}
            time.sleep(0.05)
        service.delete_schedule(name)
        results = [service.wait_for_result(one, 240) for one in seen]
    assert [one["video_key"] for one in results] == 2 * [given["video_key"]]


@pytest.mark.parametrize(
    ("cron", "timezone", "named"),
    [("daily", "UTC", "no time of a schedule"), ("0 3 * * *", "Mars", "no time zone")],
)
def test_a_wrong_schedule_is_refused(
    service: JarvisWorkflowService, name: str, cron: str, timezone: str, named: str
) -> None:
    with pytest.raises(BadInputError, match=named):
        service.create_schedule(name, "computer-vision", {}, cron, timezone=timezone)
    with pytest.raises(BadInputError):  # which Temporal itself finds
        service.create_schedule(name, "computer-vision", {}, "61 25 * * *")


def test_an_event_starts_what_the_settings_name(temporal_server: Server, queue: str) -> None:
    config = WorkflowConfig.model_validate(
        {
            "address": temporal_server.address,
            "task_queue": queue,
            "triggers": [
                {
                    "event": "upload_*",
                    "workflow": "computer-vision",
                    "input": {"video_key": "{key}", "stride": "{stride}", "revision": "n-{stride}"},
                    "where": {"key": "*/north-*"},
                }
            ],
        }
    )
    service = JarvisWorkflowService(config)
    try:
        data = {"key": f"artifacts/{queue}/north-1.mp4", "stride": 2}
        (started,) = service.handle_event("upload_taken", data, "spotlight")
        assert service.handle_event("upload_taken", data) == [started]
        again = service.start_workflow(
            "computer-vision", {"video_key": data["key"], "stride": 2, "revision": "n-2"}
        )
        assert again == started
        assert service.handle_event("upload_taken", {**data, "key": "a/south-1.mp4"}) == []
        assert service.handle_event("delivered", data) == []
        with pytest.raises(BadInputError, match="no 'stride'"):
            service.handle_event("upload_taken", {"key": "a/north-1.mp4"})
        service.terminate_workflow(started)
    finally:
        service.close()


def test_what_waits_for_workers_is_counted(service: JarvisWorkflowService, queue: str) -> None:
    started = [service.start_workflow("computer-vision", {"n": n, "q": queue}) for n in range(3)]
    deadline = time.monotonic() + 240
    while True:  # the count is a little behind
        rows = {row["kind"]: row for row in service.backlog()}
        if rows["workflows"]["waiting"] == 3:
            break
        assert time.monotonic() < deadline, rows
        time.sleep(0.1)
    assert set(rows) == {"workflows", "vision", "training", "io"}
    assert rows["workflows"]["oldest_s"] >= 0
    assert rows["vision"] == {
        "queue": f"{queue}-vision",
        "kind": "vision",
        "waiting": 0,
        "oldest_s": 0,
        "added_per_s": 0,
        "done_per_s": 0,
        "workers": 0,
    }
    for one in started:
        service.terminate_workflow(one)


def test_the_steps_of_a_workflow_are_told_while_it_runs(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    with working(temporal_server.address, queue, Steps()):
        workflow_id = service.start_workflow("computer-vision", video)
        until(service, workflow_id, lambda status: status["status"] == "completed")
    events = service.get_workflow_history(workflow_id)
    steps = [row["what"] for row in events if row["event"] == "activity_task_completed"]
    assert steps[:3] == ["processing", "features", "inference"]
