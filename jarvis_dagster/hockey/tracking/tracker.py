"""Track people through a video from their boxes: detections in, TRACKS out.

Belongs here: what is asked for and what is handed back, camera shot by camera shot.
Does not belong here: what happens within a shot (following).

Time and memory grow with the number of detections only: every step but the return
of goalkeepers looks at a few seconds at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey import tables
from jarvis_dagster.hockey.tracking.boxes import clean, from_table
from jarvis_dagster.hockey.tracking.following import View, follow
from jarvis_dagster.hockey.tracking.shots import shots

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["track"]

_PUCK = "puck"


def track(
    detections: pd.DataFrame,
    *,
    width_px: int,
    height_px: int,
    fps: float,
    scan: pd.DataFrame | None = None,
    kit: NDArray[np.float32] | None = None,
    frame_count: int | None = None,
    lone: Collection[str] | None = ("goalkeeper",),
) -> pd.DataFrame:
    """Follow every person through the video; a whole video is given at once.

    Args:
        detections: DETECTIONS; frames with any stride, rows in any order.
        width_px: of the picture.
        height_px: of the picture.
        fps: frames a second, above 0.
        scan: SCAN; its cuts end all tracks, its camera motion is used.
        kit: (N, D) colour features, row-aligned with ``detections``, in units of what those of
            one person vary by.
        frame_count: of the video; tracks end before this frame.
        lone: classes of which each end of the rink has one person; ``None``:
            the rare ones that hardly ever share a frame.

    Returns:
        TRACKS plus ``detection_row`` (int64, -1 where filled): the position of
        a row in ``detections``. Sorted by frame and track; every frame from
        where a person comes into view to where he leaves it has a row.
        ``class`` is each track's commonest one; role and team are ``"unknown"``
        and ``""``. Who is there at a shot's first or last look is there in the
        frames before or after it, too. A person who comes back into the picture has a new track,
        but for those of a ``lone`` class. The puck is one track a shot.

    Raises:
        BadInputError: a rate or size that is not above 0, or ``kit`` has another
            number of rows than ``detections``.
    """
    if not (fps > 0 and width_px > 0 and height_px > 0):
        raise BadInputError(f"No video has {width_px}x{height_px} pixels at {fps} frames a second.")
    if kit is not None and len(kit) != len(detections):
        raise BadInputError(f"{len(kit)} rows of kit colours for {len(detections)} detections.")
    labels = sorted(str(name) for name in detections["class"].dropna().unique())
    puck = labels.index(_PUCK) if _PUCK in labels else -2
    boxes = clean(from_table(detections, labels), width_px, height_px, puck=puck)
    if frame_count is not None:
        boxes = boxes.take(boxes.frame < frame_count)
    view = View(
        width_px=width_px,
        height_px=height_px,
        fps=fps,
        scan=scan,
        kit=None if kit is None else np.asarray(kit, dtype=np.float64),
        lone=None if lone is None else [labels.index(name) for name in lone if name in labels],
        puck=puck,
    )
    parts = []
    next_id = 1
    for shot in shots(boxes, scan, frame_count):
        for rows in follow(shot, view):
            rows["track_id"] = rows.pop("chain") + next_id
            next_id = int(rows["track_id"].max()) + 1
            parts.append(rows)
    if not parts:
        return _empty()
    # The scan knows the time of every frame; a phone's frames are not evenly apart.
    clock = detections if scan is None or not len(scan) else scan
    return _assemble(parts, clock, [*labels, "player"], (width_px, height_px), fps)


def _assemble(
    parts: list[dict[str, NDArray[Any]]],
    clock: pd.DataFrame,
    names: list[str],
    size: tuple[int, int],
    fps: float,
) -> pd.DataFrame:
    import pandas as pd

    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((whole["track_id"], whole["frame"]))
    whole = {name: values[order] for name, values in whole.items()}
    corner = whole["box"][:, :2] - whole["box"][:, 2:] / 2
    edges = np.concatenate([corner, corner + whole["box"][:, 2:]], axis=1)
    edges = np.clip(edges, 0, [*size, *size])
    frames, first = np.unique(clock["frame"].to_numpy(np.int64), return_index=True)
    table = pd.DataFrame(
        {
            "frame": whole["frame"],
            "pts_s": _times(
                whole["frame"], frames, clock["pts_s"].to_numpy(np.float64)[first], fps
            ),
            **{
                name: edges[:, index]
                for index, name in enumerate(("x1_px", "y1_px", "x2_px", "y2_px"))
            },
            "score": whole["score"],
            # Label -1, a class that is missing, takes the last name.
            "class": np.array(names, dtype=object)[whole["label"]],
            "track_id": whole["track_id"],
            "observed": whole["row"] >= 0,
            "role": "unknown",
            "role_score": 0.0,
            "team": "",
            "team_score": 0.0,
        }
    ).astype(tables.TRACKS)
    table["detection_row"] = whole["row"].astype(np.int64)
    inside = (table["x2_px"] - table["x1_px"] > 0) & (table["y2_px"] - table["y1_px"] > 0)
    return table[inside].reset_index(drop=True)


def _times(
    frame: NDArray[np.int64], known: NDArray[np.int64], pts_s: NDArray[np.float64], fps: float
) -> NDArray[np.float64]:
    """Seconds of each frame, from those of the known ones; beyond them time runs evenly."""
    away = frame - np.clip(frame, known[0], known[-1])
    return np.asarray(np.interp(frame, known, pts_s) + away / fps)


def _empty() -> pd.DataFrame:
    table = tables.empty(tables.TRACKS)
    table["detection_row"] = np.zeros(0, dtype=np.int64)
    return table
