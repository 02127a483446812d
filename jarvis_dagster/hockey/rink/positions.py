"""Rink positions and speeds of tracked people.

Belongs here: boxes in pixels to feet on the ice, and speed from them. Does not
belong here: finding a calibration, or statistics over a game.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.calibration import Calibration, apply_homography, feet_per_px
from jarvis_dagster.hockey.rink.geometry import RINKS
from jarvis_dagster.hockey.tables import POSITIONS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["MOST_ERROR_FT", "positions"]

_MARGIN_FT = 3.0
MOST_ERROR_FT = 10.0
_FEET_SHARE = 0.02  # of a box's height: how far its lower edge is off the skates
_FEET_PX = 1.0
_SPEED_WINDOW_S = 0.5


def positions(tracks: pd.DataFrame, calibration: Calibration, fps: float) -> pd.DataFrame:
    """Where each tracked person stands, and how fast they move.

    The position is where the middle of the box's lower edge meets the ice. The
    speed is the slope of a straight line fitted to the positions within half a
    second around (as the first-order filter of Savitzky and Golay, 1964, but by
    time, so gaps do no harm).

    Args:
        tracks: ``TRACKS``, in any order.
        calibration: Must be for the same picture size as the boxes.
        fps: Frame rate; a gap of more than half a second starts a new fit.

    Returns:
        ``POSITIONS``, one row per row of ``tracks``, in its order. ``error_ft`` is the
        likely error of the position, from the calibration's own and from where the feet
        are in a box. ``valid`` is False where no calibration holds, the likely error is
        above 10 ft, or the position is more than 3 ft outside the boards; such rows have
        no speed (NaN).
    """
    import pandas as pd

    frames = tracks["frame"].to_numpy()
    feet = np.stack(
        [
            (tracks["x1_px"].to_numpy(np.float64) + tracks["x2_px"].to_numpy(np.float64)) / 2,
            tracks["y2_px"].to_numpy(np.float64),
        ],
        axis=1,
    )
    tall = tracks["y2_px"].to_numpy(np.float64) - tracks["y1_px"].to_numpy(np.float64)
    unsure_px = np.maximum(_FEET_SHARE * tall, _FEET_PX)
    xy = np.full(feet.shape, np.nan)
    error = np.full(len(feet), np.nan)
    order = np.argsort(frames, kind="stable")
    starts = np.flatnonzero(np.diff(frames[order], prepend=-1))
    for rows in np.split(order, starts[1:]) if len(order) else []:
        frame = int(frames[rows[0]])
        matrix = calibration.homography_at(frame)
        if matrix is not None:
            straight = calibration.straightened(feet[rows])
            xy[rows] = apply_homography(matrix, straight)
            worth_ft = feet_per_px(matrix, straight)
            own = unsure_px[rows] * worth_ft
            error[rows] = np.hypot(calibration.error_ft_of(frame, worth_ft), own)
    distance = RINKS[calibration.rink].signed_distance_ft(xy)
    valid = np.isfinite(distance) & (distance <= _MARGIN_FT) & (error <= MOST_ERROR_FT)
    track_ids = tracks["track_id"].to_numpy()
    seconds = tracks["pts_s"].to_numpy(np.float64)
    table = pd.DataFrame(
        {
            "frame": frames,
            "pts_s": seconds,
            "track_id": track_ids,
            "x_ft": xy[:, 0],
            "y_ft": xy[:, 1],
            "speed_ftps": _speeds(track_ids, seconds, xy, valid, fps),
            "valid": valid,
            "error_ft": error,
        }
    )
    return table.astype(POSITIONS)


def _speeds(
    track_ids: NDArray[np.int32],
    seconds: NDArray[np.float64],
    xy: NDArray[np.float64],
    valid: NDArray[np.bool_],
    fps: float,
) -> NDArray[np.float64]:
    speeds = np.full(len(seconds), np.nan)
    rows = np.flatnonzero(valid)
    rows = rows[np.lexsort((seconds[rows], track_ids[rows]))]
    if len(rows) == 0:
        return speeds
    gap = max(_SPEED_WINDOW_S, 2 / fps)
    fresh = (np.diff(track_ids[rows]) != 0) | (np.diff(seconds[rows]) > gap)
    for run in np.split(rows, np.flatnonzero(fresh) + 1):
        speeds[run] = _slope(seconds[run], xy[run])
    return speeds


def _slope(seconds: NDArray[np.float64], xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Speed (N,) from the least-squares line within the window around each sample."""
    if len(seconds) < 3:
        return np.full(len(seconds), np.nan)
    time = seconds - seconds.mean()
    place = xy - xy.mean(axis=0)
    half = _SPEED_WINDOW_S / 2 + 1e-6
    first = np.searchsorted(time, time - half)
    last = np.searchsorted(time, time + half, side="right")

    def window(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
        sums: NDArray[np.float64] = total[last] - total[first]
        return sums

    count = (last - first).astype(np.float64)
    sum_t = window(time)
    spread = window(time**2) - sum_t**2 / count
    joint = window(time[:, None] * place) - sum_t[:, None] * window(place) / count[:, None]
    usable = (count >= 3) & (spread > 1e-9)
    velocity = joint / np.where(usable, spread, 1)[:, None]
    return np.where(usable, np.linalg.norm(velocity, axis=1), np.nan)
