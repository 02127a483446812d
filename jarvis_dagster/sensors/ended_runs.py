"""Runs that ended, each of them once and in order: what sensors of run status are made of.

Belongs here: the cursor over the events of ended runs. Does not belong here: what is done about a
run.

Dagster's own sensors of run status move on when what they do fails: a message that could not be
written, or a workflow that could not be started while Temporal was away, would be lost. Here a
``TransientError`` or a full disk leaves the cursor before the run, so that it comes again at the
next tick; any other error is told in the log, and the next run's turn comes. The cursor is as
Dagster's, so that a sensor of an earlier version goes on where it was.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.errors import NoRoomError, TransientError
from jarvis_dagster.resources.acting import acts_as

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster import EventLogRecord

__all__ = ["for_each_run"]

_LATER = (TransientError, NoRoomError)
_AT_A_TIME = 20
_LOOKED_AT = 200
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
        required_resource_keys={resource},
    )
    @acts_as(component)
    def each(context: dg.SensorEvaluationContext, **_: Any) -> dg.SkipReason:
        since = _record_of(context.cursor)
        if since is None:  # what ended before the sensor was first started is not its own
            context.update_cursor(_cursor(_newest(context.instance, status)))
            return dg.SkipReason("Runs that end from now on are seen to.")
        done = 0
        for record in _ended(context.instance, status, since):
            run = context.instance.get_run_by_id(record.event_log_entry.run_id)
            if run is not None and _is_ours(context, run) and (not jobs or run.job_name in jobs):
                try:
                    seen = _context_of(context, name, run, record)
                    do(seen, getattr(context.resources, resource))
                except _LATER as error:
                    context.log.warning(f"Run {run.run_id} waits: {error}")
                    return dg.SkipReason(f"{done} runs seen to; then: {error}")
                except Exception as error:
                    context.log.exception(f"Run {run.run_id} is passed over: {error}")
                done += 1
            context.update_cursor(_cursor(record.storage_id))
            if done >= _AT_A_TIME:
                break
        return dg.SkipReason(f"{done} runs seen to")

    return each


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


def _newest(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> int:
    records = instance.fetch_run_status_changes(_EVENTS[status], limit=1).records
    return records[0].storage_id if records else -1


def _is_ours(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    """Whether the run is of this code location, or of none, as one in a process of its own."""
    mine, its = context.code_location_origin, run.remote_job_origin
    if mine is None or its is None:
        return True
    return mine.location_name == its.repository_origin.code_location_origin.location_name


def _cursor(record: int) -> str:
    return json.dumps({"record_id": record})


def _record_of(cursor: str | None) -> int | None:
    """The record of a cursor, of ours or of Dagster's; None where there is none."""
    try:
        found = json.loads(cursor or "")["record_id"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) else None
