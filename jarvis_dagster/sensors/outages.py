"""Analyses that an outage ended are asked for again once it is over.

Belongs here: the sensor, and which videos are due now. Does not belong here: the short retries of
a step (``assets/failures``) and of a run whose process died (``run_retries`` of the instance),
which come first.

An uploaded video must not be lost because the object store, the drive or a database was away for
longer than a step waits, because a disk was full, or because a machine kept losing the process. A
video that itself cannot be analysed is not tried again.
"""

from __future__ import annotations

import datetime
import json
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

import dagster as dg

from jarvis_dagster.disk import require_room
from jarvis_dagster.errors import JarvisError
from jarvis_dagster.jobs import process_video
from jarvis_dagster.resources.acting import acts_as
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.stack.runs import PROCESS_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dagster_shared.error import SerializableErrorInfo

__all__ = ["AGAIN_TAG", "Ending", "how_it_ended", "next_try", "outages_sensor", "was_outage"]

AGAIN_TAG = "jarvis/again"
"""The tag of a run that this sensor asked for: the number of the try."""

_OUTAGES = {"TransientError", "BusyError", "NoRoomError"}
_ENDED_FROM_OUTSIDE = {"DagsterExecutionInterruptedError"}
_PARTITION_TAG, _WILL_RETRY_TAG = "dagster/partition", "dagster/will_retry"
_FIRST_WAIT_S, _LONGEST_WAIT_S = 60.0, 3600.0
_MOST_TRIES = {"outage": 24, "died": 5}
_RETRY_TAKEN_UP_S = 120.0
"""Dagster looks every 5 s for runs to try again. It misses one whose end it reads before the state
is written, and gives up one whose code server is away at that moment."""
_LOOK_BACK_S = 7 * 86400.0
_MOST_AT_ONCE, _MOST_LOOKED_AT = 20, 1000


class Ending(NamedTuple):
    """How a run of a video ended, or that it did not (``open``).

    ``bad`` is what another try does not change, or what somebody else sees to.
    """

    kind: Literal["open", "good", "outage", "died", "bad"]
    ended_at: float
    asked: bool


def next_try(runs: Sequence[Ending], now: float) -> int | None:
    """The number of the try that is due now, for a video with these runs, the newest last.

    The first comes a minute after the end, the next after two, up to an hour.
    """
    if not runs or any(run.kind in {"open", "good"} for run in runs):
        return None
    last, tries = runs[-1], sum(run.asked for run in runs)
    if last.kind == "bad" or tries >= _MOST_TRIES[last.kind]:
        return None
    wait = min(_FIRST_WAIT_S * 2**tries, _LONGEST_WAIT_S)
    return tries + 1 if now >= last.ended_at + wait else None


def was_outage(failures: Iterable[dg.DagsterEvent]) -> bool:
    """Whether nothing but an outage or a full disk made the steps of a run fail."""
    return _all_of(failures, _OUTAGES)


def how_it_ended(instance: dg.DagsterInstance, record: dg.RunRecord, now: float) -> Ending:
    """What is known of a run's end."""
    run, ended = record.dagster_run, record.end_time or record.update_timestamp.timestamp()
    asked = AGAIN_TAG in run.tags

    def ending(kind: Literal["open", "good", "outage", "died", "bad"]) -> Ending:
        return Ending(kind, ended, asked)

    if not run.is_finished:
        return ending("open")
    if run.status is not dg.DagsterRunStatus.FAILURE:
        return ending("good" if run.is_success else "bad")
    if PROCESS_TAG in run.tags:
        return ending("bad")  # `jarvis run` has told the person who started it
    if run.tags.get(_WILL_RETRY_TAG) == "true" and now < ended + _RETRY_TAKEN_UP_S:
        return ending("open")
    failed = _failures(instance, run.run_id)
    if was_outage(failed):
        return ending("outage")
    # One that is told to end, as by a program that starts again, says so itself.
    return ending("bad" if failed and not _all_of(failed, _ENDED_FROM_OUTSIDE) else "died")


