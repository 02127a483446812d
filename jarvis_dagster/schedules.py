"""Schedules: what happens at a time of day.

Belongs here: when jobs run by the clock. Does not belong here: what they do,
and what happens because something else did (sensors).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.jobs import (
    back_up,
    check_services,
    index_drives,
    prune_storage,
    report_autopilot,
    report_week,
    sync_job,
    verify_backups,
    verify_storage,
)
from jarvis_dagster.reporting.weeks import Week

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

    from jarvis_dagster.autopilot.config import AutopilotConfig
    from jarvis_dagster.services.backup import BackupConfig
    from jarvis_dagster.settings import ReportSettings, SyncSettings, UpkeepSettings

__all__ = [
    "autopilot_schedules",
    "backup_schedules",
    "health_schedules",
    "report_schedules",
    "sync_schedules",
    "upkeep_schedules",
]


def report_schedules(reports: ReportSettings) -> list[dg.ScheduleDefinition]:
    """When last week's reports are made; the same week is asked for once."""
    if reports.schedule is None:
        return []

    @dg.schedule(
        job=report_week,
        name="report_week_schedule",
        cron_schedule=reports.schedule,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def report_week_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        monday = Week.last(context.scheduled_execution_time.date()).monday.isoformat()
        return dg.RunRequest(run_key=monday, partition_key=monday)

    return [report_week_schedule]


_OPEN = [
    *(dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED),
    *(dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED),
]


def health_schedules(upkeep: UpkeepSettings) -> list[dg.ScheduleDefinition]:
    """When the services are asked; not while the last time still waits for a place."""
    if upkeep.health_schedule is None:
        return []

    @dg.schedule(
        job=check_services,
        name="check_services_schedule",
        cron_schedule=upkeep.health_schedule,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def check_services_schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        filters = dg.RunsFilter(job_name=check_services.name, statuses=_OPEN)
        waiting = context.instance.get_runs_count(filters)
        return dg.SkipReason("the last one still waits") if waiting else dg.RunRequest()

    return [check_services_schedule]


def backup_schedules(config: BackupConfig) -> list[dg.ScheduleDefinition]:
    """The schedules of the settings; none without a place to keep backups in."""
    if config.place is None:
        return []
    wanted = ((back_up, config.schedule), (verify_backups, config.verify_schedule))
    return _schedules(wanted)


def upkeep_schedules(upkeep: UpkeepSettings) -> list[dg.ScheduleDefinition]:
    """When the object store is pruned and read back, and the drives are indexed."""
    return _schedules(
        (
            (prune_storage, upkeep.prune_schedule),
            (verify_storage, upkeep.verify_schedule),
            (index_drives, upkeep.index_schedule),
        )
    )


def autopilot_schedules(autopilot: AutopilotConfig) -> list[dg.ScheduleDefinition]:
    """When performance and decisions are shown."""
    return _schedules([(report_autopilot, autopilot.report_schedule)])


def sync_schedules(pairs: Mapping[str, SyncSettings]) -> list[dg.ScheduleDefinition]:
    """When pairs of folders are brought in step."""
    return _schedules([(sync_job(name), pair.schedule) for name, pair in pairs.items()])


def _schedules(
    wanted: Iterable[tuple[UnresolvedAssetJobDefinition, str | None]],
) -> list[dg.ScheduleDefinition]:
    return [
        dg.ScheduleDefinition(
            name=f"{job.name}_schedule",
            job=job,
            cron_schedule=cron,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
        for job, cron in wanted
        if cron is not None
    ]
