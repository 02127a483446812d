"""Drawing straight onto a yuv420p picture.

Belongs here: blending masks and stamps into the three planes. Does not belong
here: what they show. Decoded frames are yuv420p and so is what the encoder
takes; drawing there saves two colour conversions of the whole picture.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.render.style import Bgr

__all__ = ["Canvas", "Stamp", "stamp"]


@dataclasses.dataclass(frozen=True, slots=True)
class Stamp:
    """A small picture with transparency, ready for the planes; even-sized."""

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    alpha_half: NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.y.shape[1], self.y.shape[0]

    def paler(self, opacity: float) -> Stamp:
        """The same picture, so much more transparent."""
        import cv2

        alpha, half = (
            np.asarray(cv2.convertScaleAbs(part, alpha=opacity), np.uint8)
            for part in (self.alpha, self.alpha_half)
        )
        return dataclasses.replace(self, alpha=alpha, alpha_half=half)


def stamp(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> Stamp:
    """A stamp from BGR (H, W, 3) and opacity (H, W), both even-sized."""
    import cv2

    height, width = alpha.shape
    yuv = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)
    chroma = yuv[height:].reshape(2, height // 2, width // 2)
    half = cv2.resize(alpha, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return Stamp(yuv[:height], chroma[0], chroma[1], alpha, np.asarray(half, np.uint8))


class Canvas:
    """Three planes of one picture; everything drawn is clipped to it.

    Args:
        y: Luma (H, W), writable, H and W even.
        u: Chroma (H / 2, W / 2), writable.
        v: The other chroma.
    """

    def __init__(self, y: NDArray[np.uint8], u: NDArray[np.uint8], v: NDArray[np.uint8]) -> None:
        self.y, self.u, self.v = y, u, v
        self.height, self.width = y.shape

    def blend(self, mask: NDArray[np.uint8], x: int, y: int, colour: Bgr) -> None:
        """Lay ``colour`` over the picture where ``mask`` (0 to 255) says, its corner at x, y.

        ``x``, ``y`` and the mask's sides must be even.
        """
        import cv2

        part = self._clipped(x, y, mask.shape[1], mask.shape[0])
        if part is None:
            return
        x0, y0, x1, y1 = part
        mask = mask[y0 - y : y1 - y, x0 - x : x1 - x]
        half = cv2.resize(mask, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        luma, blue, red = _ycc(colour)
        _tint(self.y[y0:y1, x0:x1], mask, cv2.bitwise_not(mask), luma)
        box, rest = (slice(y0 // 2, y1 // 2), slice(x0 // 2, x1 // 2)), cv2.bitwise_not(half)
        _tint(self.u[box], half, rest, blue)
        _tint(self.v[box], half, rest, red)

    def put(self, picture: Stamp, x: int, y: int, opacity: float = 1.0) -> None:
        """Lay ``picture`` over this one with its corner at (about) x, y."""
        import cv2

        x, y = x & ~1, y & ~1
        if opacity < 1:
            picture = picture.paler(opacity)
        part = self._clipped(x, y, *picture.size)
        if part is None:
            return
        x0, y0, x1, y1 = part
        own = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
        own_half = (
            slice((y0 - y) // 2, (y1 - y) // 2),
            slice((x0 - x) // 2, (x1 - x) // 2),
        )
        box = slice(y0 // 2, y1 // 2), slice(x0 // 2, x1 // 2)
        alpha, half = picture.alpha[own], picture.alpha_half[own_half]
        rest = cv2.bitwise_not(half)
        _over(self.y[y0:y1, x0:x1], picture.y[own], alpha, cv2.bitwise_not(alpha))
        _over(self.u[box], picture.u[own_half], half, rest)
        _over(self.v[box], picture.v[own_half], half, rest)

    def _clipped(self, x: int, y: int, width: int, height: int) -> tuple[int, int, int, int] | None:
        x0, y0 = max(x, 0), max(y, 0)
        x1, y1 = min(x + width, self.width), min(y + height, self.height)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _tint(plane: NDArray[np.uint8], mask: Any, rest: Any, value: int) -> None:
    """plane += (value - plane) * mask / 255, in 8 bits; ``rest`` is 255 - ``mask``."""
    import cv2

    kept = cv2.multiply(plane, rest, scale=1 / 255)
    cv2.add(kept, cv2.convertScaleAbs(mask, alpha=value / 255), dst=plane)


def _over(
    plane: NDArray[np.uint8], picture: NDArray[np.uint8], alpha: NDArray[np.uint8], rest: Any
) -> None:
    import cv2

    kept = cv2.multiply(plane, rest, scale=1 / 255)
    cv2.add(kept, cv2.multiply(picture, alpha, scale=1 / 255), dst=plane)


def _ycc(colour: Bgr) -> tuple[int, int, int]:
    """BT.601, limited range, as the stamps are made."""
    blue, green, red = colour
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    cb = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
    cr = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
    return round(luma), round(cb), round(cr)
