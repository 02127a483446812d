"""What stands around and on the ice, drawn as a camera sees it.

Belongs here: walls, boards, goals and people as shapes, and the pixels of places. Does not belong
here: where they stand in a scene.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.geometry import Rink

    Array = NDArray[np.float64]
    Image = NDArray[np.uint8]

__all__ = [
    "SUBPIXEL_BITS",
    "BoardStyle",
    "draw_figure",
    "draw_goal",
    "draw_wall",
    "in_front",
    "pixel_of",
]

SUBPIXEL_BITS = 4
"""Fractional bits of fixed-point pixels."""


class BoardStyle:
    """The looks of one arena's boards from the ice."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.height = rng.uniform(3.3, 4.0)
        self.top = self.height + rng.uniform(2.5, 5.0)
        bright = np.array([250, 245, 240]) * rng.uniform(0.75, 1.0)
        kicks = [(30, 200, 240), (60, 60, 60), (180, 90, 40), (230, 230, 230), (40, 40, 180)]
        self.kick = kicks[int(rng.choice(5, p=(0.6, 0.1, 0.15, 0.1, 0.05)))]
        self.kick_ft = rng.uniform(0.5, 1.0)
        self.face = tuple(int(v) for v in bright)
        rails = [(40, 30, 190), (170, 80, 30), (40, 40, 40), (230, 230, 230), (40, 200, 230)]
        self.rail = rails[int(rng.integers(5))]
        self.advert = rng.uniform(0.2, 0.95)
        self.colour = self.face

    def draw(self, canvas: Image, ends: tuple[Array, Array], view: Array) -> None:
        """The boards between two places on the ice."""
        rng = self._rng
        draw_wall(canvas, ends, 0.0, self.height, view, self.face)
        if rng.random() < self.advert:
            if rng.random() < 0.6:
                self.colour = tuple(int(v) for v in rng.integers(0, 255, 3))
            a, b = ends
            inner = (a + (b - a) * 0.04, a + (b - a) * 0.96)
            draw_wall(canvas, inner, self.kick_ft + 0.2, self.height - 0.3, view, self.colour)
            if rng.random() < 0.7:
                letter = (a + (b - a) * rng.uniform(0.1, 0.4), a + (b - a) * rng.uniform(0.5, 0.9))
                ink = tuple(int(v) for v in rng.integers(0, 255, 3))
                draw_wall(canvas, letter, self.kick_ft + 0.7, self.height - 0.9, view, ink)
        draw_wall(canvas, ends, 0.0, self.kick_ft, view, self.kick)
        draw_wall(canvas, ends, self.height - 0.25, self.height, view, self.rail)
        if rng.random() < 0.5:
            a, b = ends
            draw_wall(canvas, (a, a + (b - a) * 0.03), self.height, self.top, view, (150,) * 3)


def pixel_of(xyz: tuple[float, ...], view: Array) -> Array | None:
    """(2,) pixels of a place in feet; None: behind or too near the camera."""
    mapped = view[:, :3] @ xyz + view[:, 3]
    if mapped[2] < 3:
        return None
    pixel: Array = mapped[:2] / mapped[2]
    return pixel


def in_front(xy_ft: Array, view: Array) -> NDArray[np.int32]:
    """Fixed-point pixels of a polygon on the ice, cut off just before the camera."""
    matrix = view[:, [0, 1, 3]]
    mapped = xy_ft @ matrix[:, :2].T + matrix[:, 2]
    points = []
    for here, there in zip(mapped, np.roll(mapped, -1, axis=0), strict=True):
        if here[2] >= 2:
            points.append(here)
        if (here[2] >= 2) != (there[2] >= 2):
            share = (2 - here[2]) / (there[2] - here[2])
            points.append(here + (there - here) * share)
    if not points:
        return np.empty((0, 2), np.int32)
    array = np.array(points)
    pixels = np.clip(array[:, :2] / array[:, 2:], -20000, 20000)
    return np.round(pixels * 2**SUBPIXEL_BITS).astype(np.int32)


