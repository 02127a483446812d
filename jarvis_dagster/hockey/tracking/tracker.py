"""Track people through a video from their boxes: detections in, TRACKS out.

Belongs here: the order of the steps, shot by shot. Does not belong here: the
steps (boxes, camera, first_pass, linking, smoothing).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey import tables
from jarvis_dagster.hockey.tracking.boxes import Boxes, clean, from_table
from jarvis_dagster.hockey.tracking.camera import (
    measured_noise,
    motion_from_boxes,
    motion_from_scan,
    refine_motion,
)
from jarvis_dagster.hockey.tracking.first_pass import FirstPass, tracklets
from jarvis_dagster.hockey.tracking.linking import Linking, link
from jarvis_dagster.hockey.tracking.smoothing import fill

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["track"]


def track(
    detections: pd.DataFrame,
    *,
    width_px: int,
    height_px: int,
    fps: float,
    scan: pd.DataFrame | None = None,
    kit: NDArray[np.float32] | None = None,
    frame_count: int | None = None,
) -> pd.DataFrame:
    """Follow every person through the video; a whole video is given at once.

    Args:
        detections: DETECTIONS; frames with any stride, rows in any order.
        width_px: of the picture.
        height_px: of the picture.
        fps: frames a second, above 0.
        scan: SCAN; its cuts end all tracks, its camera motion is used.
        kit: (N, D) colour features, row-aligned with ``detections``.
        frame_count: tracks end before this frame.

    Returns:
        TRACKS plus ``detection_row`` (int64, -1 where filled), sorted by frame
        and track. Every frame between a track's first and last detection has
        a row, except while the person was out of the picture; role and team
        are ``"unknown"`` and ``""``.
    """
    labels = sorted(detections["class"].dropna().unique()) if len(detections) else []
    boxes = clean(from_table(detections, labels), width_px, height_px) if len(detections) else None
    if boxes is None or len(boxes) == 0:
        return _empty()
    parts = []
    next_id = 1
    for shot in _shots(boxes, scan):
        rows = _track_shot(shot, width_px, height_px, fps, scan)
        if len(rows["track_id"]):
            rows["track_id"] = rows["track_id"] + next_id
            next_id = int(rows["track_id"].max()) + 1
            parts.append(rows)
    return _assemble(parts, detections, labels, fps) if parts else _empty()


def _shots(boxes: Boxes, scan: pd.DataFrame | None) -> list[Boxes]:
    if scan is None:
        return [boxes]
    cuts = np.sort(scan.loc[scan["is_cut"].astype(bool), "frame"].to_numpy(np.int64))
    edges = np.unique(np.searchsorted(boxes.frame, cuts, side="left"))
    bounds = [0, *[int(e) for e in edges if 0 < e < len(boxes)], len(boxes)]
    return [boxes.take(np.arange(a, b)) for a, b in itertools.pairwise(bounds)]


def _track_shot(
    boxes: Boxes, width_px: int, height_px: int, fps: float, scan: pd.DataFrame | None
) -> dict[str, NDArray]:
    ticks = np.unique(boxes.frame)
    if scan is None:
        shift = motion_from_boxes(boxes, ticks)
    else:
        shift = motion_from_scan(scan, ticks, width_px, height_px)
    pieces = tracklets(boxes, ticks, shift, fps, FirstPass())
    noise = measured_noise(boxes, pieces)
    if scan is None:
        shift = refine_motion(boxes, ticks, pieces, fps)
    pieces = tracklets(boxes, ticks, shift, fps, FirstPass(noise=max(noise, 0.01)))
    chains = link(
        boxes,
        ticks,
        shift,
        pieces,
        fps=fps,
        width_px=width_px,
        height_px=height_px,
        options=Linking(noise=max(noise, 0.01)),
    )
    chains = [c for c in chains if _keep(boxes, c, fps)]
    return fill(
        boxes, ticks, shift, chains, fps=fps, width_px=width_px, height_px=height_px, noise=noise
    )


def _keep(boxes, c, fps):
    span = boxes.frame[c[-1]] - boxes.frame[c[0]]
    density = len(c) / (span + 1)
    return len(c) >= 4 and span >= 0.2 * fps and (density > 0.4 or len(c) > fps)


def _assemble(
    parts: list[dict[str, NDArray]], detections: pd.DataFrame, labels: list[str], fps: float
) -> pd.DataFrame:
    import pandas as pd

    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((whole["track_id"], whole["frame"]))
    whole = {name: values[order] for name, values in whole.items()}
    names = np.array([*labels, "player"], dtype=object)
    seen_frame = detections["frame"].to_numpy(np.int64)
    seen_time = detections["pts_s"].to_numpy(np.float64)
    by_time = np.argsort(seen_frame, kind="stable")
    frames, first = np.unique(seen_frame[by_time], return_index=True)
    time = np.interp(whole["frame"], frames, seen_time[by_time][first])
    table = pd.DataFrame(
        {
            "frame": whole["frame"],
            "pts_s": time,
            **{
                name: whole["edges"][:, index]
                for index, name in enumerate(("x1_px", "y1_px", "x2_px", "y2_px"))
            },
            "score": whole["score"],
            "class": names[whole["label"]],
            "track_id": whole["track_id"],
            "observed": whole["row"] >= 0,
            "role": "unknown",
            "role_score": 0.0,
            "team": "",
            "team_score": 0.0,
        }
    ).astype(tables.TRACKS)
    table["detection_row"] = whole["row"].astype(np.int64)
    return table


def _empty() -> pd.DataFrame:
    table = tables.empty(tables.TRACKS)
    table["detection_row"] = np.zeros(0, dtype=np.int64)
    return table
