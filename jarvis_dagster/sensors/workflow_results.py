"""Between Dagster and Temporal: what workflows made, and what runs start.

Belongs here: telling Dagster of workflows that completed, and ``workflow.triggers`` of runs that
ended. Does not belong here: workflows, the assets (``assets/by_workflows.py``).
"""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.assets.by_workflows import MADE_BY
from jarvis_dagster.errors import JarvisError
from jarvis_dagster.resources.acting import acts_as
from jarvis_dagster.resources.services import WorkflowResource
from jarvis_dagster.sensors.ended_runs import for_each_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["newly_completed", "tell_triggers", "workflow_results"]

_OVERLAP = datetime.timedelta(minutes=10)
"""Temporal's list is a little behind: so far back is looked again."""
_FIRST_LOOK = datetime.timedelta(days=1)
_AT_A_TIME = 50
_LONGEST_RESULT = 20_000


def newly_completed(
    cursor: str | None, listing: Sequence[Mapping[str, Any]], now: datetime.datetime
) -> tuple[list[Mapping[str, Any]], str]:
    """Which workflows of a listing are new, and the next cursor.

    Args:
        cursor: Of the look before; None at the first.
        listing: Workflows that completed since :func:`since`, with ``id`` and ``end_time``.
    """
    told = set(json.loads(cursor)["told"]) if cursor else set()
    fresh = sorted(
        (row for row in listing if _mark(row) not in told), key=lambda row: row["end_time"]
    )[:_AT_A_TIME]
    latest = max((row["end_time"] for row in fresh), default=since(cursor, now) + _OVERLAP)
    left = sum(_mark(row) not in told for row in listing) - len(fresh)
    # What is left over comes next time: the look must not move past it.
    reached = latest if left else max(latest, min(now, latest + _OVERLAP))
    start = min(reached, now) - _OVERLAP
    told |= {_mark(row) for row in fresh}
    kept = sorted(mark for mark in told if _time_of(mark) >= start)
    return fresh, json.dumps({"since": start.isoformat(), "told": kept})


def since(cursor: str | None, now: datetime.datetime) -> datetime.datetime:
    """From when on workflows are listed."""
    if not cursor:
        return now - _FIRST_LOOK
    return datetime.datetime.fromisoformat(json.loads(cursor)["since"])


def _mark(row: Mapping[str, Any]) -> str:
    """An id alone may have run again."""
    return f"{row['end_time'].isoformat()} {row['id']}"


def _time_of(mark: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(mark.split(" ", 1)[0])


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Records what workflows in Temporal made, as materialisations of their assets.",
)
@acts_as("sherlock")
def workflow_results(
    context: dg.SensorEvaluationContext, workflows: WorkflowResource
) -> dg.SensorResult | dg.SkipReason:
    """Each workflow that completed is told once."""
    now = datetime.datetime.now(datetime.UTC)
    service = workflows.service
    try:
        listing = [
            row
            for row in service.list_workflows(
                "completed", limit=1000, ended_since=since(context.cursor, now)
            )
            if row["workflow"] in MADE_BY
        ]
        fresh, cursor = newly_completed(context.cursor, listing, now)
        statuses = [(row, service.get_workflow_status(row["id"])) for row in fresh]
    except JarvisError as error:
        return dg.SkipReason(f"Workflows cannot be listed: {error}")
    events = [_materialised(row, status) for row, status in statuses]
    return dg.SensorResult(asset_events=events, cursor=cursor)


def _materialised(row: Mapping[str, Any], status: Mapping[str, Any]) -> dg.AssetMaterialization:
    result = json.dumps(status["result"], default=str)
    return dg.AssetMaterialization(
        MADE_BY[row["workflow"]],
        metadata={
            "workflow_id": row["id"],
            "component": row["component"] or "none",
            "started": dg.MetadataValue.timestamp(row["start_time"]),
            "seconds": row["execution_time"],
            "step_seconds": dg.MetadataValue.json(status["performance"].get("step_seconds", {})),
            "result": dg.MetadataValue.json(json.loads(result))
            if len(result) <= _LONGEST_RESULT
            else f"{len(result)} characters: `jarvis workflow status {row['id']}` shows it.",
            "command": f"jarvis workflow history {row['id']}",
        },
    )


def tell_triggers() -> list[dg.SensorDefinition]:
    """Sensors that tell ``workflow.triggers`` of runs that succeeded and failed."""
    return [
        _run_sensor("run_succeeded", dg.DagsterRunStatus.SUCCESS),
        _run_sensor("run_failed", dg.DagsterRunStatus.FAILURE),
    ]


def _run_sensor(event: str, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    def tell(context: dg.RunStatusSensorContext, workflows: WorkflowResource) -> None:
        run, config = context.dagster_run, workflows.settings.workflow
        if config is None or not config.triggers:
            return
        data = {
            "job": run.job_name,
            "run_id": run.run_id,
            "partition": run.tags.get("dagster/partition", ""),
        }
        for workflow_id in workflows.service.handle_event(event, data, "dagster"):
            context.log.info(f"Started the workflow {workflow_id}.")

    return for_each_run(
        tell,
        name=f"tell_workflows_{event}",
        status=status,
        resource="workflows",
        component="sherlock",
        description=f"Starts the workflows that `workflow.triggers` names for {event}.",
    )
