"""Delivery: the results, back in the drive that the video came from."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.assets.approving import ask_to_deliver, figures_of_report
from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import COMMON
from jarvis_dagster.assets.holmes import game_report
from jarvis_dagster.assets.metadata import listed, seconds_of
from jarvis_dagster.assets.spotlight import (
    annotated_video,
    events,
    highlights,
    identities,
    jersey_numbers,
    positions,
    scoreboard,
    tracks,
)
from jarvis_dagster.assets.spotlight.corrected import corrections_of
from jarvis_dagster.checks.approvals import A_PERSON_APPROVED_IT, a_person_approved_it
from jarvis_dagster.resources.services import AnalyticsResource, ApprovalResource
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import Workspace, WorkspaceResource

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["results"]


@dg.asset(
    key=["delivery", "results"],
    deps=[
        tracks,
        positions,
        scoreboard,
        jersey_numbers,
        identities,
        events,
        highlights,
        annotated_video,
        game_report,
    ],
    group_name="delivery",
    owners=["team:holmes"],
    kinds={"folder"},
    check_specs=[A_PERSON_APPROVED_IT],
    output_required=False,  # nothing is delivered while a person has to look first
    **COMMON,
)
def results(
    context: dg.AssetExecutionContext,
    workspace: WorkspaceResource,
    uploads: UploadsResource,
    analytics: AnalyticsResource,
    approvals: ApprovalResource,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Everything made from the video, in ``Results/<video>/`` of the drive, with a manifest.

    Where the settings require a person (``approvals.results``), nothing is delivered before one
    has approved exactly these files.
    """
    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        source = space.json("footage", "source")
        drive = uploads.settings.drive
        files = _files(space)
        answer = ask_to_deliver(approvals, space, source, files, context.run.job_name)
        yield a_person_approved_it(answer)
        if not answer.allowed:
            context.log.warning(f"Not delivered ({answer.id}). {answer.words()}")
            return
        delivered = uploads.inbox.deliver(
            {**source, "partition": space.key},
            files,
            share_with=drive.share_with,
            role=drive.share_role,
        )
        if set(delivered.shared_with) != set(drive.share_with):
            context.log.warning(
                f"The drive {drive.name} knows no people; {delivered.path} was not shared with"
                f" {', '.join(drive.share_with)}."
            )
        version: str = space.json("detections", "model")["version"]
        record = {
            "folder": delivered.path,
            "files": delivered.files,
            "shared_with": delivered.shared_with,
            "corrections": [[one.key, one.kind] for one in corrections_of(space)],
            "figures": figures_of_report(space),
            "model_version": version,
            "approval": {"id": answer.id, "sha256": answer.sha256} if answer.id else None,
        }
        space.keep_json("results", "delivery", record)
        if answer.id:
            approvals.service.applied(answer.id)
        analytics.service.log_counter(
            "jarvis_videos_delivered_total",
            component="delivery",
            event_id=f"{space.key} {context.run.root_run_id or context.run.run_id}",
        )
    space.discard()
    yield dg.MaterializeResult(
        metadata={
            "approved_by": answer.decided_by or "nobody had to",
            "folder": dg.MetadataValue.path(delivered.path),
            "files": len(delivered.files),
            "model_version": version,
            "shared_with": ", ".join(delivered.shared_with) or "nobody by Jarvis",
            "manifest": listed((f["file"], f["size"], f["sha256"]) for f in delivered.files),
            "seconds": elapsed(),
        }
    )


def _files(space: Workspace) -> "dict[str, Path]":
    """Name in the results folder, and the file."""
    import pandas as pd

    files: dict[str, Path] = {
        "report.html": space.fetch("game_report", "report.html"),
        "report.json": space.fetch("game_report", "report.json"),
        "annotated.mp4": space.fetch("annotated_video", "annotated.mp4"),
    }
    for asset in (
        "tracks",
        "jersey_numbers",
        "identities",
        "positions",
        "scoreboard",
        "events",
    ):
        path = space.fetch(asset, f"{asset}.parquet")
        sheet = path.with_suffix(".csv")
        pd.read_parquet(path).to_csv(sheet, index=False)
        files[f"{asset}.parquet"] = path
        files[f"{asset}.csv"] = sheet
    for entry in space.json("highlights", "highlights")["highlights"]:
        clip = space.fetch("highlights", entry["clip"])
        picture = space.fetch("highlights", clip.with_suffix(".jpg").name)
        files[f"highlights/{clip.name}"] = clip
        files[f"highlights/{picture.name}"] = picture
    return files
