"""Every run that ends and every video that is analysed is seen once, whoever is away meanwhile."""

from __future__ import annotations

import itertools
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


def tick(
    sensor: dg.SensorDefinition,
    instance: dg.DagsterInstance,
    cursor: str | None,
    told: Callable[[Any], None] = lambda _: None,
) -> str:
    """One look; the cursor after it."""
    people = SimpleNamespace(service=SimpleNamespace(notify=told))
    resources = {"desk": "desk", "notifications": people}
    context = dg.build_sensor_context(instance, cursor=cursor, resources=resources)
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
    cursor = tick(sensor, instance, cursor)
    assert len(json.loads(cursor)["waiting"]) == 2  # then it is plain that the desk is away
    away, broken = False, runs[1]
    cursor = tick(sensor, instance, cursor)
    assert seen == [runs[2], runs[0]]
    assert "waiting" not in json.loads(cursor)


class Clock:
    """Stands for the time of day."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000.0
        monkeypatch.setattr("jarvis_dagster.sensors.ended_runs._now", lambda: self.now)


def test_a_run_that_fails_for_ever_holds_up_nobody_and_is_given_up_aloud(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, stuck, seen, tries, told = Clock(monkeypatch), set[str](), [], [], []

    def do(context: dg.RunStatusSensorContext, _: Any) -> None:
        run = context.dagster_run.run_id
        if run in stuck:
            tries.append(clock.now)
            raise TransientError("It cannot be done now.", "Wait.")
        seen.append(run)

    def deaf(_: Any) -> None:
        raise TransientError("Nobody listens.", "Wait.")

    sensor = sensor_of(do)
    cursor = tick(sensor, instance, None)
    runs = [chore.execute_in_process(instance=instance).run_id for _ in range(4)]
    stuck.add(runs[1])
    while len(tries) < 9:
        cursor = tick(sensor, instance, cursor, told.append)
        clock.now += 30
    assert seen == [runs[0], runs[2], runs[3]]  # in the first look
    # At once when others go through, then with pauses that grow to ten minutes.
    pauses = [later - sooner for sooner, later in itertools.pairwise(tries[1:])]
    assert pauses == [60, 120, 240, 480, 600, 600, 600]
    clock.now += 24 * 3600
    cursor = tick(sensor, instance, cursor, deaf)
    assert json.loads(cursor)["waiting"]  # it is not given up before somebody was told
    clock.now += 600
    cursor = tick(sensor, instance, cursor, told.append)
    assert "waiting" not in json.loads(cursor)
    (notice,) = told
    assert notice.event == "run_given_up"
    assert runs[1] in notice.summary
    assert notice.details == {"What happened": "It cannot be done now. Wait."}
    stuck.clear()
    tick(sensor, instance, cursor, told.append)
    assert seen == [runs[0], runs[2], runs[3]]


def test_nothing_is_given_up_or_lost_while_what_everybody_needs_is_away(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jarvis_dagster.sensors.waiting_runs.AT_MOST", 3)
    clock, away, seen, told = Clock(monkeypatch), True, [], []

    def do(context: dg.RunStatusSensorContext, _: Any) -> None:
        if away:
            raise TransientError("The desk is away.", "Wait.")
        seen.append(context.dagster_run.run_id)

    sensor = sensor_of(do)
    cursor = tick(sensor, instance, None)
    runs = [chore.execute_in_process(instance=instance).run_id for _ in range(6)]
    for _ in range(3 * 4):  # three days
        cursor = tick(sensor, instance, cursor, told.append)
        clock.now += 6 * 3600
    assert len(json.loads(cursor)["waiting"]) == 3  # the others keep their place
    away = False
    for _ in range(2):
        cursor = tick(sensor, instance, cursor, told.append)
    assert sorted(seen) == sorted(runs)
    assert not told


def test_a_run_that_was_deleted_waits_no_longer(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)

    def do(context: dg.RunStatusSensorContext, _: Any) -> None:
        raise TransientError(f"{context.dagster_run.run_id} cannot be seen to.", "Wait.")

    sensor = sensor_of(do)
    cursor = tick(sensor, instance, None)
    run = chore.execute_in_process(instance=instance).run_id
    cursor = tick(sensor, instance, cursor)
    assert json.loads(cursor)["waiting"]
    instance.delete_run(run)
    clock.now += 3600
    assert "waiting" not in json.loads(tick(sensor, instance, cursor))


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
    settings = PromotionSettings(shadow=True, shadow_videos=2)
    challengers = {settings.model: SimpleNamespace(version="3")}
    registry = SimpleNamespace(model=lambda name, _: challengers.get(name))
    sensor = shadow_sensor(settings)

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
    assert none.skip_reason is not None
    assert "no challenger" in none.skip_reason.skip_message

    def away(*_: str) -> None:
        raise TransientError("MLflow is away.", "Start it.")

    registry.model = away
    analysed("e")
    waits, same = look(cursor)
    assert "MLflow is away" in waits.skip_message
    assert same == cursor
