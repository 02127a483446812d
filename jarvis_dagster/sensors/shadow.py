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

    from jarvis_dagster.services.experiment import JarvisExperimentService
    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.settings import PromotionSettings

__all__ = ["asked", "shadow_sensor"]

_PEOPLE = dg.AssetKey(["spotlight", "detections"])
_AT_A_TIME = 50
_MODEL_TAG = "jarvis/model"
_OPEN = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def shadow_sensor(settings: PromotionSettings) -> dg.SensorDefinition:
    """Asks for a shadow run of a video that was analysed; on where the settings say so.

    Every video once, in the order of analysis, and of each challenger no more than
    ``promotion.shadow_videos``, those included that are looked at now. Detectors and those that
    read roles have a challenger each.
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
        videos = {r.partition_key: r.run_id for r in made if r.partition_key is not None}
        requests: list[dg.RunRequest] = []
        reasons = []
        try:
            for model in (settings.model, settings.roles_model):
                version, seen = _challenger(context, model, experiments.service, storage.service)
                wanted, why = asked(videos, version, seen, settings, model)
                requests += wanted
                reasons += [why] if why else []
        except JarvisError as error:
            return dg.SkipReason(str(error))
        return dg.SensorResult(
            run_requests=requests,
            cursor=str(made[-1].storage_id),
            skip_reason=None if requests else " ".join(reasons),
        )

    return shadow_runs


def _challenger(
    context: dg.SensorEvaluationContext,
    model: str,
    experiments: JarvisExperimentService,
    storage: JarvisStorageService,
) -> tuple[str, int]:
    """Its version, "" where there is none, and how many videos it has seen or sees now."""
    challenger = experiments.model(model, "challenger")
    if challenger is None:
        return "", 0
    open_runs = context.instance.get_runs_count(
        dg.RunsFilter(job_name=shadow_video.name, statuses=_OPEN, tags={_MODEL_TAG: model})
    )
    return challenger.version, shadow_count(storage, model, challenger.version) + open_runs


def _analysed(instance: dg.DagsterInstance, since: int | None) -> Sequence[dg.EventLogRecord]:
    """Analyses of videos after a record, the oldest first; None: only the newest."""
    wanted = dg.AssetRecordsFilter(_PEOPLE, after_storage_id=since)
    limit = 1 if since is None else _AT_A_TIME
    return instance.fetch_materializations(wanted, limit=limit, ascending=since is not None).records


def asked(
    videos: Mapping[str, str], version: str, seen: int, settings: PromotionSettings, model: str
) -> tuple[list[dg.RunRequest], str]:
    """The runs that are asked for, once for each analysis of a video, and why there are no more.

    Args:
        videos: The run that analysed each.
        version: Of the challenger, which has looked at ``seen`` videos before; "" for none.
        model: Whose challenger that is.
    """
    if not version:
        return [], f"{model} has no challenger."
    left = max(settings.shadow_videos - seen, 0)
    config = {"ops": {"toolchain__shadow_run": {"config": {"model": model}}}}
    requests = [
        dg.RunRequest(
            run_key=f"{video} {model} {version} {run_id}",
            partition_key=video,
            run_config=config,
            tags={_MODEL_TAG: model},
        )
        for video, run_id in [*videos.items()][:left]
    ]
    if requests:
        return requests, ""
    return [], f"{model} {version} has looked at {seen} videos, which is enough."
