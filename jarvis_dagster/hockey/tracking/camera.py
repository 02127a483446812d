"""How the picture moved between frames: from the scan, or from the boxes.

Belongs here: one translation per pair of successive detection frames, and its
running sum, in which people move as they would before a resting camera. Does
not belong here: motion from pixels (the preflight scan does that).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.tracking.smoothing import spline

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = [
    "CameraPath",
    "measured_noise",
    "motion_from_boxes",
    "motion_from_scan",
    "refine_motion",
    "resting_places",
]

_REACH = 1.5  # box widths that a person may move between two detection frames


@dataclasses.dataclass(frozen=True)
class CameraPath:
    """Shift of the picture since the first of some frames, which ascend."""

    frames: NDArray[np.int64]  # (T,)
    shift: NDArray[np.float64]  # (T, 2) px

    def at(self, frame: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, 2) at any frames: evenly between the known ones, and on as it was beyond them."""
        out = [np.interp(frame, self.frames, self.shift[:, axis]) for axis in range(2)]
        if len(self.frames) > 1:
            before = np.minimum(frame - self.frames[0], 0) / (self.frames[1] - self.frames[0])
            after = np.maximum(frame - self.frames[-1], 0) / (self.frames[-1] - self.frames[-2])
            for axis in range(2):
                step = np.diff(self.shift[:, axis])
                out[axis] += before * step[0] + after * step[-1]
        return np.stack(out, axis=1)


