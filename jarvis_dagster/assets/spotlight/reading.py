"""Reading: what is written in the picture, on the scoreboard and on backs."""

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import preflight, source_video, video
from jarvis_dagster.assets.metadata import (
    columns,
    kept,
    markdown_image,
    preview,
    provenance_of,
    row_count,
    seconds_of,
)
from jarvis_dagster.assets.spotlight.people import SPOTLIGHT
from jarvis_dagster.hockey.tables import SCOREBOARD
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.workspace import WorkspaceResource

__all__ = ["scoreboard"]


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
        found = read_scoreboard(
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
