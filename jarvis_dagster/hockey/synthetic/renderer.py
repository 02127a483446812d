"""One frame: arena, people, puck, what lies over them, and the truth about it.

Belongs here: the order of drawing and the measurement of boxes. Does not
belong here: the game, or how a single figure or surface looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.synthetic.arena import Arena
from jarvis_dagster.hockey.synthetic.blend import Image, over
from jarvis_dagster.hockey.synthetic.coverage import Coverage
from jarvis_dagster.hockey.synthetic.figures import draw_figure
from jarvis_dagster.hockey.synthetic.film import Film
from jarvis_dagster.hockey.synthetic.overlay import Scoreboard
from jarvis_dagster.hockey.synthetic.people import Person, make_kits
from jarvis_dagster.hockey.synthetic.poses import (
    Pose,
    goalkeeper_pose,
    official_pose,
    skater_pose,
)
from jarvis_dagster.hockey.synthetic.props import draw_goal, draw_puck, goal_depths
from jarvis_dagster.hockey.synthetic.truth import Box, SeenPerson, SeenPuck

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.brush import Figure
    from jarvis_dagster.hockey.synthetic.camera import Camera
    from jarvis_dagster.hockey.synthetic.play import Game
    from jarvis_dagster.hockey.synthetic.spec import GameSpec

__all__ = ["Renderer"]


class Renderer:
    """Draws frames of one game."""

    def __init__(self, spec: GameSpec, game: Game) -> None:
        self._spec = spec
        self._game = game
        self._kits = make_kits(np.random.default_rng([spec.seed, 5]))
        self._arena = Arena(game.rink, self._kits, spec)
        self._scoreboard = Scoreboard(self._kits, spec.height_px, spec.scoreboard_style)
        self._film = Film(spec)
        self._coverage = Coverage((spec.width_px, spec.height_px))

    def draw(
        self, camera: Camera, frame: int, cut: bool
    ) -> tuple[Image, list[SeenPerson], SeenPuck]:
        """The picture (H, W, 3) BGR and what can be seen in it."""
        canvas: Image = np.empty((self._spec.height_px, self._spec.width_px, 3), np.uint8)
        self._arena.draw_behind(canvas, camera)
        self._film.smear(canvas, camera, cut)
        figures = self._figures(camera)
        self._shadows(canvas, camera, [slot for slot, _ in figures])
        self._coverage.clear()
        puck_box = self._people(canvas, camera, figures)
        self._arena.draw_before(canvas, camera)
        self._coverage.hide(self._arena.near_boards(camera))
        self._film.expose(canvas, frame)
        seen = self._measure(camera, figures)
        if self._spec.scoreboard:
            self._scoreboard.draw(canvas, self._game.score, self._game.clock_s)
        self._film.grain(canvas, frame)
        x, y = self._game.puck.xy.tolist()
        return canvas, seen, SeenPuck(puck_box, self._coverage.puck_share(puck_box), (x, y))

    def _figures(self, camera: Camera) -> list[tuple[int, Figure]]:
        """Slots with their figures, farthest first."""
        skaters = self._game.skaters
        ground = np.column_stack([skaters.xy, np.zeros(len(skaters.xy))])
        depth = camera.project(ground)[1]
        figures = []
        for slot in np.argsort(-depth, kind="stable").tolist():
            person = self._game.person(slot)
            kit = {"A": self._kits[0], "B": self._kits[1]}.get(person.team)
            stance = (*skaters.xy[slot].tolist(), float(skaters.heading[slot]))
            figure = draw_figure(camera, person, kit, stance, self._pose(slot, person))
            if figure is not None:
                figures.append((slot, figure))
        return figures

    def _pose(self, slot: int, person: Person) -> Pose:
        game, skaters = self._game, self._game.skaters
        speed = float(np.linalg.norm(skaters.velocity[slot]))
        phase, effort = float(skaters.stride[slot]), float(skaters.effort[slot])
        sway = float(np.sin(0.9 * game.time_s + 1.7 * slot))
        if person.role == "goalkeeper":
            return goalkeeper_pose(game.stances.keeper_down(slot), person.left_handed, sway)
        if person.role == "referee":
            return official_pose(phase, effort, speed, game.stances.arm_up(slot))
        if game.puck.owner == slot:
            sway = float(np.sin(phase))
        return skater_pose(phase, effort, speed, person.left_handed, sway * 0.6)

    def _shadows(self, canvas: Image, camera: Camera, slots: list[int]) -> None:
        """Soft dark patches under people."""
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
    ) -> Box | None:
        """People, goals and puck, farthest first; the puck's box."""
        game, rink = self._game, self._game.rink
        # What is drawn: depth, order among equals, and which person, goal or puck (-1).
        queue = [(depth, 0, side) for depth, side in goal_depths(camera, rink)]
        queue.append((float(camera.project([*game.puck.xy, 0.0])[1]), 1, 0))
        for i, (slot, _) in enumerate(figures):
            queue.append((float(camera.project([*game.skaters.xy[slot], 0.0])[1]), 2, i))
        box: Box | None = None
        for _, kind, index in sorted(queue, key=lambda item: (-item[0], item[1])):
            if kind == 0:
                draw_goal(canvas, camera, rink, index)
            elif kind == 1:
                box = draw_puck(canvas, camera, game.puck, self._film.shutter_s)
                if box is not None:
                    self._coverage.mark_puck(box)
            else:
                slot, figure = figures[index]
                _mirror(canvas, figure)
                over(canvas, figure.sprite, *figure.corner)
                self._coverage.mark(figure, slot + 1)
        return box

    def _measure(self, camera: Camera, figures: list[tuple[int, Figure]]) -> list[SeenPerson]:
        width, height = camera.size_px
        skaters = self._game.skaters
        seen = []
        for slot, figure in figures:
            x1, y1, x2, y2 = figure.box
            box = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
            visible = self._coverage.visible_px(figure, slot + 1)
            if box[2] - box[0] < 2 or box[3] - box[1] < 2 or visible < 4:
                continue
            x, y = skaters.xy[slot].tolist()
            vx, vy = skaters.velocity[slot].tolist()
            foot_x, foot_y = camera.project([x, y, 0.0])[0].tolist()
            seen.append(
                SeenPerson(
                    person=self._game.person(slot),
                    box=box,
                    visibility=min(1.0, visible / max(figure.area_px, 1.0)),
                    xy_ft=(x, y),
                    velocity_ftps=(vx, vy),
                    foot_px=(foot_x, foot_y),
                )
            )
        return seen


def _mirror(canvas: Image, figure: Figure) -> None:
    """A faint reflection in the ice: the lower half of the figure, upside down."""
    import cv2

    bottom = round(figure.box[3]) - figure.corner[1]
    top = max(0, bottom - round((figure.box[3] - figure.box[1]) * 0.45))
    part = figure.sprite[top:bottom]
    if part.shape[0] < 4:
        return
    fade = np.linspace(0.2, 0.0, part.shape[0], dtype=np.float32)[:, None, None]
    faint = (cv2.flip(part, 0) * fade).astype(np.uint8)
    over(canvas, faint, figure.corner[0], figure.corner[1] + bottom - 2)
