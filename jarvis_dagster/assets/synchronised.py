"""Folders that are kept in step: one asset a pair of the settings."""

from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.assets.failures import failures_of_upkeep
from jarvis_dagster.assets.metadata import seconds_of
from jarvis_dagster.resources.synchroniser import SynchroniserResource

if TYPE_CHECKING:
    from jarvis_dagster.settings import SyncSettings

__all__ = ["synchronised"]

_NAMED = 50


def synchronised(name: str, pair: "SyncSettings") -> dg.AssetsDefinition:
    """The asset of one pair of folders.

    Args:
        name: What the settings call it: letters, digits and ``_``.
    """
    key = dg.AssetKey(["synchronised", name])

    @dg.asset(
        key=key,
        group_name="synchronised",
        owners=["team:sherlock"],
        kinds={"folder"},
        description=f"{pair.a} and {pair.b}, kept in step both ways.",
        check_specs=[
            dg.AssetCheckSpec(
                "both_sides_hold_the_same",
                asset=key,
                description="Nothing failed and nobody changed anything meanwhile.",
            )
        ],
    )
    def pair_of_folders(
        context: dg.AssetExecutionContext, synchroniser: SynchroniserResource
    ) -> dg.MaterializeResult:
        with failures_of_upkeep(context), seconds_of() as elapsed:
            report = synchroniser.run(pair)
        if report.status == "stopped":
            raise dg.Failure(
                description=" ".join(reason.message for reason in report.reasons),
                metadata={"reasons": [reason.code for reason in report.reasons]},
                allow_retries=False,
            )
        failures = [f"{one.path}: {one.message}" for one in report.failures]
        return dg.MaterializeResult(
            metadata={
                "files": report.files,
                **report.counts,
                "conflicts": [f"{path}, kept as {copy}" for path, copy in report.conflicts],
                "seconds": elapsed(),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="both_sides_hold_the_same",
                    passed=report.status == "ok",
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={
                        "status": report.status,
                        "failed": failures[:_NAMED],
                        "changed_meanwhile": list(report.changed[:_NAMED]),
                    },
                )
            ],
        )

    return pair_of_folders
