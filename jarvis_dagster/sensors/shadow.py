"""The challenger's look at every new video, once the champion has had its own.

Belongs here: the sensor. Does not belong here: the run itself (``assets/toolchain/shadow``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.jobs import shadow_video
from jarvis_dagster.resources.services import ExperimentResource  # noqa: TC001 - Dagster reads it

if TYPE_CHECKING:
    from jarvis_dagster.settings import PromotionSettings

__all__ = ["shadow_sensor"]


def shadow_sensor(settings: PromotionSettings) -> dg.SensorDefinition:
    """Asks for a shadow run of each video that was analysed; on where the settings say so."""
    on = settings.shadow

    @dg.asset_sensor(
        asset_key=dg.AssetKey(["spotlight", "detections"]),
        job=shadow_video,
        name="shadow_runs",
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Runs the challenger beside the champion on videos (promotion.shadow).",
    )
    def shadow_runs(
        context: dg.SensorEvaluationContext,  # noqa: ARG001 - Dagster names it
        asset_event: dg.EventLogEntry,
        experiments: ExperimentResource,
    ) -> dg.RunRequest | dg.SkipReason:
        made = asset_event.asset_materialization
        key = made.partition if made is not None else None
        if key is None:
            return dg.SkipReason("No video is named.")
        challenger = experiments.service.model(settings.model, "challenger")
        if challenger is None:
            return dg.SkipReason(f"{settings.model} has no challenger.")
        run_key = f"{key} {challenger.version} {asset_event.run_id}"
        return dg.RunRequest(run_key=run_key, partition_key=key)

    return shadow_runs
