"""What runs did, as metrics: counted once each, whoever sees them first.

Belongs here: from a finished run's events to measures, and the sensors that log them. Does not
belong here: how metrics are kept and served (``services/analytics``), what is measured of servers
(``jarvis_dagster.monitoring``).
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import time
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

from jarvis_dagster.assets.partitions import VIDEOS
from jarvis_dagster.errors import JarvisError
from jarvis_dagster.resources.acting import acts_as
from jarvis_dagster.resources.services import AnalyticsResource
from jarvis_dagster.sensors.ended_runs import for_each_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jarvis_dagster.services.analytics import JarvisAnalyticsService

__all__ = [
    "Measure",
    "measure_platform",
    "measures_of_now",
    "measures_of_run",
    "run_metrics",
    "zeroes",
]

_EVENTS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
}
_WAITING = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)
_VIDEO, _PREFLIGHT, _LEDGER = "footage/video", "footage/preflight", "spotlight/events"
_DECISION = "toolchain/promotion_decision"
_ANALYSIS = "process_video"


@dataclasses.dataclass(frozen=True)
class Measure:
    """One thing to log; ``labels`` are sorted pairs."""

    kind: Literal["gauge", "counter", "histogram"]
    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


def measures_of_run(
    job: str, status: str, seconds: float | None, events: Iterable[dg.DagsterEvent]
) -> Iterator[Measure]:
    """What a run that ended says; its job is ``dagster_job``, since ``job`` is Prometheus' own.

    Args:
        seconds: How long it ran; None where it never began.
        events: Its materialisations, checks and failed steps.
    """
    yield _count("jarvis_runs_total", dagster_job=job, status=status.lower())
    if seconds is not None:
        yield _seen("jarvis_run_seconds", seconds, dagster_job=job)
    took: dict[str, float] = {}
    frames = length_s = 0.0
    for event in events:
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            asset = (event.step_key or "").replace("__", "/")
            yield _count("jarvis_asset_failures_total", asset=asset)
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            passed = "yes" if check.passed else "no"
            yield _count("jarvis_asset_checks_total", check=check.check_name, passed=passed)
        else:
            made = event.step_materialization_data.materialization
            asset = made.asset_key.to_user_string()
            values = {name: value.value for name, value in made.metadata.items()}
            if isinstance(values.get("seconds"), int | float):
                took[asset] = float(values["seconds"])  # type: ignore[arg-type]
            if asset == _VIDEO:
                frames = _number(values.get("frame_count"))
                length_s = _number(values.get("duration_s"))
            yield from _of_asset(asset, values)
    if job == _ANALYSIS and status == "SUCCESS" and length_s and seconds:
        yield _count("jarvis_video_seconds_total", length_s)
        yield Measure("gauge", "jarvis_analysis_speed_ratio", length_s / seconds)
        for asset, own in took.items():
            if own > 0 and frames:
                yield _gauge("jarvis_frames_per_second", frames / own, asset=asset)


def _of_asset(asset: str, values: Mapping[str, Any]) -> Iterator[Measure]:
    yield _count("jarvis_asset_materializations_total", asset=asset)
    if isinstance(values.get("seconds"), int | float):
        yield _seen("jarvis_asset_seconds", values["seconds"], asset=asset)
    if asset == _PREFLIGHT:
        for statistic, grade in _mapping(values.get("grades")).items():
            yield _count("jarvis_trust_grades_total", statistic=statistic, grade=str(grade))
    if asset == _LEDGER:
        for kind, number in _mapping(values.get("by_type")).items():
            yield _count("jarvis_events_total", _number(number), type=kind)
    records = getattr(values.get("figures"), "records", None)
    if asset == _DECISION and records is not None:
        for row in (record.data for record in records):
            for which in ("champion", "challenger"):
                value = _number(row[which]) / 100
                yield _gauge("jarvis_model_figure", value, figure=str(row["figure"]), of=which)


def measures_of_now(instance: dg.DagsterInstance, now: float) -> list[Measure]:
    """Queues and sensors of Dagster; ticks are told as times, which grow old if nothing ticks."""
    found = [
        _gauge(
            "jarvis_runs_now",
            instance.get_runs_count(dg.RunsFilter(statuses=[status])),
            status=status.value.lower(),
        )
        for status in _WAITING
    ]
    oldest = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]), limit=1, ascending=True
    )
    waits = max((now - record.create_timestamp.timestamp() for record in oldest), default=0.0)
    found.append(Measure("gauge", "jarvis_run_oldest_queued_seconds", max(waits, 0.0)))
    known = len(instance.get_dynamic_partitions(VIDEOS.name or ""))
    found.append(Measure("gauge", "jarvis_videos", float(known)))
    for state in instance.all_instigator_state():
        if state.status.value == "STOPPED":
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        labels = {"name": state.instigator_name, "kind": state.instigator_type.value.lower()}
        for tick in ticks:
            failing = float(tick.status.value == "FAILURE")
            found.append(_gauge("jarvis_tick_timestamp_seconds", tick.timestamp, **labels))
            found.append(_gauge("jarvis_tick_failing", failing, **labels))
    return found


def zeroes(jobs: Iterable[str], assets: Iterable[str]) -> Iterator[Measure]:
    """Counters at 0: what rises from nothing to 1 is no increase to Prometheus."""
    for job in jobs:
        for status in ("success", "failure", "canceled"):
            yield Measure(
                "counter", "jarvis_runs_total", 0.0, (("dagster_job", job), ("status", status))
            )
    for asset in assets:
        yield _count("jarvis_asset_failures_total", 0.0, asset=asset)


def run_metrics() -> list[dg.SensorDefinition]:
    """A sensor for each way in which a run ends; what they log is counted once a run."""
    return [
        _sensor_of(status)
        for status in (
            dg.DagsterRunStatus.SUCCESS,
            dg.DagsterRunStatus.FAILURE,
            dg.DagsterRunStatus.CANCELED,
        )
    ]


def _sensor_of(status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    def count_runs(context: dg.RunStatusSensorContext, analytics: AnalyticsResource) -> None:
        run = context.dagster_run
        stats = context.instance.get_run_stats(run.run_id)
        begun = stats.start_time is not None and stats.end_time is not None
        seconds = stats.end_time - stats.start_time if begun else None  # type: ignore[operator]
        entries = context.instance.all_logs(run.run_id, of_type=_EVENTS)
        events = [entry.dagster_event for entry in entries if entry.dagster_event is not None]
        measures = measures_of_run(run.job_name, status.value, seconds, events)
        log(analytics.service, measures, f"run {run.run_id}")

    return for_each_run(
        count_runs,
        name=f"count_runs_{status.value.lower()}",
        status=status,
        resource="analytics",
        component="sherlock",
        description="Logs what runs that ended did: jobs, assets, checks, speed, grades.",
    )


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Logs how many runs wait and since when, and when each sensor last ticked.",
)
@acts_as("sherlock")
def measure_platform(
    context: dg.SensorEvaluationContext, analytics: AnalyticsResource
) -> dg.SkipReason:
    """Gauges of what is gone are dropped."""
    measures = measures_of_now(context.instance, time.time())
    repository = context.repository_def
    try:
        log(analytics.service, measures)
        if repository is not None:
            jobs = [job for job in repository.job_names if not job.startswith("__")]
            assets = [key.to_user_string() for key in repository.asset_graph.executable_asset_keys]
            log(analytics.service, zeroes(jobs, assets))
        for name in ("jarvis_tick_timestamp_seconds", "jarvis_tick_failing"):
            analytics.service.forget(
                name, [dict(one.labels) for one in measures if one.name == name]
            )
    except JarvisError as error:
        return dg.SkipReason(str(error))
    waiting = sum(one.value for one in measures if one.name == "jarvis_runs_now")
    moment = datetime.datetime.now(datetime.UTC)
    return dg.SkipReason(f"{waiting:.0f} runs wait or run at {moment:%H:%M:%S}")


def log(
    service: JarvisAnalyticsService, measures: Iterable[Measure], event_id: str | None = None
) -> None:
    """Log measures; those of an event that was seen before are not counted again."""
    seen: dict[Measure, int] = {}
    for one in measures:
        # Two equal lines of one run are two events, the same two whenever it is read.
        again = seen[one] = seen.get(one, -1) + 1
        labels = dict(one.labels)
        if one.kind == "gauge":
            service.log_metric(one.name, one.value, labels)
            continue
        its_id = None
        if event_id is not None:
            said = repr((one, again))
            its_id = f"{event_id} {hashlib.sha256(said.encode()).hexdigest()[:16]}"
        logged = service.log_counter if one.kind == "counter" else service.log_histogram
        logged(one.name, one.value, labels, event_id=its_id)


def _gauge(metric: str, value: float, /, **labels: str) -> Measure:
    return Measure("gauge", metric, float(value), tuple(sorted(labels.items())))


def _count(metric: str, value: float = 1.0, /, **labels: str) -> Measure:
    return Measure("counter", metric, value, tuple(sorted(labels.items())))


def _seen(metric: str, value: float, /, **labels: str) -> Measure:
    return Measure("histogram", metric, float(value), tuple(sorted(labels.items())))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
