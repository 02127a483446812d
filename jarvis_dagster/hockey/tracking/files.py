"""Tracking from file to file, in MOTChallenge rows, without a video.

Belongs here: what ``jarvis track`` does. Does not belong here: the tracker, or
parsing.
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.tracking.mot import read_mot, write_mot
from jarvis_dagster.hockey.tracking.tracker import track

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from rich.table import Table

__all__ = ["TrackSummary", "format_summary", "track_file"]


@dataclasses.dataclass(frozen=True)
class TrackSummary:
    """What :func:`track_file` read and wrote."""

    detections: int
    skipped_rows: int  # held no box: not finite, or no width or height
    frames: int
    tracks: int
    rows: int
    filled_rows: int  # frames in which the person was not detected
    seconds: float
    message: str  # empty, or what the person should know


def track_file(detections: Path, size: tuple[int, int], fps: float, out: Path) -> TrackSummary:
    """Track a MOTChallenge file of detections and write MOTChallenge tracks.

    Args:
        detections: rows ``frame,id,x,y,w,h[,score[,class]]``, any frame base,
            any order, ids ignored; plain or gzipped.
        size: width and height of the picture, px.
        fps: frames a second.
        out: replaced; frames count as in ``detections``; the class is each
            track's commonest one.

    Raises:
        BadInputError: a bad file (names the line), size or rate.
    """
    width, height = size
    if width < 1 or height < 1:
        raise BadInputError(f"The size {width}x{height} is no picture.", "Give it as 1280x720.")
    if not (math.isfinite(fps) and fps > 0):
        raise BadInputError(f"{fps} frames a second is not possible.", "Give it as 30 or 29.97.")
    started = time.perf_counter()
    rows = read_mot(detections)
    table = _as_detections(rows, fps)
    # What the numbers of the classes mean is not known; how often they occur is.
    tracks = track(table, width_px=width, height_px=height, fps=fps, lone=None)
    write_mot(_as_mot(tracks), out)
    skipped = int(rows.attrs["skipped"])
    if rows.empty:
        message = f"{detections} holds no boxes, so {out} is empty."
    elif tracks.empty:
        message = f"No person is seen for long enough in {detections}, so {out} is empty."
    else:
        message = f"{skipped} rows without a box were left out." if skipped else ""
    return TrackSummary(
        detections=len(rows),
        skipped_rows=skipped,
        frames=int(rows["frame"].nunique()),
        tracks=int(tracks["track_id"].nunique()),
        rows=len(tracks),
        filled_rows=int((~tracks["observed"].astype(bool)).sum()),
        seconds=time.perf_counter() - started,
        message=message,
    )


def _as_detections(rows: pd.DataFrame, fps: float) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "frame": rows["frame"],
            "pts_s": rows["frame"] / fps,
            "x1_px": rows["x"],
            "y1_px": rows["y"],
            "x2_px": rows["x"] + rows["w"],
            "y2_px": rows["y"] + rows["h"],
            "score": rows["score"],
            "class": rows["class"].astype(str),
        }
    )


def _as_mot(tracks: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "frame": tracks["frame"],
            "id": tracks["track_id"],
            "x": tracks["x1_px"].astype("float64"),
            "y": tracks["y1_px"].astype("float64"),
            "w": (tracks["x2_px"] - tracks["x1_px"]).astype("float64"),
            "h": (tracks["y2_px"] - tracks["y1_px"]).astype("float64"),
            "score": tracks["score"].astype("float64"),
            "class": pd.to_numeric(tracks["class"], errors="coerce").fillna(-1).astype("int64"),
        }
    )


def format_summary(summary: TrackSummary) -> Table:
    """The summary as a rich table for the terminal."""
    from rich.table import Table

    table = Table(title="Tracking")
    table.add_column("what")
    table.add_column("count", justify="right")
    for name, value in dataclasses.asdict(summary).items():
        if name != "message":
            shown = f"{value:.1f}" if isinstance(value, float) else f"{value:,}"
            table.add_row(name.replace("_", " "), shown)
    return table