def draw_wall(
    canvas: Image,
    ends: tuple[Array, Array],
    low: float,
    high: float,
    view: Array,
    colour: object,
) -> None:
    """Fill an upright piece of wall between two places on the ice."""
    a, b = ends
    corners = np.array([(*a, low, 1), (*b, low, 1), (*b, high, 1), (*a, high, 1)])
    mapped = corners @ view.T
    if mapped[:, 2].min() < 2:
        return
    pixels = mapped[:, :2] / mapped[:, 2:]
    if np.abs(pixels).max() > 20000:
        return
    fixed = np.round(pixels * 2**SUBPIXEL_BITS).astype(np.int32)
    cv2.fillConvexPoly(canvas, fixed, colour, cv2.LINE_AA, SUBPIXEL_BITS)


def draw_figure(
    canvas: Image, foot: Array, tall: float, kit: list[list[int]], rng: np.random.Generator
) -> None:
    """A person of ``tall`` pixels who stands on ``foot``."""
    lean = rng.normal(0, 0.15)

    def ellipse(up: float, wide: float, high: float, colour: list[int]) -> None:
        centre = (int(foot[0] + lean * up * tall), int(foot[1] - up * tall))
        axes = (max(1, int(wide * tall)), max(1, int(high * tall)))
        angle = float(np.degrees(lean) + rng.normal(0, 8))
        cv2.ellipse(canvas, centre, axes, angle, 0, 360, colour, -1, cv2.LINE_AA)

    for side in (-1, 1):
        knee = (int(foot[0] + side * rng.uniform(0.02, 0.2) * tall), int(foot[1]))
        hip = (int(foot[0] + lean * 0.4 * tall), int(foot[1] - 0.42 * tall))
        cv2.line(canvas, knee, hip, kit[2], max(1, int(0.13 * tall)), cv2.LINE_AA)
    ellipse(0.45, 0.15, 0.13, kit[1])
    ellipse(0.66, 0.2, 0.2, kit[0])
    ellipse(0.92, 0.07, 0.08, kit[1])
    if rng.random() < 0.85:
        hand = (int(foot[0] + rng.normal(0, 0.1) * tall), int(foot[1] - 0.45 * tall))
        blade = (
            int(foot[0] + rng.normal(0, 0.5) * tall),
            int(foot[1] + rng.uniform(-0.1, 0.05) * tall),
        )
        shaft = rng.integers(0, 200, 3).tolist()
        cv2.line(canvas, hand, blade, shaft, max(1, int(0.022 * tall)), cv2.LINE_AA)


def draw_goal(canvas: Image, rink: Rink, x: float, ahead: int, view: Array) -> None:
    """Posts, bar and netting of the goal at ``x`` feet, open towards ``ahead`` (-1 or 1)."""
    half, back = rink.goal_width_ft / 2, x - ahead * rink.goal_depth_ft
    y = rink.width_ft / 2
    corners = [(x, y - half), (x, y + half), (back, y + half), (back, y - half)]
    ground = [pixel_of((*c, 0.0), view) for c in corners]
    upper = [pixel_of((*c, rink.goal_height_ft), view) for c in corners]
    if any(point is None for point in (*ground, *upper)):
        return
    low = [tuple(int(v) for v in p) for p in ground if p is not None]
    high = [tuple(int(v) for v in p) for p in upper if p is not None]
    if max(abs(v) for p in (*low, *high) for v in p) > 10000:
        return
    thick = max(1, int(np.hypot(low[0][0] - low[1][0], low[0][1] - low[1][1]) / 22))
    for a, b in ((2, 3), (1, 2), (0, 3)):
        quad = np.array([low[a], low[b], high[b], high[a]])
        veil = canvas.copy()
        cv2.fillConvexPoly(veil, quad, (225, 225, 225))
        cv2.addWeighted(veil, 0.45, canvas, 0.55, 0, canvas)
        cv2.line(canvas, low[a], low[b], (200, 200, 220), thick, cv2.LINE_AA)
    red = (40, 30, 190)
    for start, stop in ((low[0], high[0]), (low[1], high[1]), (high[0], high[1])):
        cv2.line(canvas, start, stop, red, thick, cv2.LINE_AA)
