"""Camera motion between two small pictures, robust to people and to overlays.

Belongs here: the estimate for one pair. Does not belong here: what a failed
estimate means (``shots``), or smoothing over time.

Method: corners (Shi and Tomasi 1994), pyramidal Lucas-Kanade flow (Bouguet
2000) with a forward-backward check (Kalal et al. 2010) where it is needed, and
a similarity by RANSAC (Fischler and Bolles 1981).
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Motion", "Picture", "camera_motion"]

_CORNERS = 100
_MAX_AGE = 3
_MIN_INLIERS = 10
_MIN_SHARE = 0.16
"""Of the corners that were followed, how many must agree on one motion."""
_MAX_ERROR_PX = 1.0
_STILL_PX = 0.35


@dataclasses.dataclass(slots=True, eq=False)
class Picture:
    """A small luma picture; its corners are found when they are first asked for.

    Corners that were followed from the picture before are taken over for a few
    frames, which halves the cost of a pair and loses nothing.
    """

    gray: NDArray[np.uint8]
    _corners: NDArray[np.float32] | None = None
    _age: int = 0

    @property
    def corners(self) -> NDArray[np.float32]:
        """Corners to follow, (N, 1, 2) px."""
        import cv2

        if self._corners is None:
            found: Any = cv2.goodFeaturesToTrack(self.gray, _CORNERS, 0.005, 9, blockSize=3)
            self._corners = np.zeros((0, 1, 2), np.float32) if found is None else found
        return self._corners

    def inherit(self, before: Picture, corners: NDArray[np.float32]) -> None:
        """Take over ``corners`` (N, 2), where they were followed to from ``before``."""
        if before._age < _MAX_AGE and len(corners) >= _CORNERS // 2:
            self._corners, self._age = corners.reshape(-1, 1, 2), before._age + 1


@dataclasses.dataclass(frozen=True, slots=True)
class Motion:
    """[x', y'] = scale * R(angle) [x, y] + [dx, dy], in pixels of the small picture."""

    dx: float
    dy: float
    scale: float
    angle: float
    share: float  # of the followed corners that agree

    def matrix(self) -> NDArray[np.float64]:
        """As a 3 by 3 matrix for column vectors (x, y, 1)."""
        cos, sin = self.scale * math.cos(self.angle), self.scale * math.sin(self.angle)
        return np.array([[cos, -sin, self.dx], [sin, cos, self.dy], [0.0, 0.0, 1.0]])

    def root(self, steps: int) -> Motion:
        """The motion that, applied ``steps`` times, gives this one."""
        if steps == 1:
            return self
        whole = self.scale * complex(math.cos(self.angle), math.sin(self.angle))
        scale, angle = self.scale ** (1 / steps), self.angle / steps
        part = scale * complex(math.cos(angle), math.sin(angle))
        # d_whole = (1 + part + ... + part^(steps-1)) * d_part
        series = steps if abs(part - 1) < 1e-9 else (whole - 1) / (part - 1)
        shift = complex(self.dx, self.dy) / series
        return Motion(shift.real, shift.imag, scale, angle, self.share)


def camera_motion(before: Picture, now: Picture) -> Motion | None:
    """Similarity that takes ``before`` to ``now``; ``None`` when it cannot be told."""
    points = before.corners
    if len(points) < _MIN_INLIERS:
        return None
    start, end = _follow(before.gray, now.gray, points)
    motion = _agree(start, end)
    if motion is not None and motion.share >= 0.5:
        now.inherit(before, end)
    else:
        # Many disagree: keep only what comes back to where it started.
        back, good = _flow(now.gray, before.gray, end)
        good &= np.abs(back - start).max(axis=1) < 0.8
        motion = _agree(start[good], end[good])
        if motion is not None:
            share = motion.share * float(good.mean())
            motion = dataclasses.replace(motion, share=share) if share >= _MIN_SHARE else None
    return motion


def _follow(
    before: NDArray[np.uint8], now: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    start = points.reshape(-1, 2)
    end, good = _flow(before, now, start)
    return start[good], end[good]


def _flow(
    before: NDArray[np.uint8], now: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    import cv2

    if not len(points):
        return points, np.zeros(0, bool)
    steps = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 6, 0.03)
    follow: Any = cv2.calcOpticalFlowPyrLK  # its stub does not allow nextPts=None
    found, status, _ = follow(
        before, now, points.reshape(-1, 1, 2), None, winSize=(9, 9), maxLevel=3, criteria=steps
    )
    found = found.reshape(-1, 2)
    height, width = now.shape
    inside = ((found >= 0) & (found < (width, height))).all(axis=1)
    return found, (status.ravel() > 0) & inside


def _agree(start: NDArray[np.float32], end: NDArray[np.float32]) -> Motion | None:
    """The similarity that most agree on, unless they are an overlay on a moving picture."""
    motion, inside = _fit(start, end)
    if motion is None or not _is_still(motion) or motion.share > 0.6:
        return motion
    # A score bug or a logo stands still, with strong corners, while the camera moves.
    other, other_inside = _fit(start[~inside], end[~inside])
    if other is None or _is_still(other):
        return motion
    if _cells(start[~inside][other_inside]) > 1.2 * _cells(start[inside]):
        return dataclasses.replace(other, share=float(other_inside.sum() / len(start)))
    return motion


def _fit(
    start: NDArray[np.float32], end: NDArray[np.float32]
) -> tuple[Motion | None, NDArray[np.bool_]]:
    import cv2

    nothing = np.zeros(len(start), bool)
    if len(start) < _MIN_INLIERS:
        return None, nothing
    matrix: Any
    matrix, mask = cv2.estimateAffinePartial2D(
        start, end, ransacReprojThreshold=_MAX_ERROR_PX, maxIters=300, refineIters=5
    )
    if matrix is None:
        return None, nothing
    inside = mask.ravel() > 0
    share = float(inside.mean())
    scale = float(math.hypot(matrix[0, 0], matrix[1, 0]))
    angle = float(math.atan2(matrix[1, 0], matrix[0, 0]))
    plausible = 0.8 < scale < 1.25 and abs(angle) < 0.2 and _cells(start[inside]) >= 4
    if inside.sum() < _MIN_INLIERS or share < _MIN_SHARE or not plausible:
        return None, nothing
    return Motion(float(matrix[0, 2]), float(matrix[1, 2]), scale, angle, share), inside


def _is_still(motion: Motion) -> bool:
    return (
        math.hypot(motion.dx, motion.dy) < _STILL_PX
        and abs(motion.scale - 1) < 0.002
        and abs(motion.angle) < 0.002
    )


def _cells(points: NDArray[np.float32]) -> int:
    """How many cells of a coarse grid (40 px) the points touch: their spread."""
    cells = (points // 40).astype(np.int32)
    return len(np.unique(cells[:, 0] * 1000 + cells[:, 1]))