@dg.sensor(
    job=process_video,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Analyses again what an outage, a full disk or a lost process has ended, once the"
    " object store and the drive answer and there is room.",
)
@acts_as("sherlock")
def outages_sensor(
    context: dg.SensorEvaluationContext, uploads: UploadsResource
) -> dg.SensorResult | dg.SkipReason:
    """A run for each video that is due. The cursor names failed runs that are settled."""
    instance, now = context.instance, time.time()
    settled = set(json.loads(context.cursor or "[]"))
    failed = instance.get_run_records(
        filters=dg.RunsFilter(
            job_name=process_video.name,
            statuses=[dg.DagsterRunStatus.FAILURE],
            updated_after=datetime.datetime.fromtimestamp(now - _LOOK_BACK_S, datetime.UTC),
        ),
        limit=_MOST_LOOKED_AT,
    )
    unsettled = [record for record in failed if record.dagster_run.run_id not in settled]
    due: dict[str, tuple[dg.DagsterRun, int]] = {}
    waiting = 0
    for video, runs in _by_video(instance, unsettled).items():
        endings = [how_it_ended(instance, record, now) for record in runs]
        number = next_try(endings, now)
        last = endings[-1]
        if number is not None:
            due[video] = runs[-1].dagster_run, number
        elif last.kind in {"good", "bad"} or any(one.kind == "good" for one in endings):
            settled |= {record.dagster_run.run_id for record in runs}
        else:
            waiting += 1
    cursor = json.dumps(sorted(settled & {record.dagster_run.run_id for record in failed}))
    why_not = _what_is_away(uploads) if due else ""
    if why_not:
        context.update_cursor(cursor)
        return dg.SkipReason(f"{len(due)} video(s) wait: {why_not}")
    requests = [_request(*one) for one in [*due.values()][:_MOST_AT_ONCE]]
    return dg.SensorResult(
        run_requests=requests,
        cursor=cursor,
        skip_reason=None if requests else f"{waiting} video(s) wait or are tried again now",
    )


def _by_video(
    instance: dg.DagsterInstance, failed: Sequence[dg.RunRecord]
) -> dict[str, list[dg.RunRecord]]:
    """All runs, the newest last, of each video that one of these runs was of."""
    videos = dict.fromkeys(
        tag for record in failed if (tag := record.dagster_run.tags.get(_PARTITION_TAG))
    )
    return {
        video: list(
            instance.get_run_records(
                filters=dg.RunsFilter(job_name=process_video.name, tags={_PARTITION_TAG: video}),
                ascending=True,
            )
        )
        for video in videos
    }


def _request(run: dg.DagsterRun, number: int) -> dg.RunRequest:
    video = run.tags[_PARTITION_TAG]
    mine = {name: value for name, value in run.tags.items() if name.startswith("jarvis/")}
    return dg.RunRequest(
        run_key=f"again-{video}-{number}",
        partition_key=video,
        tags={**mine, AGAIN_TAG: str(number)},
    )


def _what_is_away(uploads: UploadsResource) -> str:
    """Why another try would fail, too; empty if nothing is known."""
    try:
        require_room(uploads.settings)
        uploads.core.storage_service.check()
        uploads.core.client_storage_service.drive(uploads.settings.drive.name).check()
    except JarvisError as error:
        return str(error)
    return ""


def _failures(instance: dg.DagsterInstance, run_id: str) -> list[dg.DagsterEvent]:
    entries = instance.all_logs(run_id, of_type={dg.DagsterEventType.STEP_FAILURE})
    return [entry.dagster_event for entry in entries if entry.dagster_event is not None]


def _all_of(failures: Iterable[dg.DagsterEvent], wanted: set[str]) -> bool:
    chains = [_names(event.step_failure_data.error) for event in failures]
    return bool(chains) and all(chain & wanted for chain in chains)


def _names(error: SerializableErrorInfo | None) -> set[str]:
    """The classes of an error and of those that led to it."""
    found = set()
    while error is not None:
        found.add(error.cls_name or "")
        error = error.cause or error.context
    return found
