"""Media: clips worth watching, and the footage with everything drawn on it."""

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import source_video, video
from jarvis_dagster.assets.metadata import kept, markdown_image, seconds_of
from jarvis_dagster.assets.spotlight.calibration import calibration
from jarvis_dagster.assets.spotlight.identified import identities
from jarvis_dagster.assets.spotlight.people import SPOTLIGHT, tracks
from jarvis_dagster.assets.spotlight.play import events, positions
from jarvis_dagster.assets.spotlight.reading import (
    board_of,
    graphics_of,
    jersey_numbers,
    scoreboard,
    sure_numbers,
)
from jarvis_dagster.checks import tables as checks
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import WorkspaceResource

__all__ = ["annotated_video", "highlights"]


@dg.asset(
    key=["spotlight", "highlights"],
    deps=[events, video],
    kinds={"video"},
    check_specs=checks.specs("highlights"),
    **SPOTLIGHT,
)
def highlights(
    context: dg.AssetExecutionContext,
    workspace: WorkspaceResource,
    uploads: UploadsResource,
    progress: LogProgress,
) -> dg.MaterializeResult:
    """Short clips of what is most worth watching, each with a reason and a thumbnail."""
    import dataclasses

    from jarvis_dagster.hockey.highlights import cut_clips, select_highlights
    from jarvis_dagster.hockey.tables import EVENTS
    from jarvis_dagster.hockey.video import probe

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        path, source = source_video(space)
        ledger = space.table("events", "events", EVENTS)
        chosen = select_highlights(
            ledger,
            probe(path),
            count=workspace.settings.vision.highlights,
        )
        folder = space.path("highlights", "x").parent
        clips = cut_clips(
            path,
            chosen,
            folder,
            progress=lambda done, total: progress.update("highlights", done, total),
        )
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
            "clips": len(clips),
            "model_version": space.json("detections", "model")["version"],
            **{f"clip_{i}": markdown_image(picture) for i, picture in enumerate(pictures, 1)},
            "seconds": elapsed(),
            **kept(*refs, record),
        },
        check_results=checks.results(
            "highlights",
            checks.record_of(source["facts"], events=ledger, highlights=chosen),
            lambda why: uploads.inbox.refuse(source, why),
        ),
    )


@dg.asset(
    key=["spotlight", "annotated_video"],
    deps=[video, tracks, positions, calibration, scoreboard, jersey_numbers, identities],
    kinds={"video"},
    **SPOTLIGHT,
)
def annotated_video(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, progress: LogProgress
) -> dg.MaterializeResult:
    """The footage with everyone's team colour, number, trail, and a rink map."""
    from jarvis_dagster.hockey.render import render_annotated
    from jarvis_dagster.hockey.rink import Calibration
    from jarvis_dagster.hockey.tables import IDENTITIES, POSITIONS, SCAN, TRACKS
    from jarvis_dagster.hockey.video import probe, read_frames, save_jpeg, thumbnail

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        path, _ = source_video(space)
        supported = space.json("positions", "support")["supported"]
        output = space.path("annotated_video", "annotated.mp4")
        worn = sure_numbers(space)
        render_annotated(
            path,
            output,
            space.table("tracks", "tracks", TRACKS),
            positions=space.table("positions", "positions", POSITIONS) if supported else None,
            scan=space.table("footage", "scan", SCAN),
            calibration=(
                Calibration.load(space.fetch("calibration", "calibration.json"))
                if supported
                else None
            ),
            team_colours={
                team: (int(colour[0]), int(colour[1]), int(colour[2]))
                for team, colour in space.json("tracks", "teams")["colours_bgr"].items()
            },
            jerseys=dict(zip(worn["track_id"], worn["number"], strict=True)),
            identities=space.table("identities", "identities", IDENTITIES),
            scoreboard=board_of(space)[0],
            graphics=graphics_of(space),
            progress=lambda done, total: progress.update("annotate", done, total),
        )
        ref = space.keep("annotated_video", output)
        info = probe(output)
        middle = info.frame_count // 2
        picture = space.path("annotated_video", "middle.jpg")
        for frame in read_frames(output, start=middle, stop=middle + 1):
            save_jpeg(thumbnail(frame.image, width_px=640), picture)
        drawn = space.keep("annotated_video", picture)
    return dg.MaterializeResult(
        metadata={
            "picture": markdown_image(picture),
            "frames": info.frame_count,
            "model_version": space.json("detections", "model")["version"],
            "duration_s": round(info.duration_s, 3),
            "size_bytes": info.size_bytes,
            "seconds": elapsed(),
            **kept(ref, drawn),
        }
    )
