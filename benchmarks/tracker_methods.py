"""The trackers that ``tracker.py`` compares: ours, and the library's with their settings.

Belongs here: from noisy detections to tracks. Does not belong here: noise, figures.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import supervision as sv
import trackers as library

from jarvis_dagster.hockey.tracking import following, track

Follow = Callable[[pd.DataFrame, float, tuple[int, int]], pd.DataFrame]
COLUMNS = ["frame", "id", "x", "y", "w", "h"]
KEEPERS = (3, 4)  # classes of the ground truth that are goalkeepers
WRONG = 0.1  # share of boxes whose class the simulated detector gets wrong
# How long a track waits, how much its box must overlap, how often it must be seen before it is
# told: the library's own choice comes first.
_WAIT = {"lost_track_buffer": [30, 90]}
GRIDS: dict[str, tuple[Any, dict[str, list[Any]]]] = {
    "ByteTrack": (
        library.ByteTrackTracker,
        _WAIT | {"minimum_iou_threshold": [0.1, 0.3], "minimum_consecutive_frames": [2, 1]},
    ),
    "OC-SORT": (
        library.OCSORTTracker,
        _WAIT | {"minimum_iou_threshold": [0.3, 0.1], "minimum_consecutive_frames": [3, 1]},
    ),
    "BoT-SORT": (
        library.BoTSORTTracker,
        _WAIT
        | {
            "minimum_iou_threshold_first_assoc": [0.2, 0.05],
            "minimum_consecutive_frames": [2, 1],
        },
    ),
}
# Wants pixels for the camera's motion; boxes are all that any tracker gets here.
_FIXED: dict[str, dict[str, Any]] = {"BoT-SORT": {"enable_cmc": False}}


def peer(name: str, settings: dict[str, Any]) -> Follow:
    """A tracker of the library with ``settings``."""
    make, _ = GRIDS[name]
    return _online(lambda rate: make(frame_rate=rate, **_FIXED.get(name, {}), **settings))


def settings_of(name: str) -> Iterator[dict[str, Any]]:
    """Every combination of the peer's grid, its library's own first."""
    _, grid = GRIDS[name]
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def ours_with_keepers(detections: pd.DataFrame, fps: float, size: tuple[int, int]) -> pd.DataFrame:
    """As a detector serves it that tells goalkeepers from players, nine times in ten."""
    named = np.where(detections["class"].isin(KEEPERS), "goalkeeper", "player")
    wrong = np.random.default_rng(0).random(len(named)) < WRONG
    other = np.where(named == "player", "goalkeeper", "player")
    return ours(detections, fps, size, np.where(wrong, other, named))


def ours(
    detections: pd.DataFrame,
    fps: float,
    size: tuple[int, int],
    kinds: np.ndarray | str = "player",
) -> pd.DataFrame:
    """As ``jarvis track`` does it."""
    x, y, w, h = (detections[name].to_numpy() for name in "xywh")
    table = pd.DataFrame(
        {"frame": detections["frame"], "pts_s": detections["frame"] / fps}
        | {"x1_px": x, "y1_px": y, "x2_px": x + w, "y2_px": y + h}
        | {"score": detections["score"], "class": kinds}
    )
    found = track(table, width_px=size[0], height_px=size[1], fps=fps)
    corners = found[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64)
    corners[:, 2:] -= corners[:, :2]
    boxes = pd.DataFrame(corners, columns=["x", "y", "w", "h"])
    boxes.insert(0, "frame", found["frame"].to_numpy(np.int64))
    boxes.insert(1, "id", found["track_id"].to_numpy(np.int64))
    return boxes


def ours_sticks_left_on(
    detections: pd.DataFrame, fps: float, size: tuple[int, int]
) -> pd.DataFrame:
    """The same, taking every box as it is: what cutting sticks off is worth."""
    asked, following.stick_share = following.stick_share, lambda *_: 0.0
    try:
        return ours(detections, fps, size)
    finally:
        following.stick_share = asked


def _online(make: Callable[[float], Any]) -> Follow:
    def follow(detections: pd.DataFrame, fps: float, size: tuple[int, int]) -> pd.DataFrame:
        del size
        tracker = make(fps)
        frame = detections["frame"].to_numpy()
        corners = detections[["x", "y", "w", "h"]].to_numpy(np.float32)
        corners[:, 2:] += corners[:, :2]
        score = detections["score"].to_numpy(np.float32)
        rows = []
        for number in range(int(frame.min()), int(frame.max()) + 1):
            start, stop = np.searchsorted(frame, [number, number + 1])
            now = tracker.update(
                sv.Detections(
                    xyxy=corners[start:stop],
                    confidence=score[start:stop],
                    class_id=np.zeros(stop - start, dtype=int),
                )
            )
            if len(now) and now.tracker_id is not None:
                known = now.tracker_id >= 0
                box = now.xyxy[known].astype(np.float64)
                box[:, 2:] -= box[:, :2]
                numbers = np.full(int(known.sum()), number)
                rows.append(np.column_stack([numbers, now.tracker_id[known], box]))
        table = pd.DataFrame(np.concatenate(rows or [np.zeros((0, 6))]), columns=COLUMNS)
        return table.astype({"frame": "int64", "id": "int64"})

    return follow
