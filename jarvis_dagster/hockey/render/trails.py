"""Where everyone came from: recent paths that stick to the ice.

Belongs here: keeping the paths and moving them with the camera. Does not belong
here: drawing them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Trails"]

_KEEP_S = 1.3
_SMOOTH = 0.45
_FORGET_S = 0.7


class Trails:
    """Paths of the feet over the last second or so.

    Args:
        fps: Average frame rate.
    """

    def __init__(self, fps: float) -> None:
        self._length = max(4, round(_KEEP_S * fps))
        self._forget = max(2, round(_FORGET_S * fps))
        self._paths: dict[int, NDArray[np.float64]] = {}
        self._seen: dict[int, int] = {}

    def move(self, matrix: NDArray[np.float64] | None) -> None:
        """The camera moved by ``matrix`` (2, 3); ``None``: unknown, or a cut."""
        if matrix is None:
            self._paths.clear()
            self._seen.clear()
            return
        turn, shift = matrix[:, :2].T, matrix[:, 2]
        for track, path in self._paths.items():
            self._paths[track] = path @ turn + shift

    def add(self, track: int, x: float, y: float, number: int) -> NDArray[np.float64]:
        """The feet of ``track`` are at x, y in frame ``number``; returns its path, oldest first."""
        path = self._paths.get(track)
        here = np.array([[x, y]])
        if path is None or number - self._seen[track] > self._forget:
            path = here
        else:
            # A box's lower edge jitters by a pixel or two; a skater's path does not.
            here = path[-1:] + _SMOOTH * (here - path[-1:])
            path = np.concatenate([path[-self._length + 1 :], here])
        self._paths[track], self._seen[track] = path, number
        return path

    def tidy(self, number: int) -> None:
        """Drop the paths of those who have not been seen for a while."""
        gone = [track for track, seen in self._seen.items() if number - seen > self._forget]
        for track in gone:
            del self._paths[track], self._seen[track]
