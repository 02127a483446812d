"""Things on the ice: the goals and the puck.

Belongs here: posts, crossbar, netting, puck. Does not belong here: the crease
(``textures``) or people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink import Rink
    from jarvis_dagster.hockey.synthetic.blend import Image
    from jarvis_dagster.hockey.synthetic.camera import Camera
    from jarvis_dagster.hockey.synthetic.puck import Puck
    from jarvis_dagster.hockey.synthetic.truth import Box

__all__ = ["draw_goal", "draw_puck", "goal_depths"]

_RED = (48, 40, 205)
_NET = (158, 156, 152)
_MESH = (206, 204, 200)  # where threads are too fine to be seen one by one


def draw_goal(canvas: Image, camera: Camera, rink: Rink, side: int) -> None:
    """Draw the left (``side`` 0) or right (1) goal onto ``canvas``."""
    import cv2

    x = rink.goal_lines_ft[side]
    back = x + (-1 if side == 0 else 1) * rink.goal_depth_ft
    shelf = x + (-1 if side == 0 else 1) * rink.goal_depth_ft * 0.45
    middle, half, top = rink.width_ft / 2, rink.goal_width_ft / 2, rink.goal_height_ft
    corners = np.array(
        [
            (px, middle + sy * half, pz)
            for px, pz in ((x, 0), (x, top), (shelf, top), (back, 0))
            for sy in (-1, 1)
        ]
    )
    pixels, depth = camera.project(corners)
    if depth.min() < 3:
        return
    low, high = pixels.min(axis=0) - 6, pixels.max(axis=0) + 6
    width, height = camera.size_px
    x0, y0 = np.maximum(np.floor(low), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(high), (width, height)).astype(int)
    if x0 >= x1 or y0 >= y1:
        return
    area = canvas[y0:y1, x0:x1]
    layer = area.copy()
    scale = camera.focal_px / float(depth.mean())

    def line(
        a: NDArray[np.float64], b: NDArray[np.float64], colour: tuple[int, int, int], wide: float
    ) -> None:
        start, stop = (np.round((p - (x0, y0)) * 16).astype(int) for p in (a, b))
        cv2.line(layer, start, stop, colour, max(1, round(wide * scale)), cv2.LINE_AA, 4)

    # Front left, right; top; shelf; back: pairs (near, far) by row.
    grid = pixels.reshape(4, 2, 2)
    sides = [grid[[1, 2, 3, 0], s] for s in (0, 1)]
    for face in (grid[[1, 1, 2, 2], [0, 1, 1, 0]], grid[[2, 2, 3, 3], [0, 1, 1, 0]], *sides):
        outline = np.round((face - (x0, y0)) * 16).astype(np.int32)
        cv2.fillPoly(layer, [outline], _MESH, cv2.LINE_AA, 4)
    for row in range(1, 3):
        for share in np.linspace(0, 1, 9):
            a = grid[row, 0] + (grid[row, 1] - grid[row, 0]) * share
            b = grid[row + 1, 0] + (grid[row + 1, 1] - grid[row + 1, 0]) * share
            line(a, b, _NET, 0.05)
    for share in np.linspace(0, 1, 8):
        a, b = (grid[2, s] + (grid[3, s] - grid[2, s]) * share for s in (0, 1))
        line(a, b, _NET, 0.05)
        for s in (0, 1):
            line(grid[1, s] + (grid[0, s] - grid[1, s]) * share, a if s == 0 else b, _NET, 0.04)
    cv2.addWeighted(layer, 0.5, area, 0.5, 0, dst=area)
    layer = area.copy()
    for s in (0, 1):
        line(grid[3, s], grid[0, s], _RED, 0.14)
        line(grid[0, s], grid[1, s], _RED, 0.2)
    line(grid[3, 0], grid[3, 1], _RED, 0.14)
    line(grid[1, 0], grid[1, 1], _RED, 0.2)
    area[:] = layer


def goal_depths(camera: Camera, rink: Rink) -> list[tuple[float, int]]:
    """Depth at which each goal is drawn, with its side (0 left, 1 right).

    It is that of the farthest foot of the frame: a goalkeeper in the crease is
    then before the goal for a camera at the side, and behind it for one at the
    end.
    """
    middle, half = rink.width_ft / 2, rink.goal_width_ft / 2
    depths = []
    for side, x in enumerate(rink.goal_lines_ft):
        back = x + (-1 if side == 0 else 1) * rink.goal_depth_ft
        feet = [(fx, middle + sy * half, 0.0) for fx in (x, back) for sy in (-1, 1)]
        depths.append((float(camera.project(feet)[1].max()), side))
    return depths


def draw_puck(canvas: Image, camera: Camera, puck: Puck, shutter_s: float) -> Box | None:
    """Draw the puck, a streak if it is fast; None where there is none to be seen."""
    import cv2

    if not puck.on_ice:
        return None
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.stack([0.17 * np.cos(angles), 0.17 * np.sin(angles), 0 * angles], axis=1)
    trail = puck.velocity * shutter_s
    start = np.array([*(puck.xy - trail / 2), 0.04])
    stop = np.array([*(puck.xy + trail / 2), 0.04])
    pixels, depth = camera.project(np.concatenate([ring + start, ring + stop]))
    if depth.min() < 3:
        return None
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    size = camera.size_px
    if high[0] < 1 or high[1] < 1 or low[0] >= size[0] - 1 or low[1] >= size[1] - 1:
        return None
    hull = cv2.convexHull(np.round(pixels * 16).astype(np.int32))
    cv2.fillConvexPoly(canvas, hull, (24, 22, 22), cv2.LINE_AA, 4)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1.0)
    x1, y1 = np.maximum(middle - half, 0)
    x2, y2 = np.minimum(middle + half, size)
    return float(x1), float(y1), float(x2), float(y2)
