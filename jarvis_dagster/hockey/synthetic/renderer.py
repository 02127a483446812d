"""One frame: arena, people, puck, what lies over them, and the truth about it.

Belongs here: the order of drawing and the measurement of boxes. Does not
belong here: the game, or how a single figure or surface looks.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_dagster.hockey.synthetic.arena import Arena
from jarvis_dagster.hockey.synthetic.blend import Image, over
from jarvis_dagster.hockey.synthetic.figures import Figure, draw_figure
from jarvis_dagster.hockey.synthetic.nets import draw_goal
from jarvis_dagster.hockey.synthetic.overlay import Scoreboard
from jarvis_dagster.hockey.synthetic.people import Person, make_kits
from jarvis_dagster.hockey.synthetic.poses import (
    Pose,
    goalkeeper_pose,
    official_pose,
    skater_pose,
)

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.camera import Camera
    from jarvis_dagster.hockey.synthetic.play import Game
    from jarvis_dagster.hockey.synthetic.spec import GameSpec

__all__ = ["Renderer", "SeenPerson", "SeenPuck"]

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class SeenPerson:
    """A person in a frame.

    ``box`` is tight around the body (not the stick), clipped to the picture;
    ``visibility`` is the share of the body's pixels that can be seen.
    """

    person: Person
    box: tuple[float, float, float, float]
    visibility: float
    xy_ft: tuple[float, float]
    velocity_ftps: tuple[float, float]
    foot_px: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class SeenPuck:
    """The puck in a frame; ``visibility`` 0 when it is hidden or held by an official."""

    box: tuple[float, float, float, float] | None
    visibility: float
    xy_ft: tuple[float, float]


class Renderer:
    """Draws frames of one game."""

    def __init__(self, spec: GameSpec, game: Game) -> None:
        self._spec = spec
        self._game = game
        self._kits = make_kits(np.random.default_rng([spec.seed, 5]))
        self._arena = Arena(game.rink, self._kits, spec.seed)
        self._scoreboard = Scoreboard(self._kits, spec.height_px)
        self._noise = self._make_noise()
        self._last: Camera | None = None
        self._ids = np.zeros((spec.height_px, spec.width_px), np.uint8)

    def _make_noise(self) -> list[Image]:
        """A few sheets of grain around 128, to be used at changing offsets."""
        rng = np.random.default_rng([self._spec.seed, 6])
        shape = (self._spec.height_px + 64, self._spec.width_px + 64)
        sheets = []
        for _ in range(3):
            grain = rng.normal(0, self._spec.noise, (*shape, 1))
            tint = rng.normal(0, self._spec.noise * 0.4, (*shape, 3))
            sheets.append(np.clip(np.round(128 + grain + tint), 0, 255).astype(np.uint8))
        return sheets

    def draw(
        self, camera: Camera, frame: int, cut: bool
    ) -> tuple[Image, list[SeenPerson], SeenPuck]:
        """The picture (H, W, 3) BGR and what can be seen in it."""
        import cv2

        canvas: Image = np.empty((self._spec.height_px, self._spec.width_px, 3), np.uint8)
        self._arena.draw_behind(canvas, camera)
        self._blur(canvas, camera, cut)
        figures = self._figures(camera)
        self._shadows(canvas, camera, [slot for slot, _ in figures])
        seen, puck = self._people(canvas, camera, figures)
        self._arena.draw_before(canvas, camera)
        if self._spec.scoreboard:
            self._scoreboard.draw(canvas, self._game.score, self._game.clock_s)
        if self._spec.noise > 0:
            dx, dy = (frame * 37) % 64, (frame * 23) % 64
            sheet = self._noise[frame % len(self._noise)]
            grain = sheet[dy : dy + canvas.shape[0], dx : dx + canvas.shape[1]]
            cv2.addWeighted(canvas, 1.0, grain, 1.0, -128, dst=canvas)
        return canvas, seen, puck

    def _blur(self, canvas: Image, camera: Camera, cut: bool) -> None:
        """The pan smears what stands still while the shutter is open."""
        import cv2

        before, self._last = self._last, camera
        if cut or before is None:
            return
        target = np.array([camera.aim_ft])
        shift = camera.project(target)[0][0] - before.project(target)[0][0]
        length = abs(float(shift[0])) * 0.4
        if length >= 1.5:
            size = 2 * round(length / 2) + 1
            cv2.blur(canvas, (size, 1), dst=canvas)

    # People ---------------------------------------------------------------------------
    def _figures(self, camera: Camera) -> list[tuple[int, Figure]]:
        """Slots with their figures, farthest first."""
        skaters = self._game.skaters
        ground = np.column_stack([skaters.xy, np.zeros(len(skaters.xy))])
        depth = camera.project(ground)[1]
        figures = []
        for slot in np.argsort(-depth, kind="stable").tolist():
            person = self._game.person(slot)
            kit = {"A": self._kits[0], "B": self._kits[1]}.get(person.team)
            pose = self._pose(slot, person)
            heading = float(skaters.heading[slot])
            figure = draw_figure(camera, person, kit, skaters.xy[slot], heading, pose)
            if figure is not None:
                figures.append((slot, figure))
        return figures

    def _pose(self, slot: int, person: Person) -> Pose:
        game, skaters = self._game, self._game.skaters
        speed = float(np.linalg.norm(skaters.velocity[slot]))
        phase, effort = float(skaters.stride[slot]), float(skaters.effort[slot])
        sway = float(np.sin(0.9 * game.time_s + 1.7 * slot))
        if person.role == "goalkeeper":
            return goalkeeper_pose(game.keeper_down(slot), person.left_handed, sway)
        if person.role == "referee":
            arm_up = game.arm_up(slot)
            return official_pose(phase, effort, speed, arm_up)
        if game.puck.owner == slot:
            sway = float(np.sin(phase))
        return skater_pose(phase, effort, speed, person.left_handed, sway * 0.6)

    def _shadows(self, canvas: Image, camera: Camera, slots: list[int]) -> None:
        """Soft dark patches under people, and a faint mirror image in the ice."""
        import cv2

        height, width = canvas.shape[:2]
        quarter = np.full((height // 4 + 1, width // 4 + 1), 255, np.uint8)
        angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        ring = np.stack([1.9 * np.cos(angles), 1.1 * np.sin(angles), 0 * angles], axis=1)
        for slot in slots:
            x, y = self._game.skaters.xy[slot]
            pixels, _ = camera.project(ring + np.array((x + 0.3, y - 0.2, 0.0)))
            polygon = np.round(pixels * 4).astype(np.int32)
            cv2.fillConvexPoly(quarter, polygon, 168, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(quarter, (0, 0), max(1.0, height / 360))
        large = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
        cv2.multiply(canvas, cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), dst=canvas, scale=1 / 255)

    def _people(
        self, canvas: Image, camera: Camera, figures: list[tuple[int, Figure]]
    ) -> tuple[list[SeenPerson], SeenPuck]:
        import cv2

        self._ids.fill(0)
        puck_xy = self._game.puck.xy
        puck_depth = float(camera.project([*puck_xy, 0.0])[1])
        goals = [(depth, side) for side, depth in self._goal_depths(camera)]
        drawn_puck = False
        box: tuple[float, float, float, float] | None = None
        for slot, figure in figures:
            ground = (*self._game.skaters.xy[slot], 0.0)
            depth = float(camera.project(ground)[1])
            for goal in [g for g in goals if g[0] > depth]:
                draw_goal(canvas, camera, self._game.rink, goal[1])
                goals.remove(goal)
            if not drawn_puck and puck_depth > depth:
                box, drawn_puck = self._draw_puck(canvas, camera), True
            self._mirror(canvas, figure)
            over(canvas, figure.sprite, *figure.corner)
            self._mark(figure, slot + 1)
        for goal in goals:
            draw_goal(canvas, camera, self._game.rink, goal[1])
        if not drawn_puck:
            box = self._draw_puck(canvas, camera)
        self._hide_behind_boards(camera)
        # Far quicker than numpy's bincount for 8-bit pictures.
        counts = cv2.calcHist([self._ids], [0], None, [64], [0, 64]).ravel()
        seen = [self._seen(camera, slot, figure, int(counts[slot + 1])) for slot, figure in figures]
        puck_seen = SeenPuck(box, self._puck_share(box), (float(puck_xy[0]), float(puck_xy[1])))
        return [person for person in seen if person is not None], puck_seen

    def _goal_depths(self, camera: Camera) -> list[tuple[int, float]]:
        rink = self._game.rink
        middle = rink.width_ft / 2
        depths = []
        for side, x in enumerate(rink.goal_lines_ft):
            back = x + (-1.5 if side == 0 else 1.5)
            depths.append((side, float(camera.project([back, middle, 0.0])[1])))
        return depths

    def _mirror(self, canvas: Image, figure: Figure) -> None:
        """A faint reflection on wet ice: the lower half of the figure, upside down."""
        import cv2

        bottom = round(figure.box[3]) - figure.corner[1]
        top = max(0, bottom - round((figure.box[3] - figure.box[1]) * 0.45))
        part = figure.sprite[top:bottom]
        if part.shape[0] < 4:
            return
        flipped = cv2.flip(part, 0)
        fade = np.linspace(0.2, 0.0, flipped.shape[0], dtype=np.float32)[:, None, None]
        faint = (flipped * fade).astype(np.uint8)
        over(canvas, faint, figure.corner[0], figure.corner[1] + bottom - 2)

    def _mark(self, figure: Figure, label: int) -> None:
        """Note which pixels of the picture this figure covers."""
        x, y = figure.corner
        mask = figure.sprite[..., 3] > 127
        height, width = self._ids.shape
        x0, y0 = max(x, 0), max(y, 0)
        x1, y1 = min(x + mask.shape[1], width), min(y + mask.shape[0], height)
        if x0 < x1 and y0 < y1:
            self._ids[y0:y1, x0:x1][mask[y0 - y : y1 - y, x0 - x : x1 - x]] = label

    def _hide_behind_boards(self, camera: Camera) -> None:
        """What the near boards cover cannot be seen."""
        import cv2

        for quad in self._arena.near_boards(camera):
            cv2.fillConvexPoly(self._ids, np.round(quad).astype(np.int32), 0)

    def _seen(
        self, camera: Camera, slot: int, figure: Figure, visible_px: int
    ) -> SeenPerson | None:
        width, height = camera.size_px
        x1, y1, x2, y2 = figure.box
        box = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
        if box[2] - box[0] < 2 or box[3] - box[1] < 2 or visible_px == 0:
            return None
        skaters = self._game.skaters
        x, y = (float(v) for v in skaters.xy[slot])
        foot = camera.project([x, y, 0.0])[0]
        return SeenPerson(
            person=self._game.person(slot),
            box=box,
            visibility=min(1.0, visible_px / max(figure.area_px, 1.0)),
            xy_ft=(x, y),
            velocity_ftps=(float(skaters.velocity[slot, 0]), float(skaters.velocity[slot, 1])),
            foot_px=(float(foot[0]), float(foot[1])),
        )

    # Puck -----------------------------------------------------------------------------
    def _draw_puck(self, canvas: Image, camera: Camera) -> tuple[float, float, float, float] | None:
        import cv2

        puck = self._game.puck
        if not puck.on_ice:
            return None
        angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        ring = np.stack([0.17 * np.cos(angles), 0.17 * np.sin(angles), 0 * angles], axis=1)
        # The shutter is open for part of a frame: a fast puck is a streak.
        trail = puck.velocity * 0.4 / self._spec.fps
        start = np.array([*(puck.xy - trail / 2), 0.04])
        stop = np.array([*(puck.xy + trail / 2), 0.04])
        pixels, depth = camera.project(np.concatenate([ring + start, ring + stop]))
        if depth.min() < 3:
            return None
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        size = camera.size_px
        if high[0] < 0 or high[1] < 0 or low[0] >= size[0] or low[1] >= size[1]:
            return None
        hull = cv2.convexHull(np.round(pixels * 16).astype(np.int32))
        cv2.fillConvexPoly(canvas, hull, (24, 22, 22), cv2.LINE_AA, 4)
        middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1.0)
        x1, y1 = np.maximum(middle - half, 0)
        x2, y2 = np.minimum(middle + half, size)
        cv2.circle(self._ids, (int(middle[0]), int(middle[1])), 1, 60, -1)
        return float(x1), float(y1), float(x2), float(y2)

    def _puck_share(self, box: tuple[float, float, float, float] | None) -> float:
        if box is None:
            return 0.0
        middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        x, y = int(middle[0]), int(middle[1])
        area = self._ids[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        return float((area == 60).mean()) if area.size else 0.0
