"""Shadow runs: the challenger looks at parts of a video; nobody gets its results."""

import dagster as dg
from pydantic import Field

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import source_video
from jarvis_dagster.assets.metadata import kept, markdown_image, provenance_of, seconds_of
from jarvis_dagster.assets.partitions import VIDEOS
from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.tables import DETECTIONS
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.workspace import WorkspaceResource

__all__ = ["ShadowConfig", "shadow_run"]


class ShadowConfig(dg.Config):
    """Who looks."""

    model: str = Field("", description="Whose challenger looks; by default the detector's.")


@dg.asset(
    key=["toolchain", "shadow_run"],
    deps=[["spotlight", "detections"], ["footage", "preflight"]],
    partitions_def=VIDEOS,
    group_name="toolchain",
    owners=["team:toolchain"],
    kinds={"parquet", "onnx"},
)
def shadow_run(
    context: dg.AssetExecutionContext,
    config: ShadowConfig,
    workspace: WorkspaceResource,
    progress: LogProgress,
) -> dg.MaterializeResult:
    """What the challenger finds in parts of the video, and where it disagrees with the champion.

    Kept apart from the results: nothing is made from it but the record of a promotion, and nothing
    of it is delivered. A challenger that reads roles does so on the people of the detector in use.
    """
    from jarvis_dagster.hockey.promotion.shadow import draw_differences
    from jarvis_dagster.hockey.video import save_jpeg
    from jarvis_dagster.promoting.arena import Arena
    from jarvis_dagster.promoting.looking import look_at_parts
    from jarvis_dagster.promoting.shadows import keep_shadow

    settings = workspace.settings
    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        arena = Arena(settings, workspace.core, model=config.model or None)
        step = "shadow_roles" if arena.of_roles else "shadow"
        challenger = arena.contender("challenger")
        if challenger is None:
            raise BadInputError(
                f"{arena.model} has no challenger to run in the shadow.",
                "Register one by `jarvis models register FILE`.",
            )
        path, source = source_video(space)
        looked = look_at_parts(
            arena,
            challenger,
            path,
            source["facts"],
            space.json("detections", "model"),
            space.table("detections", "detections", DETECTIONS),
            lambda done, total: progress.update("shadow", done, total),
        )
        found = looked.found
        table = space.keep_table(
            *(step, "detections", looked.after, DETECTIONS),
            provenance_of(settings, source, looked.version, adapted=looked.parameters_id),
        )
        content = {**looked.content, "video": context.partition_key}
        record = space.keep_json(step, "disagreement", content)
        keep_shadow(space.storage, arena.model, str(challenger.version), content)
        refs, shown = [table, record], {}
        picture = draw_differences(path, looked.before, looked.after, found)
        if picture is not None:
            file = save_jpeg(picture, space.path(step, "differences.jpg"), quality=70)
            refs.append(space.keep(step, file))
            shown = {"differences": markdown_image(file)}
    return dg.MaterializeResult(
        metadata={
            "champion": content["champion"],
            "challenger": content["challenger"],
            "agreement": found.agreement if found.agreement is not None else "nobody in view",
            "seconds_of_video": content["seconds_of_video"],
            "time_beside_champion": content["time"],
            "boxes_of_both": found.both,
            "only_champion": found.only_champion,
            "only_challenger": found.only_challenger,
            "named_differently": found.other_role,
            "role_changes": dg.MetadataValue.json(found.role_changes),
            **shown,
            "seconds": elapsed(),
            **kept(*refs),
        }
    )
