"""The challenger's look at new videos, once the champion has had its own.

Belongs here: the sensor, and where it stops. Does not belong here: the run itself
(``assets/toolchain/shadow``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.jobs import shadow_video
from jarvis_dagster.promoting.shadows import shadow_count
from jarvis_dagster.resources.acting import acts_as
from jarvis_dagster.resources.services import (
    ExperimentResource,
    StorageResource,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jarvis_dagster.settings import PromotionSettings

__all__ = ["asked", "shadow_sensor"]

_PEOPLE = dg.AssetKey(["spotlight", "detections"])
_AT_A_TIME = 50
_OPEN = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def shadow_sensor(settings: PromotionSettings) -> dg.SensorDefinition:
    """Asks for a shadow run of a video that was analysed; on where the settings say so.

    Every video once, in the order of analysis, and of each challenger no more than
    ``promotion.shadow_videos``, those included that are looked at now.
    """
    on = settings.shadow

    @dg.sensor(
        job=shadow_video,
        name="shadow_runs",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Runs the challenger beside the champion on videos (promotion.shadow).",
    )
    @acts_as("toolchain")
    def shadow_runs(
        context: dg.SensorEvaluationContext,
        experiments: ExperimentResource,
        storage: StorageResource,
    ) -> dg.SensorResult | dg.SkipReason:
        if not context.cursor:  # what was analysed before the sensor was first on is not looked at
            newest = _analysed(context.instance, None)
            context.update_cursor(str(newest[-1].storage_id if newest else 0))
            return dg.SkipReason("Videos that are analysed from now on are looked at.")
        made = _analysed(context.instance, int(context.cursor))
        if not made:
            return dg.SkipReason("No video was analysed since.")
        try:
            challenger = experiments.service.model(settings.model, "challenger")
            if challenger is None:
                context.update_cursor(str(made[-1].storage_id))
                return dg.SkipReason(f"{settings.model} has no challenger.")
            seen = shadow_count(storage.service, settings.model, challenger.version)
        except JarvisError as error:
            return dg.SkipReason(str(error))
        videos = {r.partition_key: r.run_id for r in made if r.partition_key is not None}
        open_runs = context.instance.get_runs_count(
            dg.RunsFilter(job_name=shadow_video.name, statuses=_OPEN)
        )
        requests, why = asked(videos, challenger.version, seen + open_runs, settings)
        return dg.SensorResult(
            run_requests=requests, cursor=str(made[-1].storage_id), skip_reason=why or None
        )

    return shadow_runs


def _analysed(instance: dg.DagsterInstance, since: int | None) -> Sequence[dg.EventLogRecord]:
    """Analyses of videos after a record, the oldest first; None: only the newest."""
    wanted = dg.AssetRecordsFilter(_PEOPLE, after_storage_id=since)
    limit = 1 if since is None else _AT_A_TIME
    return instance.fetch_materializations(wanted, limit=limit, ascending=since is not None).records


def asked(
    videos: Mapping[str, str], version: str, seen: int, settings: PromotionSettings
) -> tuple[list[dg.RunRequest], str]:
    """The runs that are asked for, once for each analysis of a video, and why there are no more.

    Args:
        videos: The run that analysed each.
        version: Of the challenger, which has looked at ``seen`` videos before.
    """
    left = max(settings.shadow_videos - seen, 0)
    requests = [
        dg.RunRequest(run_key=f"{video} {version} {run_id}", partition_key=video)
        for video, run_id in [*videos.items()][:left]
    ]
    if requests:
        return requests, ""
    return [], f"Version {version} has looked at {seen} videos, which is enough."
