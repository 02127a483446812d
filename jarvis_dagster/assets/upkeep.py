"""Upkeep: the backup, and the truths about it."""

import dagster as dg

from jarvis_dagster.assets.failures import failures_of_upkeep
from jarvis_dagster.assets.metadata import seconds_of
from jarvis_dagster.errors import JarvisError
from jarvis_dagster.resources.backups import BackupResource

__all__ = ["backup", "every_byte_can_be_read_back"]

_NAMED = 50  # of the findings, in the metadata


@dg.asset(
    key=["upkeep", "backup"],
    group_name="upkeep",
    owners=["team:sherlock"],
    kinds={"backup"},
    check_specs=[
        dg.AssetCheckSpec(
            "everything_was_taken",
            asset=["upkeep", "backup"],
            description="No database was damaged, no file unreadable, no bucket missing.",
        ),
        dg.AssetCheckSpec(
            "older_backups_went_as_the_retention_says",
            asset=["upkeep", "backup"],
            description="What is too old was removed, and nothing else.",
        ),
    ],
)
def backup(context: dg.AssetExecutionContext, backups: BackupResource) -> dg.MaterializeResult:
    """An encrypted snapshot of databases, files, settings and objects, in another place.

    Older snapshots go as ``backup.retention`` says, and what only they needed with them.
    """
    with failures_of_upkeep(context), seconds_of() as elapsed:
        snapshot = backups.service.create()
        removed, not_pruned = _prune(backups)
    return dg.MaterializeResult(
        metadata={
            "snapshot": snapshot.id,
            "place": backups.service.place.where,
            "entries": snapshot.entries,
            "size_bytes": snapshot.size,
            "added_bytes": snapshot.new_bytes,
            "snapshots_removed": removed,
            "seconds": elapsed(),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="everything_was_taken",
                passed=not snapshot.notes,
                severity=dg.AssetCheckSeverity.WARN,
                description=" ".join(snapshot.notes) or None,
            ),
            dg.AssetCheckResult(
                check_name="older_backups_went_as_the_retention_says",
                passed=not not_pruned,
                severity=dg.AssetCheckSeverity.WARN,
                description=not_pruned or None,
            ),
        ],
    )


@dg.asset_check(
    asset=["upkeep", "backup"],
    description="Every snapshot can be restored: all of the backup was read and is as written.",
)
def every_byte_can_be_read_back(
    context: dg.AssetCheckExecutionContext, backups: BackupResource
) -> dg.AssetCheckResult:
    """Read the whole backup, and name what is damaged or missing."""
    with failures_of_upkeep(context):
        verified = backups.service.verify()
    named = [f"{one.problem}: {one.blob}" for one in verified.findings[:_NAMED]]
    lost = sorted({path for one in verified.findings for path in one.paths})
    return dg.AssetCheckResult(
        passed=not verified.findings,
        severity=dg.AssetCheckSeverity.ERROR,
        description=None
        if not named
        else "Run `jarvis backup verify --mend`, then make a backup; what is gone at its source"
        " too is lost.",
        metadata={
            "snapshots": verified.snapshots,
            "bytes_read": verified.bytes_read,
            "damaged_or_missing": named,
            "cannot_be_restored": lost[:_NAMED],
        },
    )


def _prune(backups: BackupResource) -> tuple[int, str]:
    """How many snapshots were removed, or why none was: the new one is made all the same."""
    try:
        return len(backups.service.prune().removed), ""
    except JarvisError as error:
        return 0, str(error)
