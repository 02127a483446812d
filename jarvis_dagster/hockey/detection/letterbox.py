"""A picture on a canvas of another shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["letterbox"]

_GREY = 114


def letterbox(
    image: NDArray[np.uint8], size: tuple[int, int], grey: int = _GREY
) -> tuple[NDArray[np.uint8], float]:
    """``image`` scaled into the top left of a grey canvas of ``size``, and the scale."""
    import cv2

    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    shown = (max(1, round(width * scale)), max(1, round(height * scale)))
    if shown != (width, height):
        # Averaging all pixels costs several times more and is needed for large factors only.
        method = cv2.INTER_AREA if scale < 0.3 else cv2.INTER_LINEAR
        image = cv2.resize(image, shown, interpolation=method)
    if shown == size:
        return np.ascontiguousarray(image), scale
    canvas = np.full((size[1], size[0], 3), grey, np.uint8)
    canvas[: shown[1], : shown[0]] = image
    return canvas, scale
