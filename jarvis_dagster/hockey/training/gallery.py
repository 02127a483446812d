"""The worst errors of a network, kept as small pictures while it is measured.

Belongs here: which are kept, and how a person or the ice is drawn. Does not belong here: whole
frames with all their people (``sheet``), measuring.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Worst", "draw_ice", "draw_person"]

_MOST = 12
_PERSON_PX, _AROUND = 320, 1.0
_ICE_PX = 960
_MISSED, _TINT = (0, 165, 255), (200, 120, 0)


class Worst:
    """At most twelve pictures, those of the greatest weight."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, int, NDArray[np.uint8], str]] = []
        self._order = itertools.count()

    def add(self, weight: float, draw: Callable[[], NDArray[np.uint8]], caption: str) -> None:
        """Keep the error if it is among the worst so far; only then it is drawn."""
        if len(self._kept) < _MOST:
            heapq.heappush(self._kept, (weight, -next(self._order), draw(), caption))
        elif weight > self._kept[0][0]:
            heapq.heapreplace(self._kept, (weight, -next(self._order), draw(), caption))

    def write(self, folder: Path) -> list[tuple[Path, str]]:
        """Write them into ``folder`` (JPEG), the worst first; each file and its caption."""
        import cv2

        made = []
        for rank, (_, _, image, caption) in enumerate(sorted(self._kept, reverse=True), 1):
            target = folder / f"{rank:02}.jpg"
            cv2.imwrite(str(target), image)
            made.append((target, caption))
        return made


def draw_person(image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Somebody (x1, y1, x2, y2, pixels) with what is around, 320 px high; the box is drawn."""
    import cv2

    x1, y1, x2, y2 = (float(edge) for edge in box)
    more = _AROUND * max(x2 - x1, y2 - y1) / 2
    height, width = image.shape[:2]
    left, top = max(0, int(x1 - more)), max(0, int(y1 - more))
    right, bottom = min(width, int(x2 + more) + 1), min(height, int(y2 + more) + 1)
    scale = _PERSON_PX / max(1, bottom - top)
    size = (max(1, round((right - left) * scale)), _PERSON_PX)
    tile = cv2.resize(image[top:bottom, left:right], size, interpolation=cv2.INTER_CUBIC)
    a, b, c, d = (
        round((float(edge) - first) * scale)
        for edge, first in zip(box, (left, top, left, top), strict=True)
    )
    cv2.rectangle(tile, (a, b), (c, d), _MISSED, 1, cv2.LINE_AA)
    return np.asarray(tile, np.uint8)


def draw_ice(
    image: NDArray[np.uint8], mask: NDArray[np.float32], off: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """A picture 960 px wide with the ice tinted, and a ring around feet that are not on it.

    Args:
        mask: (h, w) of any size over the whole picture, 0 to 1.
        off: (N, 2) feet, shares of width and height.
    """
    import cv2

    size = (_ICE_PX, round(image.shape[0] * _ICE_PX / image.shape[1]))
    tile = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    ice = cv2.resize(mask, size)[..., None] * 0.35
    tile = (tile * (1 - ice) + np.array(_TINT, np.float32) * ice).astype(np.uint8)
    for x, y in off:
        at = (round(float(x) * size[0]), round(float(y) * size[1]))
        cv2.circle(tile, at, 10, _MISSED, 2, cv2.LINE_AA)
    return np.asarray(tile, np.uint8)
