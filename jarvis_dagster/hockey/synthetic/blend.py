"""Putting pictures onto pictures.

Belongs here: compositing of premultiplied BGRA. Does not belong here: what the
pictures show.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Image", "as_image", "over", "premultiplied", "scaled", "shrunk", "warp_over"]

Image = NDArray[np.uint8]


def as_image(picture: Any) -> Image:
    """What OpenCV returns, which its stubs type too widely, as 8-bit."""
    image: Image = picture
    return image


def premultiplied(image: Image) -> Image:
    """Straight BGRA to premultiplied."""
    alpha = image[..., 3:].astype(np.uint16)
    colour = (image[..., :3] * alpha + 127) // 255
    return np.dstack([colour.astype(np.uint8), image[..., 3]])


@lru_cache(maxsize=4096)
def scaled(colour: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
    """A colour made lighter or darker."""
    b, g, r = (int(min(255, max(0, round(v * factor)))) for v in colour)
    return b, g, r


def shrunk(image: Image, factor: float) -> Image:
    """A texture averaged down to ``factor`` times its size; untouched from 1 up."""
    import cv2

    if factor >= 1:
        return image
    size = (max(2, round(image.shape[1] * factor)), max(2, round(image.shape[0] * factor)))
    return as_image(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def over(canvas: Image, layer: Image, x: int, y: int) -> None:
    """Lay premultiplied BGRA ``layer`` over BGR ``canvas`` with its corner at (x, y)."""
    import cv2

    height, width = canvas.shape[:2]
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + layer.shape[1], width), min(y + layer.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    part = layer[y0 - y : y1 - y, x0 - x : x1 - x]
    below = canvas[y0:y1, x0:x1]
    through = cv2.bitwise_not(part[..., 3])
    through = cv2.cvtColor(through, cv2.COLOR_GRAY2BGR)
    kept = cv2.multiply(below, through, scale=1 / 255)
    cv2.add(kept, cv2.cvtColor(part, cv2.COLOR_BGRA2BGR), dst=kept)
    canvas[y0:y1, x0:x1] = kept


def warp_over(
    canvas: Image, texture: Image, matrix: NDArray[np.float64], quad: NDArray[np.float64]
) -> None:
    """Lay a premultiplied BGRA ``texture`` over ``canvas`` by a homography.

    Args:
        matrix: (3, 3), texture pixels to canvas pixels.
        quad: (N, 2) canvas pixels of the texture's outline, to know where to work.
    """
    import cv2

    height, width = canvas.shape[:2]
    low = np.maximum(np.floor(quad.min(axis=0)) - 1, 0).astype(int)
    high = np.minimum(np.ceil(quad.max(axis=0)) + 2, (width, height)).astype(int)
    if (high <= low).any():
        return
    shift = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]], dtype=np.float64)
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    layer = cv2.warpPerspective(texture, shift @ matrix, size, flags=cv2.INTER_LINEAR)
    over(canvas, as_image(layer), int(low[0]), int(low[1]))
