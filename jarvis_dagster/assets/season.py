"""The season: one row a game, over all videos."""

import json
import tempfile
from pathlib import Path
from typing import Any

import dagster as dg

from jarvis_dagster.assets.holmes import game_report
from jarvis_dagster.assets.metadata import preview
from jarvis_dagster.assets.partitions import VIDEOS
from jarvis_dagster.resources.services import StorageResource

__all__ = ["games"]

COLUMNS = {
    "game": "string",
    "video": "string",
    "sha256": "string",
    "duration_s": "float64",
    "rink_share": "float64",
    "people_in_view": "float64",
    "events": "int64",
    "highlights": "int64",
    "grade_detections": "string",
    "grade_tracks": "string",
    "grade_positions": "string",
    "grade_events": "string",
    "model_version": "string",
}


@dg.asset(
    key=["holmes", "games"],
    deps=[game_report],
    group_name="holmes",
    owners=["team:holmes"],
    kinds={"parquet"},
    io_manager_key="tables",
)
def games(context: dg.AssetExecutionContext, storage: StorageResource) -> Any:  # a pandas.DataFrame
    """Every analysed game with what its footage supports; a game without a report is left out."""
    import pandas as pd

    service = storage.service
    rows = []
    for key in sorted(context.instance.get_dynamic_partitions(VIDEOS.name or "")):
        name = f"artifacts/{key}/game_report/report.json"
        if not service.exists(name):
            continue
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            path = Path(scratch) / "report.json"
            service.get_file(name, path)
            rows.append(_row(key, json.loads(path.read_text("utf-8"))))
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    context.add_output_metadata({"games": len(table), "preview": preview(table)})
    return table


def _row(key: str, report: dict[str, Any]) -> dict[str, Any]:
    """What the table says of one report."""
    grades = report["preflight"]["grades"]
    return {
        "game": key,
        "video": report["video"]["name"],
        "sha256": report["provenance"]["video_sha256"],
        "duration_s": report["video"]["duration_s"],
        "rink_share": report["preflight"]["measures"]["rink_share"],
        "people_in_view": report["video"]["people_in_view"],
        "events": len(report["events"]),
        "highlights": len(report["highlights"]),
        "model_version": report["provenance"]["model_version"],
        **{
            f"grade_{statistic}": grades[statistic]["grade"]
            for statistic in ("detections", "tracks", "positions", "events")
        },
    }
