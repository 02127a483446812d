"""Schedules: what happens at a time of day.

Belongs here: when jobs run by the clock. Does not belong here: what they do,
and what happens because something else did (sensors).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.assets.answering import services
from jarvis_dagster.assets.holmes_weekly import weekly_reports
from jarvis_dagster.assets.searchable import search_index
from jarvis_dagster.assets.stored import everything_reads_back, stored
from jarvis_dagster.assets.upkeep import backup, every_byte_can_be_read_back
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
    "back_up",
    "backup_schedules",
    "check_services",
    "health_schedules",
    "index_drives",
    "prune_storage",
    "report_autopilot",
    "report_schedules",
    "report_week",
    "sync_job",
    "sync_schedules",
    "upkeep_schedules",
    "verify_backups",
    "verify_storage",
]

back_up = dg.define_asset_job(
    "back_up",
    selection=dg.AssetSelection.assets(backup)
    - dg.AssetSelection.checks(every_byte_can_be_read_back),
    executor_def=dg.in_process_executor,
    description="Make a backup, and remove those that are too old.",
)
verify_backups = dg.define_asset_job(
    "verify_backups",
    selection=dg.AssetSelection.checks(every_byte_can_be_read_back),
    executor_def=dg.in_process_executor,
    description="Read all backups back.",
)


prune_storage = dg.define_asset_job(
    "prune_storage",
    selection=dg.AssetSelection.assets(stored) - dg.AssetSelection.checks(everything_reads_back),
    executor_def=dg.in_process_executor,
    description="Apply retention to the object store.",
)
verify_storage = dg.define_asset_job(
    "verify_storage",
    selection=dg.AssetSelection.checks(everything_reads_back),
    executor_def=dg.in_process_executor,
    description="Read the whole object store back.",
)


index_drives = dg.define_asset_job(
    "index_drives",
    selection=dg.AssetSelection.assets(search_index),
    executor_def=dg.in_process_executor,
    description="Bring the search index up to date with the drives.",
)


report_week = dg.define_asset_job(
    "report_week",
    selection=dg.AssetSelection.assets(weekly_reports),
    executor_def=dg.in_process_executor,
    description="A week's reports of the teams and of the platform.",
)


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


check_services = dg.define_asset_job(
    "check_services",
    selection=dg.AssetSelection.assets(services),
    executor_def=dg.in_process_executor,
    # A matter of seconds, and of no use later: before the videos that wait.
    tags={"dagster/priority": "10"},
    description="Ask every core service whether it works.",
)
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


report_autopilot = dg.define_asset_job(
    "report_autopilot",
    selection=dg.AssetSelection.groups("autopilot"),
    executor_def=dg.in_process_executor,
    description="How well videos are seen, and what the Autopilot decided.",
)


def autopilot_schedules(autopilot: AutopilotConfig) -> list[dg.ScheduleDefinition]:
    """When performance and decisions are shown."""
    return _schedules([(report_autopilot, autopilot.report_schedule)])


@functools.cache  # a schedule and the definitions have to name the same job
def sync_job(name: str) -> UnresolvedAssetJobDefinition:
    """The job that brings one pair of folders in step."""
    return dg.define_asset_job(
        f"synchronise_{name}",
        selection=dg.AssetSelection.assets(["synchronised", name]),
        executor_def=dg.in_process_executor,
        description="Bring two folders in step, both ways.",
    )


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
