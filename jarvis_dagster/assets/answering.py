"""Upkeep of the services: which of them answer."""

import dagster as dg

from jarvis_dagster.resources.base import JarvisResource
from jarvis_dagster.resources.services import StorageResource

__all__ = ["services"]


@dg.asset(
    key=["upkeep", "services"],
    group_name="upkeep",
    owners=["team:sherlock"],
    kinds={"python"},
    check_specs=[
        dg.AssetCheckSpec(
            "every_service_answers",
            asset=["upkeep", "services"],
            description="Every core service was asked and works.",
        )
    ],
)
def services(storage: StorageResource) -> dg.MaterializeResult:
    """The core services, asked now: state, seconds, and what stands still without them."""
    return _looked_at(storage)


def _looked_at(resource: JarvisResource) -> dg.MaterializeResult:
    from jarvis_dagster.monitoring.watching import health_monitor
    from jarvis_dagster.services.health import stands_still

    settings = resource.settings
    once = settings.model_copy(update={"health": settings.health.model_copy(update={"tries": 1})})
    monitor = health_monitor(resource.core, once)
    monitor.look()
    rows = monitor.status()
    down = [row.service for row in rows if not row.healthy]
    table = ["| service | state | seconds |", "|---|---|---|"]
    table += [f"| {row.service} | {row.error or 'works'} | {row.seconds} |" for row in rows]
    return dg.MaterializeResult(
        metadata={
            "services": dg.MetadataValue.md("\n".join(table)),
            "down": down,
            "stands_still": stands_still(down),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="every_service_answers",
                passed=not down,
                description=" ".join(f"{row.error} {row.remedy}" for row in rows if row.error)
                or None,
            )
        ],
    )
