"""Where a picture has text.

Belongs here: a picture to the boxes of its words. Does not belong here: reading them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from jarvis_dagster.hockey.detection.runtime import Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TextBox", "TextFinder"]

_WEIGHTS = Path(__file__).with_name("weights") / "text_finder.onnx"
_TEXT = 0.3
_SURE = 0.5
_GROWN = 1.6
"""The network marks the core of a text: its area times this, over its outline, is what is
missing on each side (Liao et al., "Real-time scene text detection with differentiable
binarization", 2020)."""
_LEAST_PX = 3


class TextBox(NamedTuple):
    """Box of a line of text in pixels of the picture, and how surely it is text."""

    x1: float
    y1: float
    x2: float
    y2: float
    score: float


class TextFinder:
    """Finds level text. Not safe to share between threads.

    Args:
        threads: Threads of one pass; by default one for each physical core.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._network = Network(_WEIGHTS, threads, many_sizes=True)
        self._multiple = int(self._network.facts["multiple_px"])
        self.version = f"text-finder-{self._network.digest}"

    def find(self, image: NDArray[np.uint8], width_px: int) -> list[TextBox]:
        """Boxes of text in a BGR picture, looked at ``width_px`` wide; from top to bottom."""
        import cv2

        height, width = image.shape[:2]
        scale = width_px / width
        seen = [max(1, round(side * scale / self._multiple)) for side in (width, height)]
        size = seen[0] * self._multiple, seen[1] * self._multiple
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        seen_so = cv2.resize(image, size, interpolation=way)
        answer = next(iter(self._network(seen_so[None]).values()))
        chance = answer.reshape(size[1], size[0])
        text = (chance > _TEXT).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(text)
        sums = np.bincount(labels.ravel(), chance.ravel(), minlength=count)
        across, down = width / size[0], height / size[1]
        boxes = []
        for label in range(1, count):
            x, y, w, h, area = (int(v) for v in stats[label])
            score = float(sums[label] / area)
            if min(w, h) < _LEAST_PX or score < _SURE:
                continue
            grown = area * _GROWN / (2 * (w + h))
            boxes.append(
                TextBox(
                    max(0.0, (x - grown) * across),
                    max(0.0, (y - grown) * down),
                    min(float(width), (x + w + grown) * across),
                    min(float(height), (y + h + grown) * down),
                    score,
                )
            )
        return sorted(boxes, key=lambda box: (box.y1, box.x1))
