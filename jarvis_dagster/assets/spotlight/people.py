"""People: boxes in the frames, and who is who over time."""

from typing import Any

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import COMMON, preflight, source_video, video
from jarvis_dagster.assets.looking import look_of, people_in
from jarvis_dagster.assets.metadata import (
    columns,
    kept,
    preview,
    provenance_of,
    row_count,
    seconds_of,
)
from jarvis_dagster.assets.spotlight.corrected import (
    corrected_provenance,
    corrections,
    corrections_of,
    cuts_of,
    keep_outcomes,
    told,
)
from jarvis_dagster.checks import tables as checks
from jarvis_dagster.hockey.tables import DETECTIONS, SCAN, TRACKS
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import WorkspaceResource

__all__ = ["SPOTLIGHT", "detections", "tracks"]

SPOTLIGHT: dict[str, Any] = {"group_name": "spotlight", "owners": ["team:spotlight"], **COMMON}


@dg.asset(
    key=["spotlight", "detections"],
    deps=[video, preflight],
    kinds={"parquet", "onnx"},
    metadata=columns(DETECTIONS),
    check_specs=[checks.BOXES_ARE_INSIDE],
    **SPOTLIGHT,
)
def detections(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, progress: LogProgress
) -> dg.MaterializeResult:
    """Players, goalkeepers and referees in the frames, with the colours of their kits."""
    import datetime

    from jarvis_dagster.hockey.video import probe

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        path, source = source_video(space)
        info = probe(path)
        look = look_of(workspace.settings, space.storage, source["path"])
        if look.chosen.told:
            context.log.warning(look.chosen.told)
        overlay, words = look.overlay, look.overlay.current.parameters.words
        if overlay.id:
            context.log.info(f"Adapted to camera {overlay.camera}: {words}")
        people = people_in(
            context,
            workspace,
            info,
            source,
            look,
            lambda done, total: progress.update("detect", done, total),
        )
        found = people.detections
        provenance = provenance_of(
            workspace.settings, source, people.model_version, adapted=overlay.id
        )
        table = space.keep_table("detections", "detections", found, DETECTIONS, provenance)
        colours = space.keep_table("detections", "kit", people.kit, {}, provenance)
        record = space.keep_json(
            "detections",
            "model",
            {
                "name": look.detector.name,
                "version": people.model_version,
                "registered": look.chosen.registered,
                "roles_registered": look.chosen.roles_registered,
                "told": look.chosen.told,
                "stride": people.stride,
                "stride_reason": people.reason,
                "made_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
                **overlay.to_json(),
            },
        )
    return dg.MaterializeResult(
        metadata={
            **row_count(found),
            "boxes_by_class": {str(k): int(v) for k, v in found["class"].value_counts().items()},
            "frames_looked_at": -(-info.frame_count // people.stride),
            "stride": people.stride,
            "workflow": people.workflow,
            "model": look.detector.name,
            "model_version": people.model_version,
            "registered_model": look.chosen.registered or "none",
            "registered_roles": look.chosen.roles_registered or "none",
            "camera": overlay.camera,
            "adapted_parameters": words,
            "adapted_version": overlay.current.version,
            "first_rows": preview(found),
            "seconds": elapsed(),
            **kept(table, colours, record),
        },
        check_results=[checks.boxes_are_inside(found, info.width_px, info.height_px)],
    )


@dg.asset(
    key=["spotlight", "tracks"],
    deps=[detections, preflight, corrections],
    kinds={"parquet"},
    metadata=columns(TRACKS),
    check_specs=checks.specs("tracks"),
    **SPOTLIGHT,
)
def tracks(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, uploads: UploadsResource
) -> dg.MaterializeResult:
    """Who is who over time: identity, role and team of everyone on the ice."""
    from jarvis_dagster.hockey.people import people_of
    from jarvis_dagster.hockey.review.applying import correct_tracks
    from jarvis_dagster.hockey.roles import team_colours

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        source = space.json("footage", "source")
        facts = source["facts"]
        scan = space.table("footage", "scan", SCAN)
        kit = space.table("detections", "kit")
        boxes = space.table("detections", "detections", DETECTIONS)
        size = {name: facts[name] for name in ("width_px", "height_px", "fps")}
        found = people_of(boxes, kit, scan, **size)
        found, outcomes = correct_tracks(found, corrections_of(space), cuts_of(scan))
        colours = team_colours(found, kit)
        provenance = corrected_provenance(workspace.settings, space, source)
        table = space.keep_table("tracks", "tracks", found, TRACKS, provenance)
        teams = space.keep_json("tracks", "teams", {"colours_bgr": colours})
        record = keep_outcomes(space, "tracks", outcomes)
        people = found.drop_duplicates("track_id")
    return dg.MaterializeResult(
        metadata={
            **row_count(found),
            "people": len(people),
            "by_role": {str(k): int(v) for k, v in people["role"].value_counts().items()},
            "by_team": {str(k) or "none": int(v) for k, v in people["team"].value_counts().items()},
            "model_version": provenance.model_version,
            "first_rows": preview(people),
            **told(outcomes),
            "seconds": elapsed(),
            **kept(table, teams, record),
        },
        check_results=checks.results(
            "tracks",
            checks.record_of(facts, scan=scan, tracks=found),
            lambda why: uploads.inbox.refuse(source, why),
        ),
    )
