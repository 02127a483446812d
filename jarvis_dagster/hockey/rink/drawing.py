"""Top-view pictures of a rink.

Belongs here: the painted markings, and where a rink position falls in such a
picture. Does not belong here: players, cameras, or what a report says.

The picture has the side boards nearest the camera at its bottom, as the main
camera would see the rink.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.geometry import Rink, rink_named

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["crease_outline_ft", "draw_rink", "minimap_size_px", "rink_to_minimap"]

_MARGIN_FT = 2.5
_ICE = (252, 249, 246)
_RED = (52, 42, 200)
_BLUE = (176, 84, 30)
_CREASE = (245, 222, 170)
_BOARDS = (120, 112, 104)
_SHIFT = 4


def minimap_size_px(width_px: int, rink: Rink | str) -> tuple[int, int]:
    """Width and height of :func:`draw_rink`'s picture."""
    shape = _as_rink(rink)
    scale = width_px / (shape.length_ft + 2 * _MARGIN_FT)
    return width_px, round((shape.width_ft + 2 * _MARGIN_FT) * scale)


def rink_to_minimap(xy_ft: ArrayLike, width_px: int, rink: Rink | str) -> NDArray[np.float64]:
    """Pixels (..., 2) in :func:`draw_rink`'s picture of rink positions (..., 2) in feet."""
    shape = _as_rink(rink)
    scale = width_px / (shape.length_ft + 2 * _MARGIN_FT)
    xy = np.asarray(xy_ft, dtype=np.float64)
    x = (xy[..., 0] + _MARGIN_FT) * scale
    y = (shape.width_ft + _MARGIN_FT - xy[..., 1]) * scale
    return np.stack([x, y], axis=-1)


def draw_rink(width_px: int, rink: Rink | str) -> NDArray[np.uint8]:
    """A top view (height, ``width_px``, 3) BGR of ``rink``, antialiased, writable."""
    return _picture(width_px, _as_rink(rink)).copy()


def _as_rink(rink: Rink | str) -> Rink:
    return rink if isinstance(rink, Rink) else rink_named(rink)


@lru_cache(maxsize=8)
def _picture(width_px: int, rink: Rink) -> NDArray[np.uint8]:
    import cv2

    # Painted large and averaged down: thin lines stay visible and smooth.
    factor = 4 if width_px <= 1000 else 2
    pen = _Pen(width_px * factor, rink)
    picture = np.full((*pen.size_px[::-1], 3), 255, np.uint8)
    outline = pen.points(rink.outline_ft(0.5))
    cv2.fillPoly(picture, [outline], _ICE, cv2.LINE_AA, _SHIFT)
    _markings(picture, rink, pen)
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_8, _SHIFT)
    picture[mask == 0] = 255
    edge = max(1, round(0.9 * pen.scale))
    cv2.polylines(picture, [outline], True, _BOARDS, edge, cv2.LINE_AA, _SHIFT)
    size = minimap_size_px(width_px, rink)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


class _Pen:
    """Feet to fixed-point pixels of one picture."""

    def __init__(self, width_px: int, rink: Rink) -> None:
        self.rink = rink
        self.width_px = width_px
        self.size_px = minimap_size_px(width_px, rink)
        self.scale = width_px / (rink.length_ft + 2 * _MARGIN_FT)

    def points(self, xy_ft: ArrayLike) -> NDArray[np.int32]:
        pixels = rink_to_minimap(xy_ft, self.width_px, self.rink)
        fixed: NDArray[np.int32] = np.round(pixels * 2**_SHIFT).astype(np.int32)
        return fixed

    def line_px(self, width_ft: float) -> int:
        return max(2, round(width_ft * self.scale))


def _markings(picture: NDArray[np.uint8], rink: Rink, pen: _Pen) -> None:
    import cv2

    def fill(xy_ft: ArrayLike, colour: tuple[int, int, int]) -> None:
        cv2.fillPoly(picture, [pen.points(xy_ft)], colour, cv2.LINE_AA, _SHIFT)

    def stroke(
        xy_ft: ArrayLike, colour: tuple[int, int, int], width_ft: float, closed: bool = False
    ) -> None:
        # Thin lines are drawn a little wide: at minimap size they would vanish.
        width = pen.line_px(max(width_ft, 0.35))
        cv2.polylines(picture, [pen.points(xy_ft)], closed, colour, width, cv2.LINE_AA, _SHIFT)

    def band(x_ft: float, width_ft: float, colour: tuple[int, int, int]) -> None:
        left, right = x_ft - width_ft / 2, x_ft + width_ft / 2
        fill([(left, 0), (right, 0), (right, rink.width_ft), (left, rink.width_ft)], colour)

    middle = rink.width_ft / 2
    for side, x in zip((1, -1), rink.goal_lines_ft, strict=True):
        fill(crease_outline_ft(rink, side), _CREASE)
        stroke(crease_outline_ft(rink, side), _RED, 0.17)
        band(x, 0.4, _RED)
        half, back = rink.goal_width_ft / 2, x - side * rink.goal_depth_ft
        net = [(x, middle - half), (back, middle - half), (back, middle + half), (x, middle + half)]
        fill(net, (225, 225, 225))
        stroke(net, _RED, 0.3, closed=True)
        if rink.trapezoid_half_widths_ft is not None:
            near, far = rink.trapezoid_half_widths_ft
            boards = 0.0 if side > 0 else rink.length_ft
            for sign in (-1, 1):
                ends = [(x, middle + sign * near), (boards, middle + sign * far)]
                stroke(ends, _RED, rink.thin_line_width_ft)
    for x in rink.blue_lines_ft:
        band(x, rink.blue_line_width_ft, _BLUE)
    band(rink.length_ft / 2, rink.blue_line_width_ft, _RED)
    _circles(rink, fill, stroke)


def _circles(rink: Rink, fill, stroke) -> None:  # type: ignore[no-untyped-def]
    for dot in rink.end_dots_ft:
        stroke(_arc(dot, rink.circle_radius_ft), _RED, rink.thin_line_width_ft, closed=True)
        fill(_arc(dot, rink.dot_radius_ft), _RED)
    for dot in rink.neutral_dots_ft:
        fill(_arc(dot, rink.dot_radius_ft), _RED)
    stroke(_arc(rink.centre_ft, rink.circle_radius_ft), _BLUE, 0.2, closed=True)
    fill(_arc(rink.centre_ft, 0.7), _BLUE)
    desk = _arc((rink.length_ft / 2, 0.0), rink.referee_crease_radius_ft, 0.0, 1.0)
    stroke(desk, _RED, rink.thin_line_width_ft)


def _arc(
    centre: tuple[float, float], radius: float, start: float = 0.0, stop: float = 2.0
) -> NDArray[np.float64]:
    angle = np.pi * np.linspace(start, stop, 73)
    return np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], 1)


def crease_outline_ft(rink: Rink, side: int) -> NDArray[np.float64]:
    """The goal crease as a polygon (N, 2); ``side`` 1 for the left goal, -1 for the right."""
    x = rink.goal_lines_ft[0 if side > 0 else 1]
    middle = rink.width_ft / 2
    limit = np.arcsin(min(1.0, rink.crease_half_width_ft / rink.crease_radius_ft))
    angle = np.linspace(-limit, limit, 41)
    arc = np.stack(
        [
            x + side * rink.crease_radius_ft * np.cos(angle),
            middle + rink.crease_radius_ft * np.sin(angle),
        ],
        axis=1,
    )
    half = rink.crease_half_width_ft
    return np.concatenate([[(x, middle - half)], arc, [(x, middle + half)]])
