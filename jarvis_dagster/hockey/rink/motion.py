"""The camera's motion between frames of a video, and cameras carried by it.

Belongs here: putting together the motion that the scan measured from frame to frame. Does not
belong here: measuring it (``preflight``), or finding cameras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.camera import ice_to_image
from jarvis_dagster.hockey.rink.residuals import inverse

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.following import KeyFrame

    Array = NDArray[np.float64]

__all__ = ["Motion", "carried"]


def _same_view(before: Array, after: Array, size_px: tuple[int, int]) -> Array:
    """(3, 3) homography that takes pixels under pose ``before`` to those under ``after``."""
    result: Array = ice_to_image(after, size_px) @ inverse(before, size_px)
    return result


class Motion:
    """The camera's motion between any two frames, put together from the scan."""

    def __init__(self, scan: pd.DataFrame) -> None:
        self._dx, self._dy, self._scale, self._angle = (
            scan[name].to_numpy(np.float64) for name in ("dx_px", "dy_px", "scale", "angle_rad")
        )
        self._good = scan["motion_ok"].to_numpy(bool)

    def between(self, first: int, last: int) -> Array | None:
        """(3, 3) pixels of ``first`` to those of ``last``; None where it is not known."""
        low, high = min(first, last) + 1, max(first, last) + 1
        if high > len(self._good) or not self._good[low:high].all():
            return None
        matrix = np.eye(3)
        for i in range(low, high):
            cos = self._scale[i] * np.cos(self._angle[i])
            sin = self._scale[i] * np.sin(self._angle[i])
            step = np.array([[cos, -sin, self._dx[i]], [sin, cos, self._dy[i]], [0, 0, 1.0]])
            matrix = step @ matrix
        if last < first:
            matrix = np.linalg.inv(matrix).astype(np.float64)
        return matrix

    def turned(self, pose: Array, first: int, last: int, size_px: tuple[int, int]) -> Array:
        """The camera ``pose`` of frame ``first`` as it should be at ``last``."""
        matrix = self.between(first, last)
        if matrix is None:
            return pose
        width, height = size_px
        focal = float(np.exp(pose[6])) * width
        middle = np.array([width / 2, height / 2])
        shift = matrix[:2, :2] @ middle + matrix[:2, 2] - middle
        moved = pose.copy()
        moved[3] -= np.arctan(shift[0] / focal) / max(np.cos(pose[4]), 0.3)
        moved[4] -= np.arctan(shift[1] / focal)
        moved[6] += 0.5 * np.log(max(float(np.linalg.det(matrix[:2, :2])), 1e-3))
        return moved

    def agrees(self, before: KeyFrame, after: KeyFrame) -> bool | None:
        """Whether two cameras fit the motion between their frames; None where unknown."""
        matrix = self.between(before.frame, after.frame)
        if matrix is None or before.fit is None or after.fit is None:
            return None
        width, height = size = before.evidence.size_px
        probe = np.array([(0.3, 0.5), (0.7, 0.5), (0.5, 0.75)]) * (width, height)
        told = probe @ matrix[:2, :2].T + matrix[:2, 2]
        mapped = np.c_[probe, np.ones(3)] @ _same_view(before.fit.pose, after.fit.pose, size).T
        if not (mapped[:, 2] > 1e-9).all():
            return False
        off = np.linalg.norm(mapped[:, :2] / mapped[:, 2:] - told, axis=1)
        way = np.linalg.norm(told - probe, axis=1)
        return bool(np.median(off) < 0.025 * width + 0.25 * np.median(way))


def carried(
    before: KeyFrame, after: KeyFrame, motion: Motion, step: int
) -> Iterator[tuple[int, Array]]:
    """Cameras of every ``step``-th frame between two key frames: carried there, and blended."""
    assert before.fit is not None
    assert after.fit is not None
    size = before.evidence.size_px
    for frame in range(before.frame + step, after.frame, step):
        share = (frame - before.frame) / (after.frame - before.frame)
        left = motion.turned(before.fit.pose, before.frame, frame, size)
        right = motion.turned(after.fit.pose, after.frame, frame, size)
        yield frame, left * (1 - share) + right * share
