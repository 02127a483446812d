"""The rink from above with everyone on it.

Belongs here: the map as a stamp. Does not belong here: computing positions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.render.canvas import Stamp, stamp
from jarvis_dagster.hockey.render.labels import rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.render.style import Bgr, Look

__all__ = ["Minimap"]

_SHIFT = 3


class Minimap:
    """Draws dots on a picture of the rink.

    Args:
        rink: A rink of ``hockey.rink`` or its name.
        look: Sizes.
    """

    def __init__(self, rink: Any, look: Look) -> None:
        from jarvis_dagster.hockey.rink import draw_rink

        self._rink, self._width = rink, look.minimap_width // 2 * 2
        picture = draw_rink(self._width, rink)
        self._base: NDArray[np.uint8] = picture[: picture.shape[0] // 2 * 2]
        self._alpha = np.zeros(self._base.shape[:2], np.uint8)
        rounded(self._alpha, round(0.3 * self._base.shape[0]), 222)
        self._radius = max(2.5, 5.5 * look.unit)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._base.shape[1], self._base.shape[0]

    def stamp(self, xy_ft: NDArray[np.float64], colours: list[Bgr], roles: list[str]) -> Stamp:
        """The map with a dot for each position (N, 2); goalkeepers square, referees ringed."""
        import cv2

        from jarvis_dagster.hockey.rink import rink_to_minimap

        image = self._base.copy()
        points = rink_to_minimap(xy_ft, self._width, self._rink) if len(xy_ft) else xy_ft
        unit, radius = 1 << _SHIFT, self._radius
        for (x, y), colour, role in zip(points, colours, roles, strict=True):
            centre = round(x * unit), round(y * unit)
            if role == "goalkeeper":
                half = round(radius * 0.95 * unit)
                low = centre[0] - half, centre[1] - half
                high = centre[0] + half, centre[1] + half
                cv2.rectangle(image, low, high, (255, 255, 255), 3, cv2.LINE_AA, _SHIFT)
                cv2.rectangle(image, low, high, colour, -1, cv2.LINE_AA, _SHIFT)
                continue
            size = radius * (0.7 if role == "referee" else 1.0)
            cv2.circle(
                image, centre, round((size + 1) * unit), (255, 255, 255), -1, cv2.LINE_AA, _SHIFT
            )
            cv2.circle(image, centre, round(size * unit), colour, -1, cv2.LINE_AA, _SHIFT)
        return stamp(image, self._alpha)
