"""Shadow runs: the challenger looks at a video beside the champion; nobody gets its results."""

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import source_video
from jarvis_dagster.assets.metadata import kept, markdown_image, provenance_of, seconds_of
from jarvis_dagster.assets.partitions import VIDEOS
from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.tables import DETECTIONS
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.workspace import WorkspaceResource

__all__ = ["shadow_run"]


@dg.asset(
    key=["toolchain", "shadow_run"],
    deps=[["spotlight", "detections"], ["footage", "preflight"]],
    partitions_def=VIDEOS,
    group_name="toolchain",
    owners=["team:toolchain"],
    kinds={"parquet", "onnx"},
)
def shadow_run(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, progress: LogProgress
) -> dg.MaterializeResult:
    """What the challenger finds in the video, and where it disagrees with the champion.

    Kept apart from the results; nothing is made from it, and nothing of it is delivered.
    """
    from jarvis_dagster.hockey.detection import detect_video, load_detector
    from jarvis_dagster.hockey.promotion.shadow import disagreement, draw_differences
    from jarvis_dagster.hockey.video import save_jpeg
    from jarvis_dagster.promoting import Promoter

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        challenger = Promoter(workspace.settings, workspace.core).contender("challenger")
        if challenger is None:
            raise BadInputError(
                f"{workspace.settings.promotion.model} has no challenger to run in the shadow.",
                "Register one by `jarvis models register FILE`.",
            )
        path, source = source_video(space)
        usual = space.json("detections", "model")
        before = space.table("detections", "detections", DETECTIONS)
        detector = load_detector(challenger.path, threads=workspace.settings.vision.threads)
        after, _ = detect_video(
            path,
            detector,
            stride=usual["stride"],
            progress=lambda done, total: progress.update("shadow", done, total),
        )
        found = disagreement(before, after)
        table = space.keep_table(
            *("shadow", "detections", after, DETECTIONS),
            provenance_of(workspace.settings, source, detector.version),
        )
        models = {
            "champion": f"{usual['name']} {usual['version']}",
            "challenger": f"{workspace.settings.promotion.model} {challenger.version}",
        }
        record = space.keep_json("shadow", "disagreement", {**models, **found.to_json()})
        refs, shown = [table, record], {}
        picture = draw_differences(path, before, after, found)
        if picture is not None:
            file = save_jpeg(picture, space.path("shadow", "differences.jpg"), quality=70)
            refs.append(space.keep("shadow", file))
            shown = {"differences": markdown_image(file)}
    return dg.MaterializeResult(
        metadata={
            **models,
            "agreement": found.agreement if found.agreement is not None else "nobody in view",
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
