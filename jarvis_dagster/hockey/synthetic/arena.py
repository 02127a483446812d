"""The arena as a camera sees it: ice, boards, glass, benches, crowd.

Belongs here: the order in which standing surfaces are drawn. Does not belong
here: where they stand (``surfaces``), how they are painted (``textures``), or
people on the ice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.synthetic import ice_texture, surfaces, textures
from jarvis_dagster.hockey.synthetic.blend import Image, shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink import Rink
    from jarvis_dagster.hockey.synthetic.camera import Camera
    from jarvis_dagster.hockey.synthetic.people import Kit
    from jarvis_dagster.hockey.synthetic.spec import GameSpec

__all__ = ["Arena"]

_DARK = 22


class Arena:
    """Everything that stands still; made once a game."""

    def __init__(self, rink: Rink, kits: tuple[Kit, Kit], spec: GameSpec) -> None:
        rng = np.random.default_rng([spec.seed, 4])
        detail = self._detail = float(np.clip(spec.width_px / 1280, 0.25, 1.0))
        self._rink = rink
        self._ice = ice_texture.ice(rink, kits[0].name, kits[0].jersey, rng, detail)
        shirts = [kits[0].jersey] * 4 + [kits[0].trim, (230, 230, 230), (60, 60, 60), (90, 70, 50)]
        shirts += [(110, 60, 40), (60, 90, 120), (40, 40, 140), (150, 150, 150)]
        blocks = [textures.crowd(rng, shirts, light) for light in (1.0, 1.0, 0.4, 0.4)]
        blocks = [shrunk(block, detail) for block in blocks]
        far, near = (blocks[0], blocks[1]), (blocks[2], blocks[3])
        self._behind, self._before = surfaces.make_stands(rink, far, near)
        self._benches = surfaces.make_benches(rink, kits, rng, detail)
        self._walls = surfaces.make_walls(rink, detail)

    def draw_behind(self, canvas: Image, camera: Camera) -> None:
        """Ice, crowd, benches, and the boards that the play is in front of."""
        self._draw_ice(canvas, camera)
        near = [] if self._hides(camera) else self._before
        for panel in (*self._behind, *near, *self._benches):
            panel.draw(canvas, camera)
        for wall in self._walls:
            if wall.faces(camera):
                wall.inside.draw(canvas, camera)

    def draw_before(self, canvas: Image, camera: Camera) -> None:
        """The boards, glass and seats between the camera and the play."""
        for panel in self._before if self._hides(camera) else []:
            panel.draw(canvas, camera)
        for wall in self._walls:
            if not wall.faces(camera):
                wall.outside.draw(canvas, camera)

    def near_boards(self, camera: Camera) -> list[NDArray[np.float64]]:
        """Outlines (4, 2) px of what hides people: near boards without their glass, near seats."""
        quads = []
        for wall in self._walls:
            if not wall.faces(camera):
                corners = wall.outside.corners.copy()
                corners[:2, 2] = self._rink.board_height_ft
                quads.append(corners)
        if self._hides(camera):
            quads += [panel.corners for panel in self._before]
        projected = [camera.project(corners) for corners in quads]
        return [
            np.clip(pixels, -8000, 8000)
            for pixels, depth in projected
            if depth.min() >= surfaces.NEAREST_FT
        ]

    @staticmethod
    def _hides(camera: Camera) -> bool:
        """Whether the camera looks over the seats on the near side."""
        return float(camera.position_ft[1]) < 0

    def _draw_ice(self, canvas: Image, camera: Camera) -> None:
        import cv2

        height, width = canvas.shape[:2]
        outline = self._rink.outline_ft(step_ft=4.0)
        points, depth = camera.project(np.column_stack([outline, np.zeros(len(outline))]))
        seen = points[depth > surfaces.NEAREST_FT]
        top = int(np.clip(np.floor(seen[:, 1].min()), 0, height))
        canvas[:top] = _DARK
        if top >= height:
            return
        px, py = ice_texture.ICE_PX_PER_FT
        scale = np.diag([1 / (px * self._detail), 1 / (py * self._detail), 1])
        matrix = camera.ice_to_image @ scale
        shift = np.array([[1, 0, 0], [0, 1, -top], [0, 0, 1]], dtype=np.float64)
        cv2.warpPerspective(
            self._ice,
            shift @ matrix,
            (width, height - top),
            dst=canvas[top:],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(_DARK, _DARK, _DARK),
        )
