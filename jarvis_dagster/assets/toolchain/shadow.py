"""Shadow runs: the challenger looks at parts of a video; nobody gets its results."""

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
    """What the challenger finds in parts of the video, and where it disagrees with the champion.

    Kept apart from the results: nothing is made from it but the record of a promotion, and nothing
    of it is delivered.
    """
    from jarvis_dagster.hockey.adaptation import Parameters
    from jarvis_dagster.hockey.detection import load_detector, measure_detector
    from jarvis_dagster.hockey.promotion.parts import choose_parts, detect_parts, looks_of, within
    from jarvis_dagster.hockey.promotion.shadow import disagreement, draw_differences
    from jarvis_dagster.hockey.video import save_jpeg
    from jarvis_dagster.promoting import Promoter
    from jarvis_dagster.shadowing import keep_shadow

    settings = workspace.settings
    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        promoter = Promoter(settings, workspace.core)
        challenger = promoter.contender("challenger")
        if challenger is None:
            raise BadInputError(
                f"{promoter.model} has no challenger to run in the shadow.",
                "Register one by `jarvis models register FILE`.",
            )
        path, source = source_video(space)
        usual = space.json("detections", "model")
        parameters = Parameters.from_json(usual.get("parameters") or {})
        facts, stride = source["facts"], int(usual["stride"])
        parts = choose_parts(
            facts["frame_count"], facts["fps"], stride, settings.promotion.shadow_seconds
        )
        before = within(space.table("detections", "detections", DETECTIONS), parts)
        threads, size = settings.vision.threads, (facts["width_px"], facts["height_px"])
        roles = promoter.detector_in_use.roles  # whoever finds people, the same reads roles
        detector = load_detector(
            challenger.path,
            roles=roles,
            threads=threads,
            score_threshold=parameters.score_threshold,
        )
        after = detect_parts(
            path,
            detector,
            parts,
            stride=stride,
            correct=parameters.correction,
            progress=lambda done, total: progress.update("shadow", done, total),
        )
        found = disagreement(before, after)
        champion = load_detector(promoter.champion().path, roles=roles, threads=threads)
        took_ms = [measure_detector(one, *size) for one in (champion, detector)]
        table = space.keep_table(
            *("shadow", "detections", after, DETECTIONS),
            provenance_of(settings, source, detector.version, adapted=parameters.id),
        )
        models = {
            "champion": f"{usual['name']} {usual['version']}",
            "challenger": f"{promoter.model} {challenger.version}",
        }
        content = {
            **models,
            **found.to_json(),
            "video": context.partition_key,
            "registered": usual["registered"],
            "parts": parts,
            "looks": looks_of(parts, stride),
            "seconds_of_video": round(sum(b - a for a, b in parts) / facts["fps"], 2),
            "time": round(took_ms[1] / took_ms[0], 3),
        }
        record = space.keep_json("shadow", "disagreement", content)
        keep_shadow(space.storage, promoter.model, str(challenger.version), content)
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
