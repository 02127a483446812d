"""Schedules: what happens at a time of day.

Belongs here: when jobs run by the clock. Does not belong here: what they do,
and what happens because something else did (sensors).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.assets.upkeep import backup, every_byte_can_be_read_back

if TYPE_CHECKING:
    from jarvis_dagster.services.backup import BackupConfig

__all__ = ["back_up", "backup_schedules", "verify_backups"]

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


def backup_schedules(config: BackupConfig) -> list[dg.ScheduleDefinition]:
    """The schedules of the settings; none without a place to keep backups in."""
    if config.place is None:
        return []
    wanted = ((back_up, config.schedule), (verify_backups, config.verify_schedule))
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
