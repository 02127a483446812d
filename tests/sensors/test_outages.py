"""A video whose analysis an outage ended is asked for again; one that is bad itself is not."""

import dataclasses
import time
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from jarvis_dagster.assets import failures as failures_module
from jarvis_dagster.assets.failures import failures
from jarvis_dagster.errors import BadVideoError, NoRoomError, TransientError
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import WorkspaceResource
from jarvis_dagster.sensors import outages
from jarvis_dagster.sensors.outages import AGAIN_TAG, Ending, next_try, outages_sensor
from jarvis_dagster.stack.runs import PROCESS_TAG, this_process

VIDEO = "final-1a2b3c4d"
VIDEOS = dg.DynamicPartitionsDefinition(name="v")


def ended(*kinds: str, asked: int = 0) -> list[Ending]:
    """Runs that ended one after the other at 1000; the last ``asked`` of them are the sensor's."""
    first = len(kinds) - asked
    return [Ending(kind, 1000.0, n >= first) for n, kind in enumerate(kinds)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("runs", "after_s", "number"),
    [
        (ended("outage"), 59, None),
        (ended("outage"), 60, 1),
        (ended("outage", "outage", asked=1), 119, None),
        (ended("outage", "outage", asked=1), 120, 2),
        (ended(*["outage"] * 21, asked=20), 3600, 21),  # an hour is the longest wait
        (ended(*["outage"] * 25, asked=24), 1e6, None),
        (ended("died", "died", "died"), 60, 1),
        (ended(*["died"] * 8, asked=5), 1e6, None),  # whoever kills it will do so again
        (ended("outage", "open"), 1e6, None),
        (ended("good", "outage"), 1e6, None),
        (ended("outage", "bad"), 1e6, None),
        ([], 1e6, None),
    ],
)
def test_when_the_next_try_is_due(runs: list[Ending], after_s: float, number: int | None) -> None:
    assert next_try(runs, 1000 + after_s) == number


@dataclasses.dataclass
class Club:
    """Videos that are analysed one after the other, as the error that comes then."""

    instance: dg.DagsterInstance
    cursor: str | None = None
    later_s: float = 3700.0

    def analyse(self, error: Exception | None, **tags: str) -> dg.DagsterRun:
        @dg.asset(key=["footage", "video"], partitions_def=VIDEOS)
        def video(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> None:
            with failures(context):
                if error is not None:
                    raise error

        job = dg.define_asset_job("process_video", [video], executor_def=dg.in_process_executor)
        made = dg.Definitions(
            assets=[video], jobs=[job], resources={"workspace": WorkspaceResource()}
        )
        self.instance.add_dynamic_partitions("v", [VIDEO])
        done = made.resolve_job_def("process_video").execute_in_process(
            instance=self.instance, partition_key=VIDEO, tags=tags, raise_on_error=False
        )
        return self.instance.get_run_by_id(done.run_id)  # type: ignore[return-value]

    def look(self, monkeypatch: pytest.MonkeyPatch) -> list[dg.RunRequest]:
        """What the sensor asks for an hour later."""
        now = time.time() + self.later_s
        with monkeypatch.context() as patch:
            patch.setattr(outages.time, "time", lambda: now)
            context = dg.build_sensor_context(self.instance, cursor=self.cursor)
            result = outages_sensor(context, uploads=UploadsResource())
        if isinstance(result, dg.SkipReason):
            self.cursor = context.cursor
            return []
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return list(result.run_requests or [])


@pytest.fixture
def club(monkeypatch: pytest.MonkeyPatch) -> Iterator[Club]:
    monkeypatch.setattr(failures_module, "_FIRST_WAIT_S", 0)
    monkeypatch.setattr(outages, "_what_is_away", lambda _: "")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Club(instance)


@pytest.mark.parametrize(
    "error",
    [
        TransientError("The store is away."),
        NoRoomError("The disk is full."),
        DagsterExecutionInterruptedError(),  # the code server was started again
    ],
)
def test_what_an_outage_ended_is_tried_until_it_works(
    club: Club, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    club.analyse(error, **{"jarvis/content": "1a2b"})
    (first,) = club.look(monkeypatch)
    assert first.partition_key == VIDEO
    assert first.tags == {"jarvis/content": "1a2b", AGAIN_TAG: "1"} | {
        name: value for name, value in first.tags.items() if name.startswith("dagster/")
    }
    assert club.look(monkeypatch)[0].run_key == first.run_key  # Dagster knows it by its key
    club.analyse(error, **first.tags)
    (second,) = club.look(monkeypatch)
    assert second.run_key != first.run_key
    assert second.tags[AGAIN_TAG] == "2"
    club.analyse(None, **second.tags)
    assert club.look(monkeypatch) == []


@pytest.mark.parametrize(
    ("error", "tags"),
    [
        (BadVideoError("final.mp4 is cut off."), {}),
        (ZeroDivisionError("a mistake of ours"), {}),
        (TransientError("The store is away."), {PROCESS_TAG: this_process()}),
    ],
)
def test_what_another_try_does_not_change_is_left(
    club: Club, error: Exception, tags: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = club.analyse(error, **tags)
    assert club.look(monkeypatch) == []
    assert club.cursor is not None
    assert run.run_id in club.cursor  # and not looked at again


def test_a_run_whose_process_died_is_left_to_dagsters_own_retries_first(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = {"dagster/partition": VIDEO, "dagster/will_retry": "true"}
    club.instance.add_run(
        dg.DagsterRun(
            "process_video", "00000000-0000-4000-8000-000000000000",
            status=dg.DagsterRunStatus.FAILURE, tags=tags,
        )
    )  # fmt: skip
    club.later_s = 100
    assert club.look(monkeypatch) == []
    club.later_s = 150  # nobody took it up
    assert len(club.look(monkeypatch)) == 1


def test_nothing_is_asked_for_while_the_outage_goes_on(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    club.analyse(TransientError("The store is away."))
    with monkeypatch.context() as patch:
        patch.setattr(outages, "_what_is_away", lambda _: "the store is away")
        assert club.look(monkeypatch) == []
    assert len(club.look(monkeypatch)) == 1
