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
_TRAIL_PARTS = 5
_LONGEST = 90


def _arc(start_deg: float, stop_deg: float, points: int) -> NDArray[np.float64]:
    """Points (N, 2) on the unit circle; 90 degrees is towards the viewer."""
    angle = np.radians(np.linspace(start_deg, stop_deg, points))
    return np.stack((np.cos(angle), np.sin(angle)), axis=1)


_WHOLE, _OPEN, _OUTER = _arc(0, 360, 28), _arc(-40, 220, 24), _arc(-25, 205, 24)
_DASHES = np.stack([_arc(start, start + 22, 4) for start in range(-40, 220, 40)])


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
    # A box that includes the stick is wider than the person.
    width = min(max(x2 - x1, 6.0), 0.55 * max(y2 - y1, 6.0))
    ring = (max(4.0, 0.58 * width), max(2.0, 0.2 * width))
    feet = ((x1 + x2) / 2, y2 - 0.25 * ring[1])
    path = person.path[-_LONGEST:]
    low_x, low_y = path.min(axis=0).tolist()
    high_x, high_y = path.max(axis=0).tolist()
    reach = 1.35 * ring[0]
    left = max(int(min(low_x, x1, feet[0] - reach)) - 6 & ~1, 0)
    top = max(int(min(low_y, y1)) - 6 & ~1, 0)
    right = min(int(max(high_x, x2, feet[0] + reach)) + 8 & ~1, canvas.width)
    bottom = min(int(max(high_y, feet[1] + 1.35 * ring[1])) + 8 & ~1, canvas.height)
    if right - left < 2 or bottom - top < 2:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    # Every second point, the newest among them: the stroke is as smooth and half the work.
    _trail(mask, _fixed(path[(len(path) + 1) % 2 :: 2] - (left, top)), look.line + 1)
    _ring(mask, (feet[0] - left, feet[1] - top), ring, person, look.line)
    strength = 235 if person.sure else 110
    box = (x1 - left, y1 - top, x2 - left, y2 - top)
    _corners(mask, box, strength, max(1, look.line - 1))
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


def _trail(mask: NDArray[np.uint8], path: NDArray[np.int32], line: int) -> None:
    """The path in a few strokes, each stronger than the one before."""
    import cv2

    count = len(path)
    if count < 3:
        return
    for part in range(1, _TRAIL_PARTS + 1):
        piece = path[
            (count - 1) * (part - 1) // _TRAIL_PARTS : (count - 1) * part // _TRAIL_PARTS + 1
        ]
        share = part / _TRAIL_PARTS
        thick = max(1, round(line * (0.45 + 0.55 * share)))
        cv2.polylines(mask, [piece], False, round(40 + 150 * share), thick, cv2.LINE_AA, _SHIFT)


def _ring(
    mask: NDArray[np.uint8],
    feet: tuple[float, float],
    axes: tuple[float, float],
    person: Person,
    line: int,
) -> None:
    """An ellipse on the ice, open behind the person; dashed when not observed.

    Arcs are drawn as polygons of our own: OpenCV's ellipses take twice as long.
    """
    import cv2

    centre, size = np.array(feet), np.array(axes)
    if not person.sure:
        dashes = list(_fixed(centre + size * _DASHES))
        cv2.polylines(mask, dashes, False, 190, line, cv2.LINE_AA, _SHIFT)
        return
    cv2.fillConvexPoly(mask, _fixed(centre + size * _WHOLE), 70, cv2.LINE_AA, _SHIFT)
    open_arc = _fixed(centre + size * _OPEN)
    cv2.polylines(mask, [open_arc], False, 255, line + 1, cv2.LINE_AA, _SHIFT)
    if person.role == "goalkeeper":
        outer = _fixed(centre + 1.3 * size * _OUTER)
        cv2.polylines(mask, [outer], False, 255, line, cv2.LINE_AA, _SHIFT)


def _corners(
    mask: NDArray[np.uint8], box: tuple[float, float, float, float], strength: int, line: int
) -> None:
    """The four corners of the box, each a short angle."""
    import cv2

    x1, y1, x2, y2 = box
    arm = min(max(4.0, 0.22 * min(x2 - x1, y2 - y1)), 18.0)
    angles = [
        [(x + dx, y), (x, y), (x, y + dy)]
        for x, dx in ((x1, arm), (x2, -arm))
        for y, dy in ((y1, arm), (y2, -arm))
    ]
    lines = list(_fixed(np.array(angles)))
    cv2.polylines(mask, lines, False, strength, line, cv2.LINE_AA, _SHIFT)


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Points in fixed point, as OpenCV's shift argument wants them."""
    return (points * (1 << _SHIFT) + 0.5).astype(np.int32)
