"""Upkeep of the object store: what is too old goes, and everything else reads back."""

import dagster as dg

from jarvis_dagster.assets.failures import failures_of_upkeep
from jarvis_dagster.assets.metadata import seconds_of
from jarvis_dagster.resources.services import StorageResource

__all__ = ["everything_reads_back", "stored"]

_NAMED = 50  # of the findings, in the metadata


@dg.asset(
    key=["upkeep", "stored"],
    group_name="upkeep",
    owners=["team:sherlock"],
    kinds={"s3"},
)
def stored(context: dg.AssetExecutionContext, storage: StorageResource) -> dg.MaterializeResult:
    """Artifacts, models, data sets, logs and reports, as retention leaves them.

    What is past its time goes to the trash; what was there for the grace
    period, and what killed processes left, is removed.
    """
    from jarvis_dagster.services.storage.pruning import prune

    with failures_of_upkeep(context), seconds_of() as elapsed:
        done = list(prune(storage.service))
    counts: dict[str, int] = {}
    for one in done:
        counts[one.how] = counts.get(one.how, 0) + 1
    return dg.MaterializeResult(
        metadata={
            **dict(sorted(counts.items())),
            "removed_bytes": sum(one.size for one in done),
            "objects": [one.url for one in done[:_NAMED]],
            "seconds": elapsed(),
        }
    )


@dg.asset_check(
    asset=stored,
    description="Every record, key and content was read and is as it was stored.",
)
def everything_reads_back(
    context: dg.AssetCheckExecutionContext, storage: StorageResource
) -> dg.AssetCheckResult:
    """Read everything back, and name what is damaged, missing or has no key."""
    from jarvis_dagster.services.storage.verification import verify

    with failures_of_upkeep(context):
        damage = list(verify(storage.service))
    return dg.AssetCheckResult(
        passed=not damage,
        severity=dg.AssetCheckSeverity.ERROR,
        description=None
        if not damage
        else "Bring these objects back from a backup: `jarvis backup restore`.",
        metadata={
            "damaged": len(damage),
            "objects": [f"{one.url}: {one.what}" for one in damage[:_NAMED]],
        },
    )
