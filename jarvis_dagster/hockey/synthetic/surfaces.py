"""Where the flat surfaces of the arena stand.

Belongs here: stands, benches and boards as textured rectangles in space. Does
not belong here: how the textures are painted, or the order of drawing.
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_dagster.hockey.synthetic import textures
from jarvis_dagster.hockey.synthetic.blend import Image, shrunk, warp_over
from jarvis_dagster.hockey.synthetic.changes import BENCH_SPAN_FT

if TYPE_CHECKING:
    from jarvis_dagster.hockey.rink import Rink
    from jarvis_dagster.hockey.synthetic.camera import Camera
    from jarvis_dagster.hockey.synthetic.people import Kit

__all__ = ["NEAREST_FT", "Panel", "Wall", "make_benches", "make_stands", "make_walls"]

Array = NDArray[np.float64]
NEAREST_FT = 2.0
"""Surfaces that come closer than this to the camera's plane are left out."""


_OVERLAP_FT = 0.05  # pieces of wall overlap, or the ice would shine through the seams


@dataclasses.dataclass(frozen=True, eq=False)
class Panel:
    """A flat picture in space; corners (4, 3): top left, top right, bottom right, bottom left."""

    texture: Image
    corners: Array

    def draw(self, canvas: Image, camera: Camera) -> None:
        """Draw it as ``camera`` sees it, if it is in view."""
        import cv2

        quad, depth = camera.project(self.corners)
        if depth.min() < NEAREST_FT:
            return
        height, width = canvas.shape[:2]
        low, high = quad.min(axis=0), quad.max(axis=0)
        if high[0] < 0 or high[1] < 0 or low[0] > width or low[1] > height:
            return
        rows, columns = self.texture.shape[:2]
        source = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32)
        matrix = cv2.getPerspectiveTransform(source, quad.astype(np.float32))
        warp_over(canvas, self.texture, np.asarray(matrix, np.float64), quad)


@dataclasses.dataclass(frozen=True, eq=False)
class Wall:
    """A piece of the boards: what the players see of it, and what the crowd does."""

    inside: Panel
    outside: Panel

    def faces(self, camera: Camera) -> bool:
        """Whether the camera sees the side that faces the ice."""
        b, a = self.inside.corners[0, :2], self.inside.corners[1, :2]
        inward = np.array([-(b - a)[1], (b - a)[0]])
        return float(inward @ (camera.position_ft[:2] - a)) > 0


def make_stands(
    rink: Rink, far: tuple[Image, Image], near: tuple[Image, Image]
) -> tuple[list[Panel], list[Panel]]:
    """Sloping blocks of seats: those behind the play, and those before it."""
    wide, deep = textures.CROWD_TILE_FT
    rise, run = deep * 0.5, deep * 0.86
    behind, before = [], []
    for tier in (1, 0):  # the upper tier first: it is farther away
        away, base = 5 + tier * run, 1.5 + tier * rise
        y = rink.width_ft + away
        for i, x in enumerate(np.arange(-2 * wide, rink.length_ft + 2 * wide, wide)):
            top = [(x, y + run, base + rise), (x + wide, y + run, base + rise)]
            corners = [*top, (x + wide, y, base), (x, y, base)]
            behind.append(Panel(far[i % 2], np.array(corners)))
        for side in (-1, 1):
            x = -away if side < 0 else rink.length_ft + away
            for i, y0 in enumerate(np.arange(rink.width_ft, -60, -wide)):
                first, second = (y0, y0 + wide) if side < 0 else (y0 + wide, y0)
                top = [(x + side * run, first, base + rise), (x + side * run, second, base + rise)]
                corners = [*top, (x, second, base), (x, first, base)]
                behind.append(Panel(far[(i + tier) % 2], np.array(corners)))
    # The rows under the main camera, seen from behind.
    for i, x in enumerate(np.arange(-wide, rink.length_ft + wide, wide)):
        top = [(x, -4.0, 1.5), (x + wide, -4.0, 1.5)]
        corners = [*top, (x + wide, -42.0, 21.0), (x, -42.0, 21.0)]
        before.append(Panel(near[i % 2], np.array(corners)))
    return behind, before


def make_benches(
    rink: Rink, kits: tuple[Kit, Kit], rng: np.random.Generator, detail: float
) -> list[Panel]:
    """The two benches behind the far boards."""
    start, stop = BENCH_SPAN_FT
    panels = []
    for kit, side in zip(kits, (-1, 1), strict=True):
        x0, x1 = sorted((rink.length_ft / 2 + side * start, rink.length_ft / 2 + side * stop))
        y, low, high = rink.width_ft + 2.5, 1.2, 1.2 + textures.BENCH_HEIGHT_FT
        corners = np.array([(x0, y, high), (x1, y, high), (x1, y, low), (x0, y, low)])
        panels.append(Panel(shrunk(textures.bench(kit, x1 - x0, rng), detail), corners))
    return panels


def make_walls(rink: Rink, detail: float) -> list[Wall]:
    """Boards and glass around the rink, in flat pieces with running advertisements.

    ``detail`` is the share of the textures' full resolution that the video needs.
    """
    outline = rink.outline_ft(step_ft=3.5)
    steps = np.diff(np.concatenate([outline, outline[:1]]), axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    bend = len(outline) // 4
    walls: list[Wall] = []
    for corner in range(4):
        first = corner * bend
        arc = list(range(first, first + bend - 1))
        walls += _run(rink, outline[[*arc, arc[-1] + 1]], 3 * corner, detail)
        straight = first + bend - 1
        if lengths[straight] > 0.1:
            pieces = max(1, round(float(lengths[straight]) / 30))
            share = np.linspace(0, 1, pieces + 1)[:, None]
            walls += _run(
                rink,
                outline[straight] + steps[straight] * share,
                first_ad=5 * corner + 1,
                detail=detail,
            )
    return walls


def _run(rink: Rink, points: Array, first_ad: int, detail: float) -> list[Wall]:
    """Walls along ``points`` (N, 2), counter-clockwise, under one long picture."""
    top = rink.board_height_ft + textures.GLASS_FT
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    total = float(lengths.sum())
    inside = shrunk(textures.boards(total, rink.board_height_ft, first_ad), detail)
    outside = shrunk(textures.boards_from_outside(total, rink.board_height_ft), detail)
    # Seen from the ice, the next point counter-clockwise is on the left.
    columns = np.round((1 - np.concatenate([[0], np.cumsum(lengths)]) / total) * inside.shape[1])
    walls = []
    for k, (a, b) in enumerate(pairwise(points)):
        part = slice(int(columns[k + 1]), max(int(columns[k]), int(columns[k + 1]) + 2))
        over = (b - a) / np.linalg.norm(b - a) * _OVERLAP_FT
        left, right = b + over, a - over
        faces = np.array([(*left, top), (*right, top), (*right, 0), (*left, 0)])
        back = faces[[1, 0, 3, 2]]
        back[2:, 2] = -0.3  # covers the sliver of ice beyond the straight pieces
        cut = np.ascontiguousarray
        walls.append(Wall(Panel(cut(inside[:, part]), faces), Panel(cut(outside[:, part]), back)))
    return walls
