"""The arena as a camera sees it: ice, boards, glass, benches, crowd.

Belongs here: the standing surfaces and the order in which they are drawn. Does
not belong here: people on the ice.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_dagster.hockey.synthetic import textures
from jarvis_dagster.hockey.synthetic.blend import Image, warp_over
from jarvis_dagster.hockey.synthetic.changes import BENCH_SPAN_FT

if TYPE_CHECKING:
    from jarvis_dagster.hockey.rink import Rink
    from jarvis_dagster.hockey.synthetic.camera import Camera
    from jarvis_dagster.hockey.synthetic.people import Kit

__all__ = ["Arena"]

Array = NDArray[np.float64]
_NEAREST_FT = 2.0  # surfaces closer to the camera's plane are left out


@dataclasses.dataclass(frozen=True, eq=False)
class _Panel:
    """A flat picture in space; corners (4, 3): top left, top right, bottom right, bottom left."""

    texture: Image
    corners: Array

    def draw(self, canvas: Image, camera: Camera) -> None:
        quad, depth = camera.project(self.corners)
        if depth.min() < _NEAREST_FT:
            return
        height, width = canvas.shape[:2]
        low, high = quad.min(axis=0), quad.max(axis=0)
        if high[0] < 0 or high[1] < 0 or low[0] > width or low[1] > height:
            return
        rows, columns = self.texture.shape[:2]
        source = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32)
        import cv2

        matrix = cv2.getPerspectiveTransform(source, quad.astype(np.float32))
        warp_over(canvas, self.texture, matrix, quad)


class Arena:
    """Everything that stands still; made once a game."""

    def __init__(self, rink: Rink, kits: tuple[Kit, Kit], seed: int) -> None:
        rng = np.random.default_rng([seed, 4])
        self._rink = rink
        self._ice = textures.ice(rink, kits[0].name, kits[0].jersey, rng)
        shirts = [kits[0].jersey] * 4 + [kits[0].trim, (230, 230, 230), (60, 60, 60), (90, 70, 50)]
        shirts += [(110, 60, 40), (60, 90, 120), (40, 40, 140), (150, 150, 150)]
        tiles = [textures.crowd(rng, shirts) for _ in range(2)]
        self._stands = self._make_stands(tiles)
        self._benches = self._make_benches(kits, rng)
        self._walls = self._make_walls()

    def _make_stands(self, tiles: list[Image]) -> list[_Panel]:
        """Sloping blocks of seats on the far side and behind both ends."""
        rink = self._rink
        wide, deep = textures.CROWD_TILE_FT
        rise, run = deep * 0.5, deep * 0.86
        panels = []
        for tier in (1, 0):  # the upper tier first: it is farther away
            away, base = 7 + tier * run, 4.5 + tier * rise
            y = rink.width_ft + away
            for i, x in enumerate(np.arange(-2 * wide, rink.length_ft + 2 * wide, wide)):
                top, bottom = base + rise, base
                corners = [
                    (x, y + run, top),
                    (x + wide, y + run, top),
                    (x + wide, y, bottom),
                    (x, y, bottom),
                ]
                panels.append(_Panel(tiles[i % 2], np.array(corners)))
            for side in (-1, 1):
                x = -away if side < 0 else rink.length_ft + away
                for i, y0 in enumerate(np.arange(rink.width_ft, -60, -wide)):
                    near, far = y0, y0 + wide
                    first, second = (near, far) if side < 0 else (far, near)
                    corners = [
                        (x + side * run, first, base + rise),
                        (x + side * run, second, base + rise),
                        (x, second, base),
                        (x, first, base),
                    ]
                    panels.append(_Panel(tiles[(i + tier) % 2], np.array(corners)))
        return panels

    def _make_benches(self, kits: tuple[Kit, Kit], rng: np.random.Generator) -> list[_Panel]:
        rink, (start, stop) = self._rink, BENCH_SPAN_FT
        panels = []
        for kit, side in zip(kits, (-1, 1), strict=True):
            x0, x1 = sorted((rink.length_ft / 2 + side * start, rink.length_ft / 2 + side * stop))
            y, low, high = rink.width_ft + 2.5, 1.2, 1.2 + textures.BENCH_HEIGHT_FT
            corners = np.array([(x0, y, high), (x1, y, high), (x1, y, low), (x0, y, low)])
            panels.append(_Panel(textures.bench(kit, x1 - x0, rng), corners))
        return panels

    def _make_walls(self) -> list[_Panel]:
        """Boards and glass around the rink, in flat pieces."""
        rink = self._rink
        outline = rink.outline_ft(step_ft=5.0)
        top = rink.board_height_ft + textures.GLASS_FT
        panels = []
        for i, (start, stop) in enumerate(zip(outline, np.roll(outline, -1, axis=0), strict=True)):
            # Long straights are cut up so that one end may be behind the camera.
            pieces = max(1, round(float(np.linalg.norm(stop - start)) / 30))
            for k in range(pieces):
                a = start + (stop - start) * k / pieces
                b = start + (stop - start) * (k + 1) / pieces
                length = float(np.linalg.norm(b - a))
                if length < 0.1:
                    continue
                # Counter-clockwise, seen from the ice: the next corner is on the left.
                texture = textures.boards(length, rink.board_height_ft, 2 * i + 3 * k)
                corners = [(*b, top), (*a, top), (*a, 0), (*b, 0)]
                panels.append(_Panel(texture, np.array(corners)))
        return panels

    def _faces(self, panel: _Panel, camera: Camera) -> bool:
        """Whether the camera sees the side of a wall that faces the ice."""
        b, a = panel.corners[0, :2], panel.corners[1, :2]
        inward = np.array([-(b - a)[1], (b - a)[0]])
        return float(inward @ (camera.position_ft[:2] - a)) > 0

    def draw_behind(self, canvas: Image, camera: Camera) -> None:
        """Ice, crowd, benches, and the boards that the play is in front of."""
        canvas[:] = (24, 20, 18)
        self._draw_ice(canvas, camera)
        for panel in self._stands:
            panel.draw(canvas, camera)
        for panel in self._benches:
            panel.draw(canvas, camera)
        for panel in self._walls:
            if self._faces(panel, camera):
                panel.draw(canvas, camera)

    def draw_before(self, canvas: Image, camera: Camera) -> None:
        """The boards and glass between the camera and the play."""
        for panel in self._walls:
            if not self._faces(panel, camera):
                panel.draw(canvas, camera)

    def near_boards(self, camera: Camera) -> list[Array]:
        """Outlines (4, 2) px of the boards, without the glass, that hide what is behind them."""
        quads = []
        for panel in self._walls:
            if not self._faces(panel, camera):
                corners = panel.corners.copy()
                corners[:2, 2] = self._rink.board_height_ft
                pixels, depth = camera.project(corners)
                if depth.min() >= _NEAREST_FT:
                    quads.append(np.clip(pixels, -4000, 8000))
        return quads

    def _draw_ice(self, canvas: Image, camera: Camera) -> None:
        import cv2

        height, width = canvas.shape[:2]
        outline = self._rink.outline_ft(step_ft=4.0)
        points, depth = camera.project(np.column_stack([outline, np.zeros(len(outline))]))
        seen = points[depth > _NEAREST_FT]
        top = int(np.clip(np.floor(seen[:, 1].min()), 0, height))
        if top >= height:
            return
        px, py = textures.ICE_PX_PER_FT
        matrix = camera.ice_to_image @ np.diag([1 / px, 1 / py, 1])
        shift = np.array([[1, 0, 0], [0, 1, -top], [0, 0, 1]], dtype=np.float64)
        canvas[top:] = cv2.warpPerspective(
            self._ice,
            shift @ matrix,
            (width, height - top),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(30, 26, 24),
        )