def motion_from_boxes(boxes: Boxes, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shift of the picture at each of ``ticks`` (detection frames), summed up.

    Every pair of boxes in two successive frames that agree in size votes for a
    displacement; the best-supported one wins and is refined to the mean of its
    votes. It is the common motion of the people, hence the camera's as far as
    they stand or skate without a common direction.

    Returns:
        (T, 2) px: subtract it from a centre to stabilise the centre.
    """
    shifts = np.zeros((len(ticks), 2))
    bounds = np.searchsorted(boxes.frame, np.append(ticks, ticks[-1] + 1 if len(ticks) else 0))
    last = np.zeros(2)
    for index in range(1, len(ticks)):
        before = boxes.box[bounds[index - 1] : bounds[index]]
        after = boxes.box[bounds[index] : bounds[index + 1]]
        last = _common_shift(before, after, last)
        shifts[index] = last
    return np.cumsum(shifts, axis=0)


def _common_shift(
    before: NDArray[np.float64], after: NDArray[np.float64], expected: NDArray[np.float64]
) -> NDArray[np.float64]:
    if len(before) == 0 or len(after) == 0:
        return 0.5 * expected
    shift = after[None, :, :2] - before[:, None, :2]
    ratio = np.abs(np.log(after[None, :, 2:] / before[:, None, 2:]))
    size = np.sqrt(before[:, 2:].prod(axis=1) / 2)
    near = np.abs(shift - expected).max(axis=2) < _REACH * size[:, None]
    fits = near & (ratio < 0.35).all(axis=2)
    if fits.sum() < 3:
        return 0.5 * expected
    votes = shift[fits]
    radius = 0.12 * float(np.median(size))
    gaps = ((votes[:, None] - votes[None]) ** 2).sum(axis=2)
    support = np.exp(-0.5 * gaps / radius**2).sum(axis=1)
    support *= np.exp(-0.5 * ((votes - expected) ** 2).sum(axis=1) / (4 * radius) ** 2)
    weight = np.exp(-0.5 * gaps[int(support.argmax())] / radius**2)
    if weight.sum() < 2:
        return 0.5 * expected
    return np.asarray((weight[:, None] * votes).sum(axis=0) / weight.sum())


def motion_from_scan(
    scan: pd.DataFrame, ticks: NDArray[np.int64], width_px: int, height_px: int
) -> NDArray[np.float64]:
    """The same from a SCAN table: the shift of the picture's centre, summed up.

    Zoom and roll between two frames are small; what they add away from the
    centre is left to the motion model, since sums of them drift over minutes.
    """
    frame = scan["frame"].to_numpy(np.int64)
    known = scan["motion_ok"].to_numpy(bool)
    scale = scan["scale"].to_numpy(np.float64)
    angle = scan["angle_rad"].to_numpy(np.float64)
    centre = np.array([width_px / 2, height_px / 2])
    turned_x = scale * (np.cos(angle) * centre[0] - np.sin(angle) * centre[1])
    turned_y = scale * (np.sin(angle) * centre[0] + np.cos(angle) * centre[1])
    shift = np.stack(
        [
            turned_x + scan["dx_px"].to_numpy(np.float64) - centre[0],
            turned_y + scan["dy_px"].to_numpy(np.float64) - centre[1],
        ],
        axis=1,
    )
    shift[~known | ~np.isfinite(shift).all(axis=1)] = 0
    total = np.cumsum(shift, axis=0)
    if len(frame) == 0:
        return np.zeros((len(ticks), 2))
    return np.stack([np.interp(ticks, frame, total[:, axis]) for axis in range(2)], axis=1)


def resting_places(
    scan: pd.DataFrame, frame: NDArray[np.int64], xy_px: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Where what is seen at ``xy_px`` (n, 2) was in the picture of the first ``frame``.

    Were it part of the rink: with pan, zoom and roll undone. Over minutes this drifts.

    Args:
        scan: SCAN.
        frame: (n,) ascending.

    Returns:
        (n, 2) px, and (n,) how much larger things have become since; ``None`` where
        the camera's motion is not known throughout.
    """
    first = int(frame[0])
    rows = scan.iloc[np.searchsorted(scan["frame"], [first + 1])[0] :]
    rows = rows.iloc[: int(frame[-1]) - first]
    names = ["dx_px", "dy_px", "scale", "angle_rad"]
    dx, dy, scale, angle = rows[names].to_numpy(np.float64).T
    if len(rows) < frame[-1] - first or not rows["motion_ok"].all():
        return None
    # Similarities of the plane are z -> turn * z + move; together z -> turned * (z + moved).
    turned = np.append(1, np.cumprod(scale * np.exp(1j * angle)))
    moved = np.append(0, np.cumsum((dx + 1j * dy) / turned[1:]))
    at = frame - first
    place = (xy_px[:, 0] + 1j * xy_px[:, 1]) / turned[at] - moved[at]
    if not np.isfinite(place).all():
        return None
    return np.stack([place.real, place.imag], axis=1), np.abs(turned[at])


def refine_motion(
    boxes: Boxes,
    ticks: NDArray[np.int64],
    pieces: list[NDArray[np.intp]],
    fps: float,
    smooth_s: float = 0.05,
) -> NDArray[np.float64]:
    """The same from tracklets: the mean step of those seen at both frames.

    Sums of mean steps do not drift with the jitter of the boxes while the same
    people are in view, as sums of votes do.
    """
    first = np.concatenate([piece[:-1] for piece in pieces]) if pieces else np.zeros(0, np.intp)
    second = np.concatenate([piece[1:] for piece in pieces]) if pieces else first
    tick = np.searchsorted(ticks, boxes.frame)
    next_to = tick[second] - tick[first] == 1
    first, second = first[next_to], second[next_to]
    step = boxes.box[second, :2] - boxes.box[first, :2]
    index = tick[second]
    weight = 1 / boxes.box[second, 3]
    total = np.zeros((len(ticks), 2))
    for _ in range(2):
        mass = np.bincount(index, weight, len(ticks))
        for axis in range(2):
            total[:, axis] = np.bincount(index, weight * step[:, axis], len(ticks)) / np.maximum(
                mass, 1e-9
            )
        away = np.abs(step - total[index]).max(axis=1) / boxes.box[second, 3]
        weight = np.where(away < 0.25, 1 / boxes.box[second, 3], 0.2 / boxes.box[second, 3])
    # One or two people tell their own motion, not the camera's.
    people = np.bincount(index, minlength=len(ticks))
    total *= np.clip((people - 2) / 3, 0, 1)[:, None]
    shift = np.cumsum(total, axis=0)
    if len(ticks) < 5 or smooth_s <= 0:
        return shift
    frames = np.arange(ticks[0], ticks[-1] + 1)
    if len(frames) > 20 * len(ticks):
        return shift
    seen = np.zeros(len(frames))
    seen[ticks - ticks[0]] = 1
    dense = np.zeros((len(frames), 2))
    dense[ticks - ticks[0]] = shift
    return spline(seen, dense, smooth_s * fps)[ticks - ticks[0]]


def measured_noise(boxes: Boxes, pieces: list[NDArray[np.intp]]) -> float:
    """Standard deviation of a side of a detection, as a share of the box size.

    From second differences in tracklets, in which motion hardly shows.
    """
    runs = [piece for piece in pieces if len(piece) >= 5]
    if not runs:
        return 0.05
    values = []
    for run in runs:
        even = np.diff(boxes.frame[run])
        box = boxes.box[run]
        bend = (box[:-2] - 2 * box[1:-1] + box[2:])[:, 2:] / np.sqrt(6) / box[1:-1, 2:]
        values.append(bend[even[1:] == even[:-1]])
    bends = np.abs(np.concatenate(values))
    if len(bends) < 20:
        return 0.05
    return float(np.clip(1.4826 * np.median(bends) / np.sqrt(2), 0.004, 0.2))
