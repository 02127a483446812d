"""The weekly reports of the teams and of the platform, one partition a week."""

import tempfile
from pathlib import Path
from typing import Any

import dagster as dg

from jarvis_dagster.assets.failures import failures_of_upkeep
from jarvis_dagster.assets.metadata import seconds_of
from jarvis_dagster.reporting.weeks import Week
from jarvis_dagster.resources.services import NotificationResource, StorageResource

__all__ = ["WEEKS", "weekly_reports"]

WEEKS = dg.WeeklyPartitionsDefinition(start_date="2025-01-06", day_offset=1)
"""Weeks from Monday on, named by it."""


@dg.asset(
    key=["holmes", "weekly_reports"],
    deps=[["holmes", "games"]],
    group_name="holmes",
    owners=["team:holmes"],
    kinds={"html"},
    partitions_def=WEEKS,
)
def weekly_reports(
    context: dg.AssetExecutionContext,
    storage: StorageResource,
    notifications: NotificationResource,
) -> dg.MaterializeResult:
    """For each team, and for the platform: the week, and what changes over the season.

    HTML, PDF, JSON and CSV, kept in the store and delivered to the team's folder. The same week
    made again replaces what is there.
    """
    from jarvis_dagster.reporting.weekly import PLATFORM, Made, WeeklyReports, make_all
    from jarvis_dagster.services.notification.notice import Notice

    week = Week.of(context.partition_time_window.start.date())

    def tell(made: Made) -> None:
        context.log.info(f"{made.about}: {made.folder or 'kept in the store'}")
        if made.note:
            context.log.warning(made.note)
        if made.about != PLATFORM and not made.numbers["games_of_week"]:
            return
        notifications.service.notify(
            Notice(
                event="report_ready",
                summary=f"The report of {made.about} for {week} is ready.",
                details={"Where": made.folder} if made.folder else {},
                component="holmes",
                cause=f"report_ready:{made.about}:{week}",
            )
        )

    with (
        failures_of_upkeep(context),
        seconds_of() as elapsed,
        tempfile.TemporaryDirectory(prefix="jarvis-") as scratch,
    ):
        reports = WeeklyReports(
            week, storage.settings, storage.core, context.instance, Path(scratch)
        )
        made = make_all(reports, None, keep=True, tell=tell)
    return dg.MaterializeResult(
        metadata={
            "week": str(week),
            "reports": _table(made),
            "videos": len(reports.games),
            "seconds": elapsed(),
        }
    )


def _table(made: list[Any]) -> dg.MetadataValue:
    rows = [
        dg.TableRecord(
            {
                "report": one.about,
                "moved": sum(bool(row["direction"]) for row in one.numbers["figures"]),
                "folder": one.folder,
                "stored": one.ids["report.html"],
            }
        )
        for one in made
    ]
    schema = dg.TableSchema(
        [
            dg.TableColumn("report", "string"),
            dg.TableColumn("moved", "int", description="Figures that moved more than by chance."),
            dg.TableColumn("folder", "string", description="Where it was delivered to."),
            dg.TableColumn("stored", "string", description="The id of the page in the store."),
        ]
    )
    return dg.MetadataValue.table(rows, schema=schema)
