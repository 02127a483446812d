"""Spotlight: what is seen in the footage, from boxes to highlights."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import COMMON, preflight, source_video, video
from jarvis_dagster.assets.metadata import kept, markdown_image, preview, provenance_of, seconds_of
from jarvis_dagster.checks import tables as checks
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import WorkspaceResource

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.hockey.detection import Detector
    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["annotated_video", "detections", "events", "highlights", "positions", "tracks"]

SPOTLIGHT: dict[str, Any] = {"group_name": "spotlight", **COMMON}


def _reporter(progress: LogProgress, step: str) -> "Callable[[int, int], None]":
    return lambda done, total: progress.update(step, done, total)


@dg.asset(
    key=["spotlight", "detections"],
    deps=[video, preflight],
    kinds={"parquet", "onnx"},
    check_specs=[checks.BOXES_ARE_INSIDE.spec],
    **SPOTLIGHT,
)
def detections(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, progress: LogProgress
) -> dg.MaterializeResult:
    """Players, goalkeepers and referees in the frames, with the colours of their kits."""
    from jarvis_dagster.hockey.detection import detect_video, load_detector
    from jarvis_dagster.hockey.tables import DETECTIONS
    from jarvis_dagster.hockey.video import probe

    space = workspace.of(context.partition_key)
    vision = workspace.settings.vision
    with failures(context), seconds_of() as elapsed:
        path, source = source_video(space)
        info = probe(path)
        detector = load_detector(
            vision.model, threads=vision.threads, score_threshold=vision.score_threshold
        )
        stride, reason = _stride(vision.stride, info, detector)
        context.log.info(f"Looking at every {stride}. frame: {reason}")
        found, kit = detect_video(
            path, detector, stride=stride, progress=_reporter(progress, "detect")
        )
        provenance = provenance_of(workspace.settings, source, detector.version)
        table = space.keep_table("detections", "detections", found, DETECTIONS, provenance)
        colours = space.keep_table("detections", "kit", kit, {}, provenance)
        record = space.keep_json(
            "detections",
            "model",
            {
                "name": detector.name,
                "version": detector.version,
                "stride": stride,
                "stride_reason": reason,
            },
        )
    return dg.MaterializeResult(
        metadata={
            **kept(table, colours, record),
            "boxes": len(found),
            "boxes_by_class": {str(k): int(v) for k, v in found["class"].value_counts().items()},
            "frames_looked_at": -(-info.frame_count // stride),
            "stride": stride,
            "model": detector.name,
            "model_version": detector.version,
            "first_rows": preview(found),
            "seconds": elapsed(),
        },
        check_results=[checks.BOXES_ARE_INSIDE(found, info.width_px, info.height_px)],
    )


def _stride(chosen: int | None, info: "VideoInfo", detector: "Detector") -> tuple[int, str]:
    """Every how many frames the detector looks, and why."""
    from jarvis_dagster.hockey.detection import choose_stride, measure_detector

    if chosen is not None:
        return chosen, "vision.stride says so"
    ms = measure_detector(detector, info.width_px, info.height_px)
    choice = choose_stride(info.fps, ms)
    return choice.stride, choice.reason


@dg.asset(
    key=["spotlight", "tracks"],
    deps=[detections, preflight],
    kinds={"parquet"},
    check_specs=[
        checks.IDS_ARE_UNIQUE_PER_FRAME.spec,
        checks.NO_TRACK_CROSSES_A_CUT.spec,
        checks.REFEREES_HAVE_NO_TEAM.spec,
    ],
    **SPOTLIGHT,
)
def tracks(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> dg.MaterializeResult:
    """Who is who over time: identity, role and team of everyone on the ice."""
    from jarvis_dagster.hockey.roles import assign_roles, team_colours
    from jarvis_dagster.hockey.tables import DETECTIONS, SCAN, TRACKS
    from jarvis_dagster.hockey.tracking import track

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        source = space.json("footage", "source")
        model = space.json("detections", "model")
        facts = source["facts"]
        scan = space.table("footage", "scan", SCAN)
        kit = space.table("detections", "kit")
        found = track(
            space.table("detections", "detections", DETECTIONS),
            width_px=facts["width_px"],
            height_px=facts["height_px"],
            fps=facts["fps"],
            scan=scan,
            kit=kit.to_numpy("float32"),
            frame_count=len(scan),
        )
        found = assign_roles(found, kit)
        colours = team_colours(found, kit)
        table = space.keep_table(
            "tracks",
            "tracks",
            found,
            TRACKS,
            provenance_of(workspace.settings, source, model["version"]),
        )
        teams = space.keep_json("tracks", "teams", {"colours_bgr": colours})
        people = found.drop_duplicates("track_id")
    return dg.MaterializeResult(
        metadata={
            **kept(table, teams),
            "rows": len(found),
            "people": len(people),
            "by_role": {str(k): int(v) for k, v in people["role"].value_counts().items()},
            "by_team": {str(k) or "none": int(v) for k, v in people["team"].value_counts().items()},
            "model_version": model["version"],
            "first_rows": preview(people),
            "seconds": elapsed(),
        },
        check_results=[
            checks.IDS_ARE_UNIQUE_PER_FRAME(found),
            checks.NO_TRACK_CROSSES_A_CUT(found, scan),
            checks.REFEREES_HAVE_NO_TEAM(found),
        ],
    )


@dg.asset(
    key=["spotlight", "positions"],
    deps=[tracks],
    kinds={"parquet"},
    check_specs=[checks.POSITIONS_ARE_ON_THE_RINK.spec],
    **SPOTLIGHT,
)
def positions(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, uploads: UploadsResource
) -> dg.MaterializeResult:
    """Where everyone stands on the rink, in feet; "not supported" without a calibration.

    The calibration is a file beside the upload: ``game.calibration.json`` for
    ``game.mp4``.
    """
    from jarvis_dagster.hockey.rink import Calibration
    from jarvis_dagster.hockey.rink import positions as on_the_rink
    from jarvis_dagster.hockey.tables import POSITIONS, TRACKS, empty

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        source = space.json("footage", "source")
        model = space.json("detections", "model")
        sidecar = uploads.inbox.sidecar(source, space.path("positions", "calibration.json"))
        if sidecar is None:
            found = empty(POSITIONS)
            supported: dict[str, Any] = {
                "supported": False,
                "reason": "No calibration: the rink's lines were not matched to this camera. "
                "Put a .calibration.json file beside the video.",
            }
        else:
            calibration = Calibration.load(sidecar)
            found = on_the_rink(
                space.table("tracks", "tracks", TRACKS), calibration, source["facts"]["fps"]
            )
            space.keep("positions", sidecar)
            supported = {
                "supported": True,
                "rink": calibration.rink,
                "error_ft": calibration.error_ft,
            }
        table = space.keep_table(
            "positions",
            "positions",
            found,
            POSITIONS,
            provenance_of(workspace.settings, source, model["version"]),
        )
        record = space.keep_json("positions", "support", supported)
    return dg.MaterializeResult(
        metadata={
            **kept(table, record),
            "rows": len(found),
            "valid_share": float(found["valid"].mean()) if len(found) else 0.0,
            "support": dg.MetadataValue.json(supported),
            "first_rows": preview(found),
            "seconds": elapsed(),
        },
        check_results=[checks.POSITIONS_ARE_ON_THE_RINK(found)],
    )


@dg.asset(
    key=["spotlight", "events"],
    deps=[tracks, positions, preflight],
    kinds={"parquet"},
    check_specs=[checks.EVENTS_HAVE_EVIDENCE.spec],
    **SPOTLIGHT,
)
def events(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> dg.MaterializeResult:
    """The ledger: what happened, when, who, how sure, and the frames that show it."""
    from jarvis_dagster.hockey.events import build_ledger, not_supported
    from jarvis_dagster.hockey.tables import EVENTS, POSITIONS, SCAN, TRACKS
    from jarvis_dagster.hockey.video import probe

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        path, source = source_video(space)
        model = space.json("detections", "model")
        provenance = provenance_of(workspace.settings, source, model["version"])
        placed = space.table("positions", "positions", POSITIONS)
        seen = space.table("tracks", "tracks", TRACKS)
        scan = space.table("footage", "scan", SCAN)
        support = space.json("positions", "support")
        where = placed if support["supported"] else None
        rink = support.get("rink", "NHL")
        ledger = build_ledger(seen, where, scan, probe(path), provenance, rink=rink)
        missing = not_supported(seen, where, scan, rink=rink)
        table = space.keep_table("events", "events", ledger, EVENTS, provenance)
        gaps = space.keep_json("events", "not_supported", missing)
    return dg.MaterializeResult(
        metadata={
            **kept(table, gaps),
            "events": len(ledger),
            "by_type": {str(k): int(v) for k, v in ledger["type"].value_counts().items()},
            "not_supported": dg.MetadataValue.json(missing),
            "model_version": model["version"],
            "first_rows": preview(ledger),
            "seconds": elapsed(),
        },
        check_results=[checks.EVENTS_HAVE_EVIDENCE(ledger)],
    )


@dg.asset(key=["spotlight", "highlights"], deps=[events, video], kinds={"video"}, **SPOTLIGHT)
def highlights(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, progress: LogProgress
) -> dg.MaterializeResult:
    """Short clips of what is most worth watching, each with a reason and a thumbnail."""
    import dataclasses

    from jarvis_dagster.hockey.highlights import cut_clips, select_highlights
    from jarvis_dagster.hockey.tables import EVENTS
    from jarvis_dagster.hockey.video import probe

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        path, _ = source_video(space)
        chosen = select_highlights(
            space.table("events", "events", EVENTS),
            probe(path),
            count=workspace.settings.vision.highlights,
        )
        folder = space.path("highlights", "x").parent
        clips = cut_clips(path, chosen, folder, progress=_reporter(progress, "highlights"))
        pictures = [clip.with_suffix(".jpg") for clip in clips]
        refs = [space.keep("highlights", file) for file in (*clips, *pictures)]
        record = space.keep_json(
            "highlights",
            "highlights",
            {
                "highlights": [
                    {**dataclasses.asdict(highlight), "clip": clip.name}
                    for highlight, clip in zip(chosen, clips, strict=True)
                ]
            },
        )
    return dg.MaterializeResult(
        metadata={
            **kept(*refs, record),
            "clips": len(clips),
            **{f"clip_{i}": markdown_image(picture) for i, picture in enumerate(pictures, 1)},
            "seconds": elapsed(),
        }
    )


@dg.asset(
    key=["spotlight", "annotated_video"],
    deps=[video, tracks, positions],
    kinds={"video"},
    **SPOTLIGHT,
)
def annotated_video(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, progress: LogProgress
) -> dg.MaterializeResult:
    """The footage with everyone's team colour, number, trail, and a rink map."""
    from jarvis_dagster.hockey.render import render_annotated
    from jarvis_dagster.hockey.rink import Calibration
    from jarvis_dagster.hockey.tables import POSITIONS, SCAN, TRACKS
    from jarvis_dagster.hockey.video import probe, read_frames, save_jpeg, thumbnail

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        path, _ = source_video(space)
        supported = space.json("positions", "support")["supported"]
        output = space.path("annotated_video", "annotated.mp4")
        render_annotated(
            path,
            output,
            space.table("tracks", "tracks", TRACKS),
            positions=space.table("positions", "positions", POSITIONS) if supported else None,
            scan=space.table("footage", "scan", SCAN),
            calibration=(
                Calibration.load(space.fetch("positions", "calibration.json"))
                if supported
                else None
            ),
            team_colours={
                team: (int(colour[0]), int(colour[1]), int(colour[2]))
                for team, colour in space.json("tracks", "teams")["colours_bgr"].items()
            },
            progress=_reporter(progress, "annotate"),
        )
        ref = space.keep("annotated_video", output)
        info = probe(output)
        middle = info.frame_count // 2
        picture = space.path("annotated_video", "middle.jpg")
        for frame in read_frames(output, start=middle, stop=middle + 1):
            save_jpeg(thumbnail(frame.image, width_px=640), picture)
        space.keep("annotated_video", picture)
    return dg.MaterializeResult(
        metadata={
            **kept(ref),
            "frames": info.frame_count,
            "duration_s": round(info.duration_s, 3),
            "size_bytes": info.size_bytes,
            "picture": markdown_image(picture),
            "seconds": elapsed(),
        }
    )
