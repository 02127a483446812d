"""Calibration: where the rink is in the picture, and a picture that shows whether it fits."""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import preflight, source_video, video
from jarvis_dagster.assets.looking import waiting_in
from jarvis_dagster.assets.metadata import kept, markdown_image, seconds_of
from jarvis_dagster.assets.spotlight.people import SPOTLIGHT
from jarvis_dagster.checks import tables as checks
from jarvis_dagster.hockey.tables import SCAN
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import Workspace, WorkspaceResource

if TYPE_CHECKING:
    from jarvis_dagster.hockey.rink import Calibration
    from jarvis_dagster.settings import VisionSettings

__all__ = ["calibration"]


@dg.asset(
    key=["spotlight", "calibration"],
    deps=[video, preflight],
    kinds={"json", "onnx"},
    check_specs=[checks.CALIBRATION_FITS_THE_LINES],
    **SPOTLIGHT,
)
def calibration(
    context: dg.AssetExecutionContext,
    workspace: WorkspaceResource,
    uploads: UploadsResource,
    progress: LogProgress,
) -> dg.MaterializeResult:
    """How pixels map to feet on the rink, frame by frame, and where that cannot be told.

    Taken from a file beside the upload (``game.calibration.json`` for ``game.mp4``), else from
    the camera's file that the settings name, else found from the lines in the picture.
    """
    space = workspace.of(context.partition_key)
    vision = workspace.settings.vision
    with failures(context), seconds_of() as elapsed:
        path, source = source_video(space)
        given, origin = _given(space, uploads, source, vision)
        if given is not None:
            facts = _checked(path, given, vision)
            held = given if facts["supported"] else None
        else:
            held, facts = _found(space, path, vision, progress)
        facts["source"] = origin
        context.log.info(facts["said"])
        refs = [space.keep_json("calibration", "fit", facts)]
        drawn = given or held
        pictures: dict[str, Any] = {}
        if drawn is not None:
            picture = _draw(space, path, drawn)
            pictures["picture"] = markdown_image(picture)
            refs.append(space.keep("calibration", picture))
        if held is not None:
            file = space.path("calibration", "calibration.json")
            held.save(file)
            refs.append(space.keep("calibration", file))
    return dg.MaterializeResult(
        metadata={
            "said": facts["said"],
            **pictures,
            "supported": facts["supported"],
            "fit": dg.MetadataValue.json(facts),
            "seconds": elapsed(),
            **kept(*refs),
        },
        check_results=[checks.calibration_fits_the_lines(facts)],
    )


def _given(
    space: Workspace, uploads: UploadsResource, source: dict[str, Any], vision: "VisionSettings"
) -> tuple["Calibration | None", str]:
    """A calibration that somebody made, and where it is from."""
    from jarvis_dagster.hockey.rink import Calibration
    from jarvis_dagster.hockey.rink.cameras import camera_for

    sidecar = uploads.inbox.sidecar(source, space.path("calibration", "given.json"))
    if sidecar is not None:
        return Calibration.load(sidecar), "file beside the video"
    name = PurePosixPath(source["path"]).name
    match = camera_for(name, vision.cameras)
    if match is not None:
        pattern, file = match
        return Calibration.load(Path(file)), f"camera {pattern}"
    return None, "found in the picture"


def _checked(path: Path, given: "Calibration", vision: "VisionSettings") -> dict[str, Any]:
    from jarvis_dagster.hockey.rink.checking import check_calibration, verdict

    fits = check_calibration(path, given, threads=vision.threads)
    facts = verdict(fits)
    return {
        **facts,
        "supported": not facts["contradicted"],
        "reason": facts["said"] if facts["contradicted"] else "",
        "rink": given.rink,
        "error_ft": given.error_ft,
    }


def _found(
    space: Workspace, path: Path, vision: "VisionSettings", progress: LogProgress
) -> tuple["Calibration | None", dict[str, Any]]:
    from jarvis_dagster.hockey.rink.video import calibrate_video

    found = calibrate_video(
        path,
        space.table("footage", "scan", SCAN),
        rink=vision.rink,
        threads=vision.threads,
        seen=waiting_in(space).marks(),
        progress=lambda done, total: progress.update("calibrate", done, total),
    )
    facts = found.summary()
    held = found.calibration
    facts["supported"] = facts["fits"] = held is not None
    facts["contradicted"] = False
    if held is None:
        reason = f"No calibration: {found.reason or 'no frame shows enough of a rink'}."
        return None, {**facts, "said": reason, "reason": reason, "rink": "NHL"}
    said = (
        f"{found.valid_share:.0%} of the frames calibrated, {held.rink} rink, "
        f"likely error {held.error_ft:.1f} ft."
    )
    return held, {**facts, "said": said, "reason": "", "rink": held.rink}


def _draw(space: Workspace, path: Path, drawn: "Calibration") -> Path:
    from jarvis_dagster.hockey.rink.overlay import contact_sheet, draw_lines, frames_to_show
    from jarvis_dagster.hockey.video import probe, read_frame, save_jpeg

    numbers = frames_to_show(drawn, probe(path).frame_count or 1)
    pictures = [draw_lines(read_frame(path, n).image, drawn, n) for n in numbers]
    picture = space.path("calibration", "lines.jpg")
    save_jpeg(contact_sheet(pictures, width_px=640), picture)
    return picture
