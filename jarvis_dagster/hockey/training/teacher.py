"""What another network sees on a labelled frame, to mend the labels by.

Belongs here: running a network on samples. Does not belong here: what is mended
(``harmonise``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.decoding import suppressed
from jarvis_dagster.hockey.training.loss import decode_sides
from jarvis_dagster.hockey.training.net import HockeyNet, cell_centres
from jarvis_dagster.hockey.training.restore import load_weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.training.dataset import Sample

__all__ = ["StartTeacher"]

_VIEWS = (((960, 544), False), ((640, 384), True))
"""Canvas and whether it is mirrored: two looks agree on more people than one."""
_MIN_SCORE = 0.1
_GREY = 114
_HEIGHT_PX = 640


class StartTeacher:
    """The network that training starts from, as it is before: it boxes bodies without sticks.

    Args:
        start: See :func:`~.train.train_detector`.
    """

    def __init__(self, start: Path) -> None:
        self._net = HockeyNet().eval()
        load_weights(self._net, start)

    def __call__(self, sample: Sample) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (N, 4) as shares of the picture, and their scores (N,)."""
        import cv2

        picture = cv2.imread(str(sample.image), cv2.IMREAD_COLOR)
        if picture is None:
            raise BadInputError(
                f"{sample.image} is not a readable picture.", "Replace it, or take its label away."
            )
        aspect = sum(sample.aspect) / 2 or picture.shape[1] / picture.shape[0]
        picture = cv2.resize(picture, (round(_HEIGHT_PX * aspect), _HEIGHT_PX))
        looks = [self._look(picture, size, mirrored=mirrored) for size, mirrored in _VIEWS]
        boxes = np.concatenate([boxes for boxes, _ in looks])
        score = np.concatenate([score for _, score in looks])
        kept = suppressed(boxes * 1000, score, 0.55)
        return boxes[kept], score[kept]

    def _look(
        self, picture: NDArray[np.uint8], size: tuple[int, int], *, mirrored: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        import cv2

        height, width = picture.shape[:2]
        scale = min(size[0] / width, size[1] / height)
        shown = (round(width * scale), round(height * scale))
        canvas = np.full((size[1], size[0], 3), _GREY, np.uint8)
        small = cv2.resize(picture, shown, interpolation=cv2.INTER_AREA)
        canvas[: shown[1], : shown[0]] = small[:, ::-1] if mirrored else small
        with torch.inference_mode():
            answer = self._net(torch.from_numpy(canvas.transpose(2, 0, 1)[None].astype(np.float32)))
            score = answer.objectness[0].sigmoid()
            kept = score > _MIN_SCORE
            boxes = decode_sides(answer.sides[0, kept], cell_centres(size[1], size[0])[kept])
        edges = np.array([*shown, *shown], np.float32)
        found = (boxes.numpy() / edges).clip(0, 1)
        if mirrored:
            found[:, [0, 2]] = 1 - found[:, [2, 0]]
        return found.astype(np.float32), score[kept].numpy()
