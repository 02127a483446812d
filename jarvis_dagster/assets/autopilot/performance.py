"""Performance: how well each camera's videos are seen."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.metadata import markdown_image, seconds_of
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.workspace import WorkspaceResource

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.autopilot import Pilot

__all__ = ["AUTOPILOT", "charts", "performance"]

AUTOPILOT: dict[str, Any] = {"group_name": "autopilot", "owners": ["team:autopilot"]}
_SHOWN = 6  # cameras with a picture in the metadata


@dg.asset(
    key=["autopilot", "performance"],
    deps=[["spotlight", "tracks"], ["spotlight", "corrections"], ["toolchain", "labels"]],
    kinds={"json"},
    **AUTOPILOT,
)
def performance(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, progress: LogProgress
) -> dg.MaterializeResult:
    """How well each camera's videos are seen: one figure in [0, 1], its parts, and what it lacks.

    Reads what is new of all analysed videos; nothing is decided here.
    """
    import tempfile
    from pathlib import Path

    from jarvis_dagster.autopilot import Pilot
    from jarvis_dagster.autopilot.report import rows_of

    with failures(context), seconds_of() as elapsed, tempfile.TemporaryDirectory() as scratch:
        pilot = Pilot(workspace.settings, workspace.core, progress=progress.update)
        found = pilot.collect()
        rows = rows_of(pilot)
        pictures = charts(pilot, Path(scratch))
    lacks = {row["camera"]: row["lacks"] for row in rows if row["lacks"]}
    return dg.MaterializeResult(
        metadata={
            "videos_read": len(found["changed"]),
            "cameras": _table(rows),
            "not_supported": dg.MetadataValue.json(lacks),
            **pictures,
            "seconds": elapsed(),
        }
    )


def charts(pilot: "Pilot", folder: "Path") -> dict[str, dg.MetadataValue]:
    """A picture of each camera's season."""
    from jarvis_dagster.autopilot.report import history_chart

    shown = {}
    for name in pilot.cameras()[:_SHOWN]:
        path = folder / f"{name}.png"
        path.write_bytes(history_chart(pilot.camera(name), pilot.config.performance))
        shown[f"camera_{name}".replace("-", "_")] = markdown_image(path)
    return shown


def _table(rows: list[dict[str, Any]]) -> dg.MetadataValue:
    names = ("camera", "performance", "evidence", "parameters", "last decision", "now")
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "camera": row["camera"],
                    "videos": row["videos"],
                    "performance": row["performance_said"],
                    "evidence": row["evidence_said"],
                    "parameters": row["parameters_said"],
                    "last decision": row["last_said"],
                    "now": row["why"],
                }
            )
            for row in rows
        ],
        schema=dg.TableSchema(
            [dg.TableColumn("videos", "int"), *(dg.TableColumn(name, "string") for name in names)]
        ),
    )
