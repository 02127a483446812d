"""Large pictures as small ones: training reads each many times, and sees none at full size.

Belongs here: smaller copies. Does not belong here: what is done to them (``augment``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.hockey.detection.evaluation import read_picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jarvis_dagster.hockey.training.dataset import Sample

__all__ = ["shrunk"]

_WIDTH_PX = 1280
"""The closest view in training shows a frame a little smaller than this."""
_QUALITY = 92


def shrunk(samples: Sequence[Sample], folder: Path) -> list[Sample]:
    """``samples`` with those wider than 1,280 px as copies in ``folder``.

    Copies that are there already are not made again. A 1080p picture is decoded in half the
    time then, and a batch has fifteen.
    """
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    smaller = []
    for sample in samples:
        copy = folder / f"{sample.image.name}.jpg"
        if not copy.is_file():
            picture = read_picture(sample.image)
            height, width = picture.shape[:2]
            if width <= _WIDTH_PX:
                smaller.append(sample)
                continue
            size = (_WIDTH_PX, round(height * _WIDTH_PX / width))
            part = copy.with_suffix(".part.jpg")
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(part), small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            part.replace(copy)
        smaller.append(dataclasses.replace(sample, image=copy))
    return smaller
