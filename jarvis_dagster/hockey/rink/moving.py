"""The calibration of a camera that moves, from its key frames.

Belongs here: what lies between key frames and beside them, and how far off it may be. Does not
belong here: finding the key frames' cameras (``following``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.calibration import Calibration, feet_per_px
from jarvis_dagster.hockey.rink.camera import ice_to_image
from jarvis_dagster.hockey.rink.motion import Motion, carried
from jarvis_dagster.hockey.rink.refine import error_ft_at
from jarvis_dagster.hockey.rink.residuals import inverse
from jarvis_dagster.hockey.rink.search import ice_in_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.following import KeyFrame
    from jarvis_dagster.hockey.rink.geometry import Rink

    Array = NDArray[np.float64]

__all__ = ["error_px", "homography", "moving_calibration"]

_FLOOR_PX = 1.2  # at 512 px width; what the marks themselves are worth
_BEYOND_PX = 0.4  # by which a camera may be off more with every frame it is carried
_BETWEEN = 0.10  # share of the way between key frames that a frame between may be off


def moving_calibration(
    shots: Sequence[Sequence[KeyFrame]], scan: pd.DataFrame, rink: Rink, fps: float
) -> Calibration | None:
    """The calibration that key frames of each shot give; None where no camera was found."""
    matrices: dict[int, Array] = {}
    errors: dict[int, float] = {}
    ranges: list[tuple[int, int]] = []
    typical: list[float] = []
    size = shots[0][0].evidence.size_px if shots else (1, 1)
    step = max(1, round(fps / 10))
    motion = Motion(scan)
    for shot, (start, stop) in zip(shots, _bounds(shots, scan), strict=True):
        for run in _runs(shot):
            first, last = run[0].frame, run[-1].frame
            for key, end in ((run[0], start), (run[-1], stop)):
                if key not in (shot[0], shot[-1]) or not 0 < abs(end - key.frame) <= 4 * step:
                    continue
                if motion.between(key.frame, end) is None:
                    continue
                # The end of a shot that was not looked at: the camera is carried there.
                first, last = min(first, end), max(last, end)
                for frame in {*range(key.frame, end, step if end > key.frame else -step), end}:
                    assert key.fit is not None
                    pose = motion.turned(key.fit.pose, key.frame, frame, size)
                    matrices[frame] = homography(pose, size)
                    errors[frame] = error_px(key, rink) + _BEYOND_PX * abs(frame - key.frame)
            ranges.append((first, last))
            for before, after in zip(run, [*run[1:], None], strict=True):
                assert before.fit is not None
                matrices[before.frame] = homography(before.fit.pose, size)
                errors[before.frame] = error_px(before, rink)
                typical.append(before.fit.error_ft)
                if after is None:
                    continue
                assert after.fit is not None
                off = max(errors[before.frame], error_px(after, rink))
                off += _BETWEEN * _way_px(before, after) * step / (after.frame - before.frame)
                for frame, pose in carried(before, after, motion):
                    if (frame - before.frame) % step == 0:
                        matrices[frame] = homography(pose, size)
                        errors[frame] = off
    if not matrices:
        return None
    return Calibration(
        rink.name,
        size,
        key_frames=matrices,
        error_ft=round(float(np.median(typical)), 3),
        error_px={frame: round(error, 3) for frame, error in errors.items()},
        valid_frames=tuple(ranges),
        max_gap_frames=2 * step,
    )


def _bounds(shots: Sequence[Sequence[KeyFrame]], scan: pd.DataFrame) -> list[tuple[int, int]]:
    """First and last frame of the shot in which each of ``shots`` lies."""
    starts = np.unique([0, *scan.loc[scan["is_cut"].astype(bool), "frame"], len(scan)])
    found = []
    for shot in shots:
        after = int(np.searchsorted(starts, shot[0].frame, "right"))
        found.append((int(starts[after - 1]), int(starts[after]) - 1))
    return found


def _runs(shot: Sequence[KeyFrame]) -> list[list[KeyFrame]]:
    """Stretches of at least two neighbouring key frames that are all valid."""
    runs: list[list[KeyFrame]] = [[]]
    for key in shot:
        if key.fit is not None and key.fit.valid:
            runs[-1].append(key)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1 or (run and len(shot) == 1)]


def _way_px(before: KeyFrame, after: KeyFrame) -> float:
    """How far the ice in the picture's middle moves between two key frames."""
    assert before.fit is not None
    assert after.fit is not None
    width, height = size = before.evidence.size_px
    middle = np.array([width / 2, height * 0.6, 1.0])
    moved = ice_to_image(after.fit.pose, size) @ inverse(before.fit.pose, size) @ middle
    if moved[2] <= 0:
        return float(width)
    return float(np.hypot(*(moved[:2] / moved[2] - middle[:2])))


def error_px(key: KeyFrame, rink: Rink) -> float:
    """The error of a key frame's camera in pixels of the picture, where it shows ice."""
    assert key.fit is not None
    evidence = key.evidence
    xy = ice_in_view(key.fit.pose, evidence, rink)
    if not len(xy):
        return float("inf")
    feet = error_ft_at(key.fit.pose, key.fit.covariance, xy, evidence.size_px)
    worth = feet_per_px(inverse(key.fit.pose, evidence.size_px), xy)
    return max(float(np.nanquantile(feet / worth, 0.7)), _FLOOR_PX * evidence.unit_px)


def homography(pose: Array, size_px: tuple[int, int]) -> Array:
    """(3, 3) pixels to feet."""
    matrix = inverse(pose, size_px)
    scaled: Array = matrix / np.abs(matrix).max()
    return scaled
