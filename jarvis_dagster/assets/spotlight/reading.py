"""Reading: what is written in the picture, on the scoreboard and on backs."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import preflight, source_video, video
from jarvis_dagster.assets.looking import waiting_in
from jarvis_dagster.assets.metadata import (
    columns,
    kept,
    markdown_image,
    preview,
    provenance_of,
    row_count,
    seconds_of,
)
from jarvis_dagster.assets.spotlight.corrected import (
    corrections,
    corrections_of,
    corrections_sha256,
    keep_outcomes,
    told,
)
from jarvis_dagster.assets.spotlight.people import SPOTLIGHT, tracks
from jarvis_dagster.hockey.tables import JERSEYS, SCOREBOARD, TRACKS
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.workspace import Workspace, WorkspaceResource

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["board_of", "jersey_numbers", "scoreboard", "sure_numbers"]


@dg.asset(
    key=["spotlight", "scoreboard"],
    deps=[video, preflight],
    kinds={"parquet", "onnx"},
    metadata=columns(SCOREBOARD),
    **SPOTLIGHT,
)
def scoreboard(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, progress: LogProgress
) -> dg.MaterializeResult:
    """Game clock, period and goals, read about once a second; "not supported" without them."""
    from jarvis_dagster.hockey.scoreboard import read_scoreboard
    from jarvis_dagster.hockey.video import save_jpeg

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        path, source = source_video(space)
        found = waiting_in(space).board() or read_scoreboard(
            path,
            threads=workspace.settings.vision.threads,
            progress=lambda done, total: progress.update("scoreboard", done, total),
        )
        table = space.keep_table(
            "scoreboard",
            "scoreboard",
            found.table,
            SCOREBOARD,
            provenance_of(workspace.settings, source, found.version),
        )
        files = [table, space.keep_json("scoreboard", "support", found.support)]
        shown = {}
        if found.picture is not None:
            picture = space.path("scoreboard", "looks.jpg")
            save_jpeg(found.picture, picture)
            files.append(space.keep("scoreboard", picture))
            shown["picture"] = markdown_image(picture)
    return dg.MaterializeResult(
        metadata={
            **row_count(found.table),
            **shown,
            "support": dg.MetadataValue.json(found.support),
            "model_version": found.version,
            "first_rows": preview(found.table),
            "seconds": elapsed(),
            **kept(*files),
        }
    )


def board_of(space: Workspace) -> "tuple[pd.DataFrame | None, list[str]]":
    """The table of the scoreboard and the names on it; None where there is none."""
    support = space.json("scoreboard", "support")
    if not support["supported"]:
        return None, ["", ""]
    return space.table("scoreboard", "scoreboard", SCOREBOARD), support["names"]


def graphics_of(space: Workspace) -> tuple[float, float, float, float] | None:
    """The box (x1, y1, x2, y2) in pixels that the scoreboard's fields take; None without one."""
    support = space.json("scoreboard", "support")
    if not support["supported"]:
        return None
    names = ("clock", "period", "left", "right")
    fields = [support["fields"][name] for name in names if support["fields"][name]]
    return (
        min(field["x1"] for field in fields),
        min(field["y1"] for field in fields),
        max(field["x2"] for field in fields),
        max(field["y2"] for field in fields),
    )


@dg.asset(
    key=["spotlight", "jersey_numbers"],
    deps=[video, tracks, corrections],
    kinds={"parquet", "onnx"},
    metadata=columns(JERSEYS),
    **SPOTLIGHT,
)
def jersey_numbers(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, progress: LogProgress
) -> dg.MaterializeResult:
    """The number on the back of each track, over all of its pictures, with a probability."""
    from jarvis_dagster.hockey.jerseys import SURE, read_jerseys
    from jarvis_dagster.hockey.review.applying import correct_numbers
    from jarvis_dagster.hockey.video import save_jpeg

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        path, source = source_video(space)
        people = space.table("tracks", "tracks", TRACKS)
        found = read_jerseys(
            path,
            people,
            threads=workspace.settings.vision.threads,
            progress=lambda done, total: progress.update("jerseys", done, total),
        )
        numbers, outcomes = correct_numbers(found.table, people, corrections_of(space))
        table = space.keep_table(
            "jersey_numbers",
            "jersey_numbers",
            numbers,
            JERSEYS,
            provenance_of(workspace.settings, source, found.version, corrections_sha256(space)),
        )
        files = [
            table,
            space.keep_json("jersey_numbers", "support", found.support),
            keep_outcomes(space, "jersey_numbers", outcomes),
        ]
        shown: dict[str, Any] = {}
        if found.sheet is not None:
            picture = space.path("jersey_numbers", "sheet.jpg")
            save_jpeg(found.sheet, picture, quality=75)
            files.append(space.keep("jersey_numbers", picture))
            shown["picture"] = markdown_image(picture)
    return dg.MaterializeResult(
        metadata={
            **row_count(numbers),
            **shown,
            "sure": int((numbers["probability"] >= SURE).sum()),
            "support": dg.MetadataValue.json(found.support),
            "model_version": found.version,
            "first_rows": preview(numbers),
            **told(outcomes),
            "seconds": elapsed(),
            **kept(*files),
        }
    )


def sure_numbers(space: Workspace) -> "pd.DataFrame":
    """JERSEYS, the rows that are sure enough to be shown as somebody's number."""
    from jarvis_dagster.hockey.jerseys import SURE

    numbers = space.table("jersey_numbers", "jersey_numbers", JERSEYS)
    return numbers[numbers["probability"] >= SURE].reset_index(drop=True)
