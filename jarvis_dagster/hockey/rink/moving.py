"""The calibration of a camera that moves, from its key frames.

Belongs here: what lies between key frames and beside them, and how far off it may be. Does not
belong here: finding the key frames' cameras (``following``).
"""

from __future__ import annotations

import itertools
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
_BEYOND = 1.25e-3  # of the width: what a camera may be off more with every frame it is carried
_FAR_APART = 0.02  # of the width: more and two cameras do not bridge a key frame without one
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
        runs = _runs(shot, motion)
        for run, (low, high) in zip(runs, _reaches(runs, start, stop), strict=True):
            first, last = run[0].frame, run[-1].frame
            own = {key.frame: error_px(key, rink) for key in run}
            for key, border in ((run[0], low), (run[-1], high)):
                end = int(np.clip(border, key.frame - 4 * step, key.frame + 4 * step))
                if end == key.frame or motion.between(key.frame, end) is None:
                    continue
                # Beside the frames that were looked at: the camera is carried there.
                first, last = min(first, end), max(last, end)
                for frame in {*range(key.frame, end, step if end > key.frame else -step), end}:
                    assert key.fit is not None
                    pose = motion.turned(key.fit.pose, key.frame, frame, size)
                    matrices[frame] = homography(pose, size)
                    beyond = _BEYOND * size[0] * abs(frame - key.frame)
                    errors[frame] = own[key.frame] + beyond
            ranges.append((first, last))
            for before, after in zip(run, [*run[1:], None], strict=True):
                assert before.fit is not None
                matrices[before.frame] = homography(before.fit.pose, size)
                errors[before.frame] = own[before.frame]
                typical.append(before.fit.error_ft)
                if after is None:
                    continue
                assert after.fit is not None
                off = max(own[before.frame], own[after.frame])
                off += _BETWEEN * _way_px(before, after) * step / (after.frame - before.frame)
                if after.frame - before.frame > 5 * step:
                    off += _apart_px(before, after, motion) / 2
                for frame, pose in carried(before, after, motion, step):
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


def _runs(shot: Sequence[KeyFrame], motion: Motion) -> list[list[KeyFrame]]:
    """Stretches of at least two neighbouring key frames that are all valid.

    One that is not may lie between two that fit the camera's motion from one to the other.
    """
    runs: list[list[KeyFrame]] = [[]]
    missing = 0
    for key in shot:
        if key.fit is None or not key.fit.valid:
            missing += 1
            continue
        if missing and runs[-1]:
            width = key.evidence.size_px[0]
            if missing > 1 or _apart_px(runs[-1][-1], key, motion) > _FAR_APART * width:
                runs.append([])
        runs[-1].append(key)
        missing = 0
    return [run for run in runs if len(run) > 1 or (run and len(shot) == 1)]


def _reaches(runs: list[list[KeyFrame]], start: int, stop: int) -> list[tuple[int, int]]:
    """From and to which frame each run's cameras may be carried: half way to the next ones."""
    middles = [(a[-1].frame + b[0].frame) // 2 for a, b in itertools.pairwise(runs)]
    lows = [start, *(middle + 1 for middle in middles)]
    return list(zip(lows, [*middles, stop], strict=True)) if runs else []


def _apart_px(before: KeyFrame, after: KeyFrame, motion: Motion) -> float:
    """How far the ice in the middle is from where the earlier camera, carried, has it."""
    assert before.fit is not None
    assert after.fit is not None
    if motion.between(before.frame, after.frame) is None:
        return float("inf")
    size = before.evidence.size_px
    pose = motion.turned(before.fit.pose, before.frame, after.frame, size)
    return _moved_px(pose, after.fit.pose, size)


def _way_px(before: KeyFrame, after: KeyFrame) -> float:
    """How far the ice in the picture's middle moves between two key frames."""
    assert before.fit is not None
    assert after.fit is not None
    return _moved_px(before.fit.pose, after.fit.pose, before.evidence.size_px)


def _moved_px(before: Array, after: Array, size: tuple[int, int]) -> float:
    """How far apart two cameras have the ice that one of them has in the picture's middle."""
    width, height = size
    middle = np.array([width / 2, height * 0.6, 1.0])
    moved = ice_to_image(after, size) @ inverse(before, size) @ middle
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
