"""Runs that ended, each of them once: what sensors of run status are made of.

Belongs here: going through the events of ended runs. Does not belong here: what is done about a
run, who waits how long (``waiting_runs``).

Dagster's own sensors of run status move on when what they do fails: a message that could not be
written, or a workflow that could not be started while Temporal was away, would be lost. Here a
``TransientError`` or a full disk has the run wait aside, and it is tried again with growing pauses
while later runs go on; two in a row end the look, since what they need is probably away. A run that
fails while others go through is given up after a day, and people are told. Any other error is told
in the log, and the next run's turn comes. The cursor begins as Dagster's, so that a sensor of an
earlier version goes on where it was.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.errors import JarvisError, NoRoomError, TransientError
from jarvis_dagster.resources.acting import acting, acts_as
from jarvis_dagster.sensors.waiting_runs import Progress
from jarvis_dagster.services.notification.notice import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster import EventLogRecord

    from jarvis_dagster.sensors.waiting_runs import Waiting

__all__ = ["for_each_run"]

_LATER = (TransientError, NoRoomError)
_AT_A_TIME = 20
_LOOKED_AT = 200
_FAILURES_IN_A_ROW = 2
_LONGEST_LOOK_S = 25.0
"""Dagster ends a look after a minute, and what it did is not remembered then."""
_EVENTS = {
    dg.DagsterRunStatus.SUCCESS: dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterRunStatus.FAILURE: dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterRunStatus.CANCELED: dg.DagsterEventType.RUN_CANCELED,
}


def for_each_run(
    do: Callable[[dg.RunStatusSensorContext, Any], None],
    *,
    name: str,
    status: dg.DagsterRunStatus,
    resource: str,
    component: str,
    description: str,
    jobs: Sequence[str] = (),
    seconds: int = 30,
) -> dg.SensorDefinition:
    """A sensor that does something for each run of this code location that ends so.

    Args:
        do: With the run, as Dagster's sensors of run status have it, and the resource.
        resource: The name of the resource that it uses.
        component: In whose name it is done.
        jobs: Only runs of these; all where there are none.
    """

    @dg.sensor(
        name=name,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
        required_resource_keys={resource, "notifications"},
    )
    @acts_as(component)
    def each(context: dg.SensorEvaluationContext, **_: Any) -> dg.SkipReason:
        progress = Progress.from_cursor(context.cursor)
        if progress.record is None:  # what ended before the sensor was first started is not its own
            progress.record = _newest(context.instance, status)
            context.update_cursor(progress.to_cursor())
            return dg.SkipReason("Runs that end from now on are seen to.")
        look = _Look(context, progress, do, name, resource)
        for record in _ended(context.instance, status, progress.record):
            if look.is_over or look.is_full:
                break
            run = context.instance.get_run_by_id(record.event_log_entry.run_id)
            mine = run is not None and _is_ours(context, run) and (not jobs or run.job_name in jobs)
            if run is not None and mine and not look.at(run, record):
                break
            progress.record = record.storage_id
        for waiting in progress.due(_now()):  # last, so that nobody has to wait for them
            if look.is_over:
                break
            found = _at(context.instance, status, waiting.record)
            run = found and context.instance.get_run_by_id(found.event_log_entry.run_id)
            if found and run:
                look.at(run, found)
            else:  # it was deleted meanwhile
                del progress.waiting[waiting.record]
        context.update_cursor(progress.to_cursor())
        return dg.SkipReason(look.told())

    return each


class _Look:
    """One tick: runs are seen to until there were enough, or what they need seems to be away."""

    def __init__(
        self,
        context: dg.SensorEvaluationContext,
        progress: Progress,
        do: Callable[[dg.RunStatusSensorContext, Any], None],
        name: str,
        resource: str,
    ) -> None:
        self._context, self._progress, self._do = context, progress, do
        self._name, self._resource = name, resource
        self._until = time.monotonic() + _LONGEST_LOOK_S
        self._done = self._in_a_row = 0
        self._last = ""

    @property
    def is_over(self) -> bool:
        """Whether no other run should be begun."""
        return self._in_a_row >= _FAILURES_IN_A_ROW or time.monotonic() >= self._until

    @property
    def is_full(self) -> bool:
        """Whether so many were seen to that those who wait should have their turn."""
        return self._done >= _AT_A_TIME

    def at(self, run: dg.DagsterRun, record: EventLogRecord) -> bool:
        """See to a run; False where it has to keep its place in the line."""
        context, at = self._context, record.storage_id
        try:
            seen = _context_of(context, self._name, run, record)
            self._do(seen, getattr(context.resources, self._resource))
        except _LATER as error:
            return self._waits(run, at, str(error))
        except Exception as error:
            context.log.exception(f"Run {run.run_id} is passed over: {error}")
            self._progress.waiting.pop(at, None)
        else:
            self._in_a_row = 0
            self._progress.went_through(at, _now())
        self._done += 1
        return True

    def told(self) -> str:
        """What became of it, in a line."""
        parts = [f"{self._done} runs seen to"]
        if self._progress.waiting:
            parts.append(f"{len(self._progress.waiting)} wait for another try")
        return ", ".join(parts) + (f"; {self._last}" if self._last else "")

    def _waits(self, run: dg.DagsterRun, at: int, why: str) -> bool:
        self._in_a_row += 1
        self._last = why
        if not self._progress.failed(at, _now(), why):
            self._context.log.warning(f"Run {run.run_id} and those after it wait: {why}")
            return False
        waiting = self._progress.waiting[at]
        if waiting.is_given_up(_now()) and self._is_told(run, waiting):
            del self._progress.waiting[at]
        else:
            self._context.log.warning(f"Run {run.run_id} waits, tried {waiting.tries} times: {why}")
        return True

    def _is_told(self, run: dg.DagsterRun, waiting: Waiting) -> bool:
        """Tell people of a run that is given up; False where that failed, too."""
        hours = (_now() - waiting.since) / 3600
        what = f"{self._name} gave up run {run.run_id} ({run.job_name})"
        notice = Notice(
            event="run_given_up",
            summary=f"{what} after {waiting.tries} tries in {hours:.0f} hours.",
            severity="error",
            remedy="Look at the sensor's log in Dagster; what it does for a run has to be done by"
            " hand for this one.",
            details={"What happened": waiting.why},
            cause=f"run_given_up:{self._name}:{run.run_id}",
        )
        try:
            with acting("sherlock"):
                self._context.resources.notifications.service.notify(notice)
        except JarvisError as error:
            self._context.log.error(f"{what}, and nobody could be told: {error}")
            return False
        self._context.log.error(f"{notice.summary} {waiting.why}")
        return True


def _context_of(
    context: dg.SensorEvaluationContext, name: str, run: dg.DagsterRun, record: EventLogRecord
) -> dg.RunStatusSensorContext:
    """What a sensor of run status is given for a run."""
    return dg.RunStatusSensorContext(
        sensor_name=name,
        dagster_run=run,
        dagster_event=record.event_log_entry.dagster_event,
        instance=context.instance,
        logger=context.log,
        partition_key=run.tags.get("dagster/partition"),
        repository_def=context.repository_def,
    )


def _ended(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, since: int
) -> Sequence[EventLogRecord]:
    """Ends of runs after a record, the oldest first."""
    return instance.fetch_run_status_changes(
        dg.RunStatusChangeRecordsFilter(event_type=_EVENTS[status], after_storage_id=since),  # type: ignore[arg-type]
        ascending=True,
        limit=_LOOKED_AT,
    ).records


def _at(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, record: int
) -> EventLogRecord | None:
    """The end of a run by its record."""
    found = instance.fetch_run_status_changes(
        dg.RunStatusChangeRecordsFilter(event_type=_EVENTS[status], storage_ids=[record]),  # type: ignore[arg-type]
        limit=1,
    ).records
    return found[0] if found else None


def _newest(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> int:
    records = instance.fetch_run_status_changes(_EVENTS[status], limit=1).records
    return records[0].storage_id if records else -1


def _is_ours(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    """Whether the run is of this code location, or of none, as one in a process of its own."""
    mine, its = context.code_location_origin, run.remote_job_origin
    if mine is None or its is None:
        return True
    return mine.location_name == its.repository_origin.code_location_origin.location_name


def _now() -> float:
    return time.time()
