"""Every run that ends and every video that is analysed is seen once, whoever is away meanwhile."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from jarvis_dagster.errors import BadInputError, TransientError
from jarvis_dagster.sensors.ended_runs import for_each_run
from jarvis_dagster.sensors.shadow import shadow_sensor
from jarvis_dagster.settings.model import PromotionSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PEOPLE = dg.AssetKey(["spotlight", "detections"])


@dg.op
def work() -> None:
    """Nothing."""


@dg.job
def chore() -> None:
    """One of two jobs."""
    work()


@dg.job
def other() -> None:
    """The other one."""
    work()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """With an event log of a file for each run, as the embedded stack has it."""
    with dg.instance_for_test() as made:
        yield made


def sensor_of(do: Callable[[Any, Any], None], *jobs: str) -> dg.SensorDefinition:
    return for_each_run(
        do,
        name="each",
        status=dg.DagsterRunStatus.SUCCESS,
        resource="desk",
        component="sherlock",
        description="A test.",
        jobs=jobs,
    )


def tick(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None) -> str:
    """One look; the cursor after it."""
    context = dg.build_sensor_context(instance, cursor=cursor, resources={"desk": "desk"})
    assert isinstance(sensor(context), dg.SkipReason)
    assert context.cursor
    return context.cursor


def test_runs_that_end_together_are_all_seen_once(instance: dg.DagsterInstance) -> None:
    seen: list[str] = []
    sensor = sensor_of(lambda context, _: seen.append(context.dagster_run.run_id), "chore")
    chore.execute_in_process(instance=instance)  # before the sensor was there
    cursor = tick(sensor, instance, None)
    ended = [chore.execute_in_process(instance=instance).run_id for _ in range(3)]
    other.execute_in_process(instance=instance)
    cursor = tick(sensor, instance, cursor)
    assert seen == ended
    tick(sensor, instance, cursor)
    assert seen == ended


def test_a_run_waits_for_who_is_away_and_a_broken_one_stops_nobody(
    instance: dg.DagsterInstance,
) -> None:
    away, broken, seen = True, "", []

    def do(context: dg.RunStatusSensorContext, desk: str) -> None:
        assert desk == "desk"
        if away:
            raise TransientError("The desk is away.", "Wait.")
        if context.dagster_run.run_id == broken:
            raise BadInputError("It makes no sense.", "Nothing.")
        seen.append(context.dagster_run.run_id)

    sensor = sensor_of(do)
    cursor = tick(sensor, instance, None)
    runs = [chore.execute_in_process(instance=instance).run_id for _ in range(3)]
    assert tick(sensor, instance, cursor) == cursor
    away, broken = False, runs[1]
    cursor = tick(sensor, instance, cursor)
    assert seen == [runs[0], runs[2]]


def test_a_sensor_of_an_earlier_version_goes_on_where_it_was(instance: dg.DagsterInstance) -> None:
    def nothing(context: dg.RunStatusSensorContext) -> None:
        assert context

    former = dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, name="each")(nothing)
    was = dg.build_sensor_context(instance, repository_def=dg.Definitions().get_repository_def())
    list(former._raw_fn(was))  # type: ignore[attr-defined]
    assert was.cursor
    assert "record_id" in json.loads(was.cursor)
    ended = chore.execute_in_process(instance=instance).run_id
    seen: list[str] = []
    tick(sensor_of(lambda c, _: seen.append(c.dagster_run.run_id)), instance, was.cursor)
    assert seen == [ended]


def test_every_video_is_looked_at_in_the_shadow(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jarvis_dagster.sensors.shadow.shadow_count", lambda *_: 0)
    registry = SimpleNamespace(model=lambda *_: SimpleNamespace(version="3"))
    sensor = shadow_sensor(PromotionSettings(shadow=True, shadow_videos=2))

    def look(cursor: str | None) -> tuple[Any, str]:
        context = dg.build_sensor_context(
            instance,
            cursor=cursor,
            resources={
                "experiments": SimpleNamespace(service=registry),
                "storage": SimpleNamespace(service=None),
            },
        )
        found = sensor(context)
        kept = found.cursor if isinstance(found, dg.SensorResult) else context.cursor
        return found, kept

    def analysed(video: str) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization(PEOPLE, partition=video))

    analysed("before")
    _, cursor = look(None)
    for video in ("a", "b", "c"):
        analysed(video)
    found, cursor = look(cursor)
    assert [one.partition_key for one in found.run_requests] == ["a", "b"]  # and two are enough
    registry.model = lambda *_: None
    analysed("d")
    none, cursor = look(cursor)
    assert "no challenger" in none.skip_message

    def away(*_: str) -> None:
        raise TransientError("MLflow is away.", "Start it.")

    registry.model = away
    analysed("e")
    waits, same = look(cursor)
    assert "MLflow is away" in waits.skip_message
    assert same == cursor
