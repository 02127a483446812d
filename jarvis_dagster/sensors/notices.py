"""Telling people: of runs that failed, of results that are there, and sending what waits.

Belongs here: what of Dagster's events is told, in words for the person who uploaded the video.
Does not belong here: whom it is told, how and how often (``services/notification``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.jobs import deliver_results, process_video
from jarvis_dagster.resources.acting import acts_as
from jarvis_dagster.resources.services import NotificationResource
from jarvis_dagster.sensors.ended_runs import for_each_run
from jarvis_dagster.sensors.outages import was_outage
from jarvis_dagster.services.notification.notice import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "failure_notice",
    "results_notice",
    "send_notices",
    "tell_of_failure",
    "tell_of_failures",
    "tell_of_result",
    "tell_of_results",
]

_PARTITION_TAG = "dagster/partition"
_RETRY_TAG = "dagster/will_retry"


def failure_notice(
    job: str,
    tags: Mapping[str, str],
    steps: Sequence[tuple[str, str, str]],
    message: str,
    *,
    again: bool = False,
) -> Notice:
    """What is told of a run that failed.

    Args:
        steps: Of each step that failed: the asset, what happened, and the remedy, maybe empty.
        message: What is known of the run where no step failed.
        again: Whether it is tried again by itself.
    """
    video = tags.get(_PARTITION_TAG, "")
    what = f"the video {video}" if video else f"the job {job}"
    asset, happened, remedy = steps[0] if steps else ("", message, "")
    summary = f"{asset or job} failed for {what}." if video else f"{asset or job} failed."
    details = {"What happened": happened} if happened else {}
    if video:
        details["Video"] = video
    if again:
        details["What comes next"] = "It is tried again by itself when this is over."
    details |= {f"Also failed: {name}": text for name, text, _ in steps[1:]}
    return Notice(
        event="run_failed",
        summary=summary,
        severity="error",
        remedy=remedy or "Look at the run in Dagster, and start it again when the cause is gone.",
        details=details,
        component=asset.split("/")[0] if asset else "",
        cause=f"run_failed:{video or job}:{asset}",
    )


def results_notice(tags: Mapping[str, str]) -> Notice | None:
    """What is told of a video whose results are in the drive; None for another run."""
    video = tags.get(_PARTITION_TAG)
    if not video:
        return None
    return Notice(
        event="results_ready",
        summary=f"The results of the video {video} are in the drive.",
        details={"Open first": "report.html"},
        component="delivery",
        cause=f"results_ready:{video}",
    )


def tell_of_failure(
    context: dg.RunStatusSensorContext, notifications: NotificationResource
) -> None:
    """Once for each cause; a run that is tried again is not told."""
    run = context.dagster_run
    if run.tags.get(_RETRY_TAG) == "true":
        return
    failed = context.for_run_failure().get_step_failure_events()
    again = run.job_name == process_video.name and was_outage(failed)
    notice = failure_notice(
        run.job_name,
        run.tags,
        [_step(event) for event in failed],
        context.dagster_event.message or "",
        again=again,
    )
    notifications.service.notify(notice)


tell_of_failures = for_each_run(
    tell_of_failure,
    name="tell_of_failures",
    status=dg.DagsterRunStatus.FAILURE,
    resource="notifications",
    component="sherlock",
    description="Tells people of a run that failed: the asset, the video and the remedy.",
)


def tell_of_result(context: dg.RunStatusSensorContext, notifications: NotificationResource) -> None:
    """Sent where a rule asks for it: it is no warning; not while a person has to look first."""
    run = context.dagster_run
    notice = results_notice(run.tags)
    if notice is not None and _delivered(context.instance, run):
        notifications.service.notify(notice)


tell_of_results = for_each_run(
    tell_of_result,
    name="tell_of_results",
    status=dg.DagsterRunStatus.SUCCESS,
    jobs=[process_video.name, deliver_results.name],
    resource="notifications",
    component="sherlock",
    description="Tells people that the results of a video are in the drive.",
)


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends the messages that are due, and again those that nobody took.",
)
@acts_as("sherlock")
def send_notices(
    context: dg.SensorEvaluationContext, notifications: NotificationResource
) -> dg.SkipReason:
    """What cannot be sent stays and is tried again later."""
    try:
        done = notifications.service.deliver()
    except JarvisError as error:
        return dg.SkipReason(str(error))
    for line in done.errors:
        context.log.warning(line)
    return dg.SkipReason(f"{done.sent} sent, {done.later} again later, {done.failed} given up")


def _delivered(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a run delivered results, and not only made them."""
    made = instance.fetch_materializations(
        dg.AssetRecordsFilter(
            asset_key=dg.AssetKey(["delivery", "results"]),
            asset_partitions=[run.tags[_PARTITION_TAG]],
        ),
        limit=1,
    )
    return any(record.run_id == run.run_id for record in made.records)


def _step(event: dg.DagsterEvent) -> tuple[str, str, str]:
    """Asset, what happened and remedy of a step that failed."""
    data = event.step_failure_data
    own = data.user_failure_data
    entries = {} if own is None else own.metadata
    happened, remedy = (_text(entries.get(name)) for name in ("what", "remedy"))
    if not happened and data.error is not None:
        happened = data.error.message.strip().splitlines()[0]
    return (event.step_key or "").replace("__", "/"), happened, remedy


def _text(value: dg.MetadataValue | None) -> str:
    return "" if value is None else str(value.value)
