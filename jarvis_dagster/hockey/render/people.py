"""One person on the picture: trail, ring at the feet, corners of the box.

Belongs here: the shapes. Does not belong here: labels and panels.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.render.canvas import Canvas
    from jarvis_dagster.hockey.render.style import Bgr, Look

__all__ = ["Person", "draw_person", "draw_puck"]

_SHIFT = 3
_TRAIL_PARTS = 6


@dataclasses.dataclass(frozen=True, slots=True)
class Person:
    """What to draw, in pixels of the output.

    Args:
        box: x1, y1, x2, y2.
        path: The feet, oldest first (N, 2).
        sure: Observed in this frame, not filled in.
    """

    box: tuple[float, float, float, float]
    path: NDArray[np.float64]
    colour: Bgr
    role: str
    sure: bool


def draw_person(canvas: Canvas, person: Person, look: Look) -> None:
    """Draw trail, ring and corners as one mask of one colour."""
    x1, y1, x2, y2 = person.box
    width = min(max(x2 - x1, 6.0), 0.9 * max(y2 - y1, 6.0))
    ring = (max(4.0, 0.58 * width), max(2.0, 0.2 * width))
    feet = ((x1 + x2) / 2, y2 - 0.25 * ring[1])
    path = person.path[-64:]
    low = np.minimum(path.min(axis=0), (min(x1, feet[0] - ring[0]), y1)) - 6
    high = np.maximum(path.max(axis=0), (max(x2, feet[0] + ring[0]), feet[1] + ring[1])) + 6
    left, top = (max(int(v) & ~1, 0) for v in low)
    right = min(int(high[0]) + 2 & ~1, canvas.width)
    bottom = min(int(high[1]) + 2 & ~1, canvas.height)
    if right - left < 2 or bottom - top < 2:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    origin = np.array([left, top], np.float64)
    _trail(mask, path - origin, look.line + 1)
    _ring(mask, np.array(feet) - origin, ring, person, look.line)
    corners = np.array([[x1, y1], [x2, y2]]) - origin
    _corners(mask, corners, 235 if person.sure else 110, max(1, look.line - 1))
    canvas.blend(mask, left, top, person.colour)


def draw_puck(
    canvas: Canvas, box: tuple[float, float, float, float], look: Look, colour: Bgr
) -> None:
    """A small marker that points at the puck from above."""
    import cv2

    x, y = (box[0] + box[2]) / 2, box[1] - 3 * look.unit
    size = 9 * look.unit
    side = 2 * int(size + 3)
    left, top = int(x - side / 2) & ~1, int(y - side) & ~1
    mask = np.zeros((side, side), np.uint8)
    points = np.array([[x, y], [x - size * 0.75, y - size], [x + size * 0.75, y - size]])
    cv2.fillPoly(mask, [_fixed(points - (left, top))], 255, cv2.LINE_AA, _SHIFT)
    canvas.blend(mask, left, top, colour)


def _trail(mask: NDArray[np.uint8], path: NDArray[np.float64], line: int) -> None:
    """The path in a few strokes, each stronger than the one before."""
    import cv2

    if len(path) < 3:
        return
    ends = np.linspace(0, len(path) - 1, _TRAIL_PARTS + 1).astype(int)
    for part in range(_TRAIL_PARTS):
        piece = path[ends[part] : ends[part + 1] + 1]
        strength = 40 + 150 * (part + 1) // _TRAIL_PARTS
        thick = max(1, round(line * (0.45 + 0.55 * (part + 1) / _TRAIL_PARTS)))
        cv2.polylines(mask, [_fixed(piece)], False, strength, thick, cv2.LINE_AA, _SHIFT)


def _ring(
    mask: NDArray[np.uint8],
    feet: NDArray[np.float64],
    axes: tuple[float, float],
    person: Person,
    line: int,
) -> None:
    """An ellipse on the ice, open behind the person; dashed when not observed."""
    import cv2

    centre = tuple(int(v) for v in _fixed(feet))
    size = tuple(int(v) for v in _fixed(np.array(axes)))
    if not person.sure:
        for start in range(-40, 220, 40):
            cv2.ellipse(mask, centre, size, 0, start, start + 22, 190, line, cv2.LINE_AA, _SHIFT)
        return
    cv2.ellipse(mask, centre, size, 0, 0, 360, 70, -1, cv2.LINE_AA, _SHIFT)
    cv2.ellipse(mask, centre, size, 0, -40, 220, 255, line + 1, cv2.LINE_AA, _SHIFT)
    if person.role == "goalkeeper":
        outer = tuple(int(v * 1.3) for v in size)
        cv2.ellipse(mask, centre, outer, 0, -25, 205, 255, line, cv2.LINE_AA, _SHIFT)


def _corners(mask: NDArray[np.uint8], box: NDArray[np.float64], strength: int, line: int) -> None:
    """The four corners of the box, each a short angle."""
    import cv2

    (x1, y1), (x2, y2) = box
    arm = min(max(4.0, 0.22 * min(x2 - x1, y2 - y1)), 18.0)
    for x, dx in ((x1, arm), (x2, -arm)):
        for y, dy in ((y1, arm), (y2, -arm)):
            angle = np.array([[x + dx, y], [x, y], [x, y + dy]])
            cv2.polylines(mask, [_fixed(angle)], False, strength, line, cv2.LINE_AA, _SHIFT)


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.round(points * (1 << _SHIFT)).astype(np.int32)
