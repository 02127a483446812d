"""What can be searched: names and texts of the drives."""

import dagster as dg

from jarvis_dagster.assets.failures import failures_of_upkeep
from jarvis_dagster.assets.metadata import seconds_of
from jarvis_dagster.errors import PermanentError
from jarvis_dagster.resources.search import SearchResource
from jarvis_dagster.resources.services import ClientStorageResource

__all__ = ["search_index"]

_NAMED = 50


@dg.asset(
    key=["drives", "search_index"],
    group_name="drives",
    owners=["team:holmes"],
    kinds={"sqlite"},
    check_specs=[
        dg.AssetCheckSpec(
            "every_text_was_read",
            asset=["drives", "search_index"],
            description="No file that should have text is found by its name alone.",
        )
    ],
)
def search_index(
    context: dg.AssetExecutionContext,
    client_storage: ClientStorageResource,
    search: SearchResource,
) -> dg.MaterializeResult:
    """The index of `jarvis drive search`, at the cost of what changed in the drives.

    A drive that refuses does not hold up the others; then the run fails when
    they are done.
    """
    failed: list[str] = []
    reports = []
    with failures_of_upkeep(context), seconds_of() as elapsed:
        for name in sorted(client_storage.service.config.drives):
            try:
                reports.append(search.bring_up_to_date(name))
            except PermanentError as error:
                failed.append(f"{name}: {error}")
        if failed:
            raise PermanentError(" ".join(failed), "The other drives were indexed.")
    unread = [f"{path}: {why}" for report in reports for path, why in report.failed]
    return dg.MaterializeResult(
        metadata={
            "drives": len(reports),
            "added": sum(report.added for report in reports),
            "updated": sum(report.updated for report in reports),
            "renamed": sum(report.renamed for report in reports),
            "removed": sum(report.removed for report in reports),
            "texts_read": sum(report.extracted for report in reports),
            "readers_changed": sum(report.readers_changed for report in reports),
            "seconds": elapsed(),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="every_text_was_read",
                passed=not unread,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"files": len(unread), "unread": unread[:_NAMED]},
            )
        ],
    )
