"""Which pixel shows whom.

Belongs here: the map of labels behind a frame, from which visibility is
counted. Does not belong here: drawing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.synthetic.brush import Figure
    from jarvis_dagster.hockey.synthetic.truth import Box

__all__ = ["Coverage"]

_PUCK = 60


class Coverage:
    """Labels 1 to 59 for people, in the order of drawing; later ones hide earlier ones."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        self._labels = np.zeros((size_px[1], size_px[0]), np.uint8)

    def clear(self) -> None:
        """Start a frame."""
        self._labels.fill(0)

    def mark(self, figure: Figure, label: int) -> None:
        """``figure`` is drawn now."""
        x, y = figure.corner
        mask = figure.sprite[..., 3] > 127
        height, width = self._labels.shape
        x0, y0 = max(x, 0), max(y, 0)
        x1, y1 = min(x + mask.shape[1], width), min(y + mask.shape[0], height)
        if x0 < x1 and y0 < y1:
            self._labels[y0:y1, x0:x1][mask[y0 - y : y1 - y, x0 - x : x1 - x]] = label

    def mark_puck(self, box: Box) -> None:
        """The puck is drawn now."""
        import cv2

        centre = int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)
        cv2.circle(self._labels, centre, 1, _PUCK, -1)

    def hide(self, outlines: list[NDArray[np.float64]]) -> None:
        """Something opaque with these outlines (N, 2) px is drawn now."""
        import cv2

        for outline in outlines:
            cv2.fillConvexPoly(self._labels, np.round(outline).astype(np.int32), 0)

    def visible_px(self, figure: Figure, label: int) -> int:
        """How many pixels show ``figure``, which was marked with ``label``."""
        x, y = figure.corner
        rows, columns = figure.sprite.shape[:2]
        area = self._labels[max(y, 0) : max(y + rows, 0), max(x, 0) : max(x + columns, 0)]
        return int(np.count_nonzero(area == label))

    def puck_share(self, box: Box | None) -> float:
        """Share of the puck's middle that can be seen."""
        if box is None:
            return 0.0
        x, y = int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)
        area = self._labels[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        return float((area == _PUCK).mean()) if area.size else 0.0
