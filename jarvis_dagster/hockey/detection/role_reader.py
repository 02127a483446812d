"""Roles read once more, by a network of their own that looks at each person alone.

Belongs here: crops of people, and both answers taken together. Does not belong here: training
that network (``hockey/training/roles``), whether it is used (``jarvis_dagster.champions``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.labels import ROLES
from jarvis_dagster.hockey.detection.runtime import Network

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.base import Detections

__all__ = ["CROP_PX", "MARGIN", "STORED_PX", "RoleReader", "crop_people"]

CROP_PX = (96, 48)
"""Height and width of what the network sees."""
STORED_PX = (112, 56)
"""With room to shift: crops to train on are cut a sixth larger."""
MARGIN = 0.12
"""Of the box, on each side."""
_DOUBT = 0.02
"""Added to the detector's shares: what it rules out can still be."""


class RoleReader:
    """The network at ``path``. Not safe to share between threads.

    Raises:
        BadInputError: it is no network of ``hockey-role-classification``.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._network = Network(path, threads, many_sizes=True)
        if self._network.facts.get("classes") != list(ROLES):
            raise BadInputError(
                f"{path} does not tell roles.",
                "Train one by `jarvis toolchain run hockey-role-classification`.",
            )
        self.version = f"roles-{self._network.digest}"

    def share(self, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 3): probabilities of the roles of the people in ``boxes`` (N, 4) px."""
        if not len(boxes):
            return np.zeros((0, len(ROLES)), np.float32)
        return np.array(self._network(crop_people(image, boxes, CROP_PX))["roles"], np.float32)

    def read(self, image: NDArray[np.uint8], found: Detections) -> Detections:
        """``found`` with the roles that this network and the detector agree on best."""
        share = self.share(image, found.xyxy) * (found.role_share + _DOUBT)
        share /= np.maximum(share.sum(1, keepdims=True), 1e-9)
        return dataclasses.replace(found, role_share=share, class_index=share.argmax(1))


def crop_people(
    image: NDArray[np.uint8], boxes: NDArray[np.float32], size: tuple[int, int] = STORED_PX
) -> NDArray[np.uint8]:
    """(N, height, width, 3): each box (N, 4) px with a margin, brought to one size.

    ``CROP_PX`` shows what the network is used on; the default is what it is trained on. What
    is over the edge of the picture repeats the edge.
    """
    import cv2

    # What is stored for training is larger than what is used by the room that windows need.
    spare = 0.0 if size == CROP_PX else (STORED_PX[0] / CROP_PX[0] - 1) * (1 + 2 * MARGIN) / 2
    grow = MARGIN + spare
    height, width = image.shape[:2]
    crops = np.zeros((len(boxes), *size, 3), np.uint8)
    for number, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        w, h = max(x2 - x1, 2.0), max(y2 - y1, 2.0)
        left, right = round(x1 - grow * w), round(x1 + (1 + grow) * w)
        top, bottom = round(y1 - grow * h), round(y1 + (1 + grow) * h)
        inner = image[max(0, top) : max(1, bottom), max(0, left) : max(1, right)]
        above, below = max(0, -top), max(0, bottom - height)
        before, after = max(0, -left), max(0, right - width)
        part = cv2.copyMakeBorder(inner, above, below, before, after, cv2.BORDER_REPLICATE)
        crops[number] = cv2.resize(part, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return crops
