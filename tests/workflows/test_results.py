"""What workflows made is seen in Dagster, each once; runs start what the settings name."""

from __future__ import annotations

import datetime
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from jarvis_dagster.assets.by_workflows import MADE_BY, workflow_assets
from jarvis_dagster.sensors.workflow_results import (
    newly_completed,
    since,
    tell_triggers,
    workflow_results,
)
from jarvis_dagster.services.workflow import WorkflowConfig
from jarvis_dagster.services.workflow.names import request_of
from tests.workflows.steps import Steps, working

if TYPE_CHECKING:
    from jarvis_dagster.services.workflow import JarvisWorkflowService
    from tests.servers import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")
NOW = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)


def row(name: str, minutes_ago: float) -> dict[str, Any]:
    return {"id": name, "end_time": NOW - datetime.timedelta(minutes=minutes_ago)}


def test_each_workflow_is_told_once() -> None:
    listing = [row("c", 1), row("b", 2), row("a", 30)]
    fresh, cursor = newly_completed(None, listing, NOW)
    assert [one["id"] for one in fresh] == ["a", "b", "c"]
    later = NOW + datetime.timedelta(minutes=1)
    # the list comes again, with one that was behind and one that ran again
    listing = [row("c", 0.5), row("late", 3), row("c", 1), row("b", 2)]
    fresh, cursor = newly_completed(cursor, listing, later)
    assert [one["id"] for one in fresh] == ["late", "c"]
    assert newly_completed(cursor, listing, later)[0] == []
    assert since(cursor, later) <= NOW - datetime.timedelta(minutes=9)
    assert since(None, NOW) == NOW - datetime.timedelta(days=1)


def test_what_is_too_much_for_one_look_comes_with_the_next() -> None:
    listing = [row(f"w{number}", 600 - number) for number in range(120)]
    told: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        start = since(cursor, NOW)
        seen = [one for one in listing if one["end_time"] >= start]
        fresh, cursor = newly_completed(cursor, seen, NOW)
        told += [one["id"] for one in fresh]
    assert told == [f"w{number}" for number in range(120)]


def test_the_assets_are_external_and_linked() -> None:
    known = {dg.AssetKey(["footage", "video"])}
    specs = {spec.key: spec for spec in workflow_assets("http://x/workflows", known)}
    assert set(specs) == set(MADE_BY.values())
    vision = specs[MADE_BY["computer-vision"]]
    assert [dep.asset_key for dep in vision.deps] == list(known)
    assert "computer-vision" in vision.metadata["workflows"].url
    defs = dg.Definitions(assets=list(specs.values()))
    graph = defs.resolve_asset_graph()
    assert not any(graph.get(key).is_executable for key in specs)


def test_a_completed_workflow_is_a_materialisation(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    with working(temporal_server.address, queue, Steps()):
        workflow_id = service.start_workflow("computer-vision", video, "spotlight")
        service.wait_for_result(workflow_id, 240)
    instance = dg.DagsterInstance.ephemeral()
    cursor: str | None = None
    events: list[Any] = []
    deadline = time.monotonic() + 240
    while not any(_id_of(event) == workflow_id for event in events):
        assert time.monotonic() < deadline
        with dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            resources={"workflows": SimpleNamespace(service=service)},
        ) as context:
            result = workflow_results(context)
        assert isinstance(result, dg.SensorResult)
        cursor, events = result.cursor, [*events, *result.asset_events]
    mine = [event for event in events if _id_of(event) == workflow_id]
    assert len(mine) == 1
    assert mine[0].asset_key == MADE_BY["computer-vision"]
    assert mine[0].metadata["component"].text == "spotlight"
    assert mine[0].metadata["result"].data["video_key"] == video["video_key"]


def test_a_run_that_ended_starts_what_the_settings_name(
    service: JarvisWorkflowService, queue: str
) -> None:
    """Told twice by a sensor that died, it is one workflow."""
    given = {"partition": "{partition}", "revision": "{run_id}"}
    trigger = {"event": "run_failed", "workflow": "computer-vision", "input": given}
    service.config = WorkflowConfig.model_validate(
        {
            **service.config.model_dump(exclude={"triggers"}),
            "triggers": [{**trigger, "where": {"job": "analyse"}}],
        }
    )

    @dg.op
    def break_down() -> None:
        raise dg.Failure("of a test", allow_retries=False)

    jobs = [
        dg.GraphDefinition(name, node_defs=[break_down]).to_job() for name in ("other", "analyse")
    ]
    desk = SimpleNamespace(service=service, settings=SimpleNamespace(workflow=service.config))
    failed = next(one for one in tell_triggers() if one.name.endswith("run_failed"))
    with dg.instance_for_test() as instance:

        def tick(cursor: str | None) -> str:
            context = dg.build_sensor_context(
                instance, cursor=cursor, resources={"workflows": desk, "notifications": None}
            )
            assert isinstance(failed(context), dg.SkipReason)
            assert context.cursor
            return context.cursor

        cursor = tick(None)
        runs = [
            job.execute_in_process(
                instance=instance, raise_on_error=False, tags={"dagster/partition": "north-1"}
            ).run_id
            for job in jobs
        ]
        for _ in range(2):
            tick(cursor)
    other, started = (
        request_of("computer-vision", {"partition": "north-1", "revision": run}).id for run in runs
    )
    assert service.get_workflow_status(other)["status"] == "not_found"
    assert service.get_workflow_status(started)["status"] == "running"  # nobody serves its queue
    service.terminate_workflow(started)
    begun = [row["event"] for row in service.get_workflow_history(started)]
    assert begun.count("workflow_execution_started") == 1


def _id_of(event: Any) -> str:
    return str(event.metadata["workflow_id"].text)
