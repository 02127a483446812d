"""A brush for bodies: round limbs, balls and patches with a lit and a shaded side.

Belongs here: primitive shapes, the averaging down, the measured mask. Does not
belong here: what a hockey player is made of (``figures``).

A figure is drawn large and averaged down, so its edges are smooth and its mask
is exact. Alpha 255 marks the body and 254 the stick: boxes are of the body.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np

from jarvis_dagster.hockey.synthetic.blend import Image, as_image, scaled

__all__ = ["BODY", "STICK", "Brush", "Colour", "Figure"]

Colour = tuple[int, int, int]
BODY, STICK = 255, 254
_SHIFT = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Figure:
    """A drawn person: premultiplied BGRA ``sprite`` with its corner at ``corner`` px.

    ``box`` is x1, y1, x2, y2 px, tight around the body without the stick;
    ``area_px`` is the body's size in picture pixels.
    """

    sprite: Image
    corner: tuple[int, int]
    box: tuple[float, float, float, float]
    area_px: float


class Brush:
    """Draws into one large canvas; widths in feet, points as complex x + iy."""

    def __init__(self, size: tuple[int, int], factor: int, px_per_ft: float) -> None:
        self.factor = factor
        self.px = px_per_ft * factor
        self.up = complex(0, -self.px)  # a foot upward in the picture
        self.canvas: Image = np.zeros((size[1] * factor, size[0] * factor, 4), np.uint8)

    def limb(self, a: complex, b: complex, wide: float, colour: Colour, alpha: int = BODY) -> None:
        """A round-ended limb: dark on its shaded side, lit from above left."""
        import cv2

        thick = max(1, round(wide * self.px))
        cv2.line(self.canvas, _fixed(a), _fixed(b), _shaded(colour, alpha), thick, 8, _SHIFT)
        if thick > 3:
            light = complex(-0.12, -0.09) * thick
            start, stop = _fixed(a + light), _fixed(b + light)
            cv2.line(
                self.canvas, start, stop, (*colour, alpha), max(1, round(thick * 0.72)), 8, _SHIFT
            )

    def disc(self, at: complex, radius: float, colour: Colour) -> None:
        """A ball, lit from above left."""
        import cv2

        size = max(8, round(radius * self.px * 16))
        cv2.circle(self.canvas, _fixed(at), size, _shaded(colour, BODY), -1, 8, _SHIFT)
        light = at + complex(-0.16, -0.18) * size / 16
        inner = round(size * 0.74)
        cv2.circle(self.canvas, _fixed(light), inner, (*colour, BODY), -1, 8, _SHIFT)

    def area(self, corners: list[complex], colour: Colour) -> None:
        """A filled polygon."""
        import cv2

        polygon = np.array([_fixed(corner) for corner in corners], np.int32)
        cv2.fillPoly(self.canvas, [polygon], (*colour, BODY), cv2.LINE_8, _SHIFT)

    def figure(self, corner: tuple[int, int]) -> Figure | None:
        """Average down, and measure the body."""
        import cv2

        body = cv2.inRange(self.canvas[..., 3], BODY, BODY)
        x, y, wide, tall = cv2.boundingRect(body)
        if wide == 0:
            return None
        k = self.factor
        size = (self.canvas.shape[1] // k, self.canvas.shape[0] // k)
        sprite = as_image(cv2.resize(self.canvas, size, interpolation=cv2.INTER_AREA))
        left, top = corner[0] + x / k, corner[1] + y / k
        box = (left, top, left + wide / k, top + tall / k)
        return Figure(sprite, corner, box, cv2.countNonZero(body) / k**2)


def _fixed(at: complex) -> tuple[int, int]:
    return round(at.real * 16), round(at.imag * 16)


@lru_cache(maxsize=512)
def _shaded(colour: Colour, alpha: int) -> tuple[int, int, int, int]:
    b, g, r = scaled(colour, 0.62)
    return b, g, r, alpha
