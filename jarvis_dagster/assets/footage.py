"""Footage: the video as it was uploaded, and what can be expected of it."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.looking import looks_for_pucks, scan_of
from jarvis_dagster.assets.metadata import kept, markdown_image, seconds_of
from jarvis_dagster.assets.partitions import VIDEOS, content_prefix
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import WorkspaceResource

if TYPE_CHECKING:
    from jarvis_dagster.resources.workspace import Workspace

__all__ = ["preflight", "source_video", "video"]

COMMON: dict[str, Any] = {"partitions_def": VIDEOS}
FOOTAGE: dict[str, Any] = {"group_name": "footage", "owners": ["team:spotlight"], **COMMON}


@dg.asset(key=["footage", "video"], kinds={"video"}, **FOOTAGE)
def video(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, uploads: UploadsResource
) -> dg.MaterializeResult:
    """The uploaded video, kept by content hash, and the facts that its packets tell.

    A file that is not a readable video is moved to the drive's Quarantine
    folder with a note that says why.
    """
    from jarvis_dagster.errors import BadVideoError
    from jarvis_dagster.hockey.video import probe

    space = workspace.of(context.partition_key)
    inbox = uploads.inbox
    with failures(context), seconds_of() as elapsed:
        upload = inbox.find(
            content_prefix(context.partition_key), context.run.tags.get("jarvis/file_id")
        )
        path = space.path("footage", "source" + upload.suffix)
        upload = inbox.fetch(upload, path)
        try:
            info = probe(path)
        except BadVideoError as error:
            inbox.quarantine(upload, error)
            raise
        ref = space.keep("footage", path)
        facts = {
            "width_px": info.width_px,
            "height_px": info.height_px,
            "fps": round(info.fps, 3),
            "frame_count": info.frame_count,
            "duration_s": round(info.duration_s, 3),
            "codec": info.codec,
            "rotation_deg": info.rotation_deg,
            "variable_rate": info.variable_rate,
            "has_audio": info.has_audio,
            "size_bytes": info.size_bytes,
        }
        source = {
            "drive": upload.drive,
            "file_id": upload.file_id,
            "path": upload.path,
            "name": upload.name,
            "object": path.name,
            "sha256": upload.sha256,
            "facts": facts,
        }
        record = space.keep_json("footage", "source", source)
        team = workspace.settings.security.drive_teams.get(upload.drive, "everybody")
        named = {"name": upload.name, "team": team, "sha256": upload.sha256}
        context.add_output_metadata({**facts, **named})
    return dg.MaterializeResult(
        metadata={"seconds": elapsed(), **kept(ref, record)},
        data_version=dg.DataVersion(upload.sha256),
    )


def source_video(space: "Workspace") -> tuple[Any, dict[str, Any]]:
    """Path of the video in the working folder, and its record."""
    source = space.json("footage", "source")
    return space.fetch("footage", source["object"]), source


@dg.asset(
    key=["footage", "preflight"],
    deps=[video],
    kinds={"json"},
    **FOOTAGE,
)
def preflight(
    context: dg.AssetExecutionContext,
    workspace: WorkspaceResource,
    uploads: UploadsResource,
    progress: LogProgress,
) -> dg.MaterializeResult:
    """What the footage can support: cuts, blur, exposure, frame rate, and a trust grade each.

    Also keeps the scan (one row a frame: camera motion, sharpness, cuts) that
    later steps use. In a run that goes on to find people, the same pass over the
    video looks for them, for the rink's marks and the scoreboard.
    """
    from jarvis_dagster.assets.metadata import provenance_of
    from jarvis_dagster.hockey.preflight import plot_preflight, preflight
    from jarvis_dagster.hockey.tables import SCAN
    from jarvis_dagster.hockey.video import probe

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        path, source = source_video(space)
        info = probe(path)
        scan = scan_of(*(context, space, path, source["path"], workspace.settings, progress.update))
        sidecar = uploads.inbox.sidecar(source, space.path("footage", "calibration.json"))
        findings = preflight(
            info,
            scan,
            calibrated=True if sidecar is not None else None,
            pucks=looks_for_pucks(workspace.settings),
        )
        findings["video"]["name"] = source["name"]  # not that of the working copy
        table = space.keep_table(
            "footage", "scan", scan, SCAN, provenance_of(workspace.settings, source, "")
        )
        record = space.keep_json("footage", "preflight", findings)
        plot = space.path("footage", "preflight.png")
        plot.write_bytes(plot_preflight(scan, findings))
        drawn = space.keep("footage", plot)
    return dg.MaterializeResult(
        metadata={
            "summary": findings["summary"],
            "picture": markdown_image(plot),
            "grades": {name: given["grade"] for name, given in findings["grades"].items()},
            "frames": len(scan),
            "camera_cuts": int(scan["is_cut"].sum()),
            "findings": dg.MetadataValue.json(findings),
            "seconds": elapsed(),
            **kept(table, record, drawn),
        }
    )
