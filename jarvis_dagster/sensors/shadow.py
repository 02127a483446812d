"""The challenger's look at new videos, once the champion has had its own.

Belongs here: the sensor, and where it stops. Does not belong here: the run itself
(``assets/toolchain/shadow``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.jobs import shadow_video
from jarvis_dagster.resources.services import (  # noqa: TC001 - Dagster reads them
    ExperimentResource,
    StorageResource,
)
from jarvis_dagster.shadowing import shadow_count

if TYPE_CHECKING:
    from jarvis_dagster.settings import PromotionSettings

__all__ = ["asked", "shadow_sensor"]


def shadow_sensor(settings: PromotionSettings) -> dg.SensorDefinition:
    """Asks for a shadow run of a video that was analysed; on where the settings say so.

    Of videos that are finished at the same moment it takes the last, and of each challenger no
    more than ``promotion.shadow_videos``: it samples, so that it costs little.
    """
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
        storage: StorageResource,
    ) -> dg.RunRequest | dg.SkipReason:
        made = asset_event.asset_materialization
        challenger = experiments.service.model(settings.model, "challenger")
        if made is None or made.partition is None or challenger is None:
            return dg.SkipReason(f"{settings.model} has no challenger, or no video is named.")
        seen = shadow_count(storage.service, settings.model, challenger.version)
        return asked(made.partition, asset_event.run_id, challenger.version, seen, settings)

    return shadow_runs


def asked(
    video: str, run_id: str, version: str, seen: int, settings: PromotionSettings
) -> dg.RunRequest | dg.SkipReason:
    """The run that is asked for, once for each analysis of a video.

    Args:
        run_id: Of the run that analysed it.
        version: Of the challenger, which has looked at ``seen`` videos before.
    """
    if seen >= settings.shadow_videos:
        return dg.SkipReason(f"Version {version} has looked at {seen} videos, which is enough.")
    return dg.RunRequest(run_key=f"{video} {version} {run_id}", partition_key=video)
