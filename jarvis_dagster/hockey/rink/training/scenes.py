"""Rendered pictures of rinks with the marks that can be seen in them.

Belongs here: cameras by chance, what stands where in the arena, and what film and transmission
do to a picture. Does not belong here: how the ice and the shapes are painted, the targets.

Made for teaching, not for watching: everything is drawn in about ten milliseconds.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import cv2
import numpy as np

from jarvis_dagster.hockey.rink.camera import ice_to_image, pose_looking_at, projection
from jarvis_dagster.hockey.rink.geometry import RINKS
from jarvis_dagster.hockey.rink.training.ice import MARGIN_FT, PX_PER_FT, paint_ice
from jarvis_dagster.hockey.rink.training.shapes import (
    SUBPIXEL_BITS,
    BoardStyle,
    draw_figure,
    draw_goal,
    draw_wall,
    in_front,
    pixel_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.geometry import Rink

    Array = NDArray[np.float64]
    Image = NDArray[np.uint8]

__all__ = ["Scene", "SceneMaker", "random_pose"]

_SHEETS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A picture, its truth, and where something opaque stands before the ice.

    Args:
        image: (H, W, 3) BGR.
        ice_to_px: (3, 3) homography, rink feet to pixels of ``image``; None: no rink in it.
        hidden: (H, W) 255 where marks cannot be seen.
    """

    image: Image
    rink: Rink
    ice_to_px: Array | None
    hidden: Image


def random_pose(rng: np.random.Generator, rink: Rink) -> Array:
    """A camera (7,) such as broadcasts and rinks have: most stand high at the red line."""
    length, width = rink.length_ft, rink.width_ft
    kind = rng.random()
    if kind < 0.68:
        back = rng.uniform(14, 110)
        place = (rng.normal(length / 2, 12), -back, rng.uniform(12, 26) + 0.28 * back)
    elif kind < 0.9:
        back = rng.uniform(3, 70)
        place = (rng.uniform(-15, length + 15), -back, rng.uniform(9, 28) + 0.3 * back)
    else:
        back = rng.uniform(6, 60)
        place = (-back, rng.uniform(5, width - 5), rng.uniform(10, 28) + 0.4 * back)
    aim = (rng.uniform(8, length - 8), rng.uniform(0.15, 0.8) * width)
    field = np.exp(rng.uniform(np.log(30), np.log(170)))
    return pose_looking_at(place, aim, field, np.radians(rng.normal(0, 0.9)))


class SceneMaker:
    """Endless scenes; the same seed always gives the same ones."""

    def __init__(self, seed: int, size_px: tuple[int, int] = (512, 288)) -> None:
        self._rng = np.random.default_rng(seed)
        self._size = size_px
        self._sheets: list[tuple[Rink, list[Image]]] = []
        self._made = 0

    def __call__(self) -> Scene:
        """The next scene."""
        rng = self._rng
        rink, levels = self._sheet()
        if rng.random() < 0.04:
            return self._elsewhere(rink)
        pose = random_pose(rng, rink)
        for _ in range(20):
            if self._shows_ice(pose, rink):
                break
            pose = random_pose(rng, rink)
        canvas = self._crowd()
        matrix = ice_to_image(pose, self._size)
        self._ice(canvas, rink, levels, pose, matrix)
        hidden = np.zeros(canvas.shape[:2], np.uint8)
        near = self._boards(canvas, rink, pose)
        self._people(canvas, rink, pose)
        self._near_side(canvas, hidden, near)
        canvas = self._film(canvas)
        self._overlay(canvas, hidden)
        return Scene(canvas, rink, matrix, hidden)

    def _sheet(self) -> tuple[Rink, list[Image]]:
        """A painted sheet in three sizes; a new one is painted now and then."""
        rng = self._rng
        if len(self._sheets) < _SHEETS or self._made % 12 == 0:
            rink = RINKS[str(rng.choice(list(RINKS)))] if rng.random() < 0.5 else RINKS["NHL"]
            levels = [paint_ice(rink, rng)]
            for _ in range(2):
                half = (levels[-1].shape[1] // 2, levels[-1].shape[0] // 2)
                levels.append(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA))
            if len(self._sheets) == _SHEETS:
                self._sheets.pop(0)
            self._sheets.append((rink, levels))
        self._made += 1
        return self._sheets[int(rng.integers(len(self._sheets)))]

    def _shows_ice(self, pose: Array, rink: Rink) -> bool:
        width, height = self._size
        grid = np.stack(np.meshgrid(np.linspace(0, width, 9), np.linspace(0, height, 7)), -1)
        back = np.linalg.inv(ice_to_image(pose, self._size))
        ground = grid @ back[:, :2].T + back[:, 2]
        sign = np.sign((back @ np.array([width / 2, height / 2, 1.0]))[2])
        ahead = ground[..., 2] * sign > 0
        places = ground[..., :2] / np.where(np.abs(ground[..., 2:]) < 1e-12, 1e-12, ground[..., 2:])
        return bool((ahead & (rink.signed_distance_ft(places) < 0)).mean() > 0.22)

    def _crowd(self) -> Image:
        """Seats and people, as blobs of colour; sometimes dark."""
        rng, (width, height) = self._rng, self._size
        cell = int(rng.integers(3, 12))
        base = rng.uniform(10, 150)
        noise = rng.normal(base, rng.uniform(8, 60), (height // cell + 1, width // cell + 1, 3))
        grey = noise.mean(axis=2, keepdims=True)
        noise = grey + (noise - grey) * rng.uniform(0, 1)
        small = np.clip(noise, 0, 255).astype(np.uint8)
        crowd = cv2.resize(small, self._size, interpolation=cv2.INTER_CUBIC)
        for _ in range(int(rng.integers(0, 6))):
            x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
            corner = (x + int(rng.integers(10, 200)), y + int(rng.integers(5, 60)))
            cv2.rectangle(crowd, (x, y), corner, rng.integers(0, 255, 3).tolist(), -1)
        for _ in range(int(rng.integers(0, 8))):
            start, stop = rng.uniform((0, 0), self._size, (2, 2)).astype(int).tolist()
            cv2.line(crowd, start, stop, rng.integers(0, 255, 3).tolist(), int(rng.integers(1, 5)))
        return crowd

    def _ice(
        self, canvas: Image, rink: Rink, levels: list[Image], pose: Array, matrix: Array
    ) -> None:
        middle = np.linalg.inv(matrix) @ np.array([self._size[0] / 2, self._size[1] * 0.6, 1.0])
        away = np.linalg.norm(middle[:2] / middle[2] - pose[:2])
        px_per_ft = np.exp(pose[6]) * self._size[0] / max(float(np.hypot(away, pose[2])), 5.0)
        level = int(np.clip(np.floor(np.log2(PX_PER_FT / max(px_per_ft, 1e-3)) + 0.3), 0, 2))
        scale = PX_PER_FT / 2**level
        feet = np.array([[1 / scale, 0, -MARGIN_FT], [0, 1 / scale, -MARGIN_FT], [0, 0, 1.0]])
        shift = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
        full = np.linalg.inv(shift) @ matrix @ feet @ shift
        picture = cv2.warpPerspective(levels[level], full, self._size, flags=cv2.INTER_LINEAR)
        mask = np.zeros(canvas.shape[:2], np.uint8)
        outline = in_front(rink.outline_ft(1.0), projection(pose, self._size))
        if len(outline) > 2:
            cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        cv2.copyTo(picture, mask, canvas)

    def _boards(self, canvas: Image, rink: Rink, pose: Array) -> list[tuple[Image, float]]:
        """Draw the far boards; return layers of the near ones, to be laid over people."""
        rng = self._rng
        outline = rink.outline_ft(3.5)
        outline = np.concatenate([outline, outline[:1]])
        style = BoardStyle(rng)
        view, camera = projection(pose, self._size), pose[:2]
        step = np.diff(outline, axis=0)
        inward = np.stack([-step[:, 1], step[:, 0]], axis=1)
        seen = ((camera - outline[:-1]) * inward).sum(axis=1) > 0
        # The straight sides are long pieces; cut them up, or one end may be behind the camera.
        near_mask = np.zeros(canvas.shape[:2], np.uint8)
        glass_mask = np.zeros_like(near_mask)
        for a, b, faces in zip(outline[:-1], outline[1:], seen, strict=True):
            count = max(1, round(float(np.linalg.norm(b - a)) / 5))
            cuts = a + (b - a) * np.linspace(0, 1, count + 1)[:, None]
            for c, d in itertools.pairwise(cuts):
                if faces:
                    style.draw(canvas, (c, d), view)
                else:
                    draw_wall(near_mask, (c, d), -1.0, style.height, view, 255)
                    draw_wall(glass_mask, (c, d), style.height, style.top, view, 255)
                    if rng.random() < 0.8:  # stanchions
                        post = (c, c + (d - c) * 0.03)
                        draw_wall(near_mask, post, style.height, style.top, view, 255)
        return [(near_mask, 1.0), (glass_mask, float(rng.uniform(0.0, 0.3)))]

    def _near_side(self, canvas: Image, hidden: Image, layers: list[tuple[Image, float]]) -> None:
        rng = self._rng
        height = canvas.shape[0]
        dark = rng.normal(rng.uniform(5, 90), 20, (height // 6 + 1, canvas.shape[1] // 6 + 1, 3))
        front = cv2.resize(
            np.clip(dark, 0, 255).astype(np.uint8), self._size, interpolation=cv2.INTER_CUBIC
        )
        near, glass = layers[0][0], layers[1][0]
        cv2.copyTo(front, near, canvas)
        hidden |= near
        part = glass > 0
        if part.any():
            haze = layers[1][1]
            mixed = canvas[part] * (1 - haze) + rng.uniform(60, 220) * haze
            canvas[part] = mixed.astype(np.uint8)
        if near.any() and rng.random() < 0.6:  # heads of the rows before the boards
            lowest = int(np.nonzero(near.any(axis=1))[0].mean())
            for _ in range(int(rng.integers(4, 40))):
                spot = (int(rng.integers(0, canvas.shape[1])), lowest + int(rng.integers(5, 90)))
                size = int(rng.integers(5, 26))
                cv2.circle(canvas, spot, size, rng.integers(0, 120, 3).tolist(), -1)
                cv2.circle(hidden, spot, size, 255, -1)

    def _people(self, canvas: Image, rink: Rink, pose: Array) -> None:
        """Skaters as ellipses with a stick: enough to hide marks, and not to be taken for one."""
        rng = self._rng
        view = projection(pose, self._size)
        kits = [rng.integers(0, 255, (3, 3)).tolist() for _ in range(2)] + [[[20] * 3] * 3]
        count = int(rng.integers(0, 15))
        places = rng.uniform((3, 3), (rink.length_ft - 3, rink.width_ft - 3), (count, 2))
        for place in places[np.argsort(-np.linalg.norm(places - pose[:2], axis=1))]:
            foot = pixel_of((*place, 0.0), view)
            head = pixel_of((*place, 6.0), view)
            if foot is None or head is None:
                continue
            tall = float(np.linalg.norm(foot - head))
            if not 4 < tall < 260:
                continue
            draw_figure(canvas, foot, tall, kits[int(rng.integers(3))], rng)
        for x, ahead in zip(rink.goal_lines_ft, (1, -1), strict=True):
            if rng.random() < 0.9:
                draw_goal(canvas, rink, x, ahead, view)

    def _elsewhere(self, rink: Rink) -> Scene:
        """No rink to be measured: a crowd, or one person who fills the picture."""
        rng = self._rng
        canvas = self._crowd()
        if rng.random() < 0.5:
            canvas[:] = rng.integers(150, 255, 3)
        for _ in range(int(rng.integers(1, 4))):
            foot = rng.uniform((0, 200), (512, 420))
            draw_figure(
                canvas, foot, rng.uniform(200, 500), rng.integers(0, 255, (3, 3)).tolist(), rng
            )
        canvas = self._film(canvas)
        return Scene(canvas, rink, None, np.full(canvas.shape[:2], 255, np.uint8))

    def _film(self, canvas: Image) -> Image:
        rng, (width, height) = self._rng, self._size
        if rng.random() < 0.3:  # the camera pans
            reach = int(rng.integers(3, 15))
            kernel = np.zeros((reach, reach), np.float32)
            slope = rng.uniform(-0.25, 0.25)
            columns = np.arange(reach)
            rows = np.round((columns - reach / 2) * slope + (reach - 1) / 2).astype(int)
            kernel[np.clip(rows, 0, reach - 1), columns] = 1 / reach
            canvas = cv2.filter2D(canvas, -1, kernel)
        if rng.random() < 0.5:  # an older or smaller recording
            factor = rng.uniform(0.4, 1.0)
            small = cv2.resize(
                canvas, (int(width * factor), int(height * factor)), interpolation=cv2.INTER_AREA
            )
            canvas = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        if rng.random() < 0.3:
            canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.4, 1.3))
        picture = canvas.astype(np.float32)
        picture *= rng.uniform(0.9, 1.1, 3).astype(np.float32) * np.float32(rng.uniform(0.6, 1.2))
        grey = picture.mean(axis=2, keepdims=True)
        picture = grey + (picture - grey) * np.float32(rng.uniform(0.3, 1.4))
        picture += rng.normal(0, rng.uniform(0.5, 7), picture.shape).astype(np.float32)
        canvas = np.clip(picture, 0, 255).astype(np.uint8)
        if rng.random() < 0.6:
            quality = int(rng.integers(25, 90))
            packed = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            canvas = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
        return canvas

    def _overlay(self, canvas: Image, hidden: Image) -> None:
        """Scoreboard and the sender's mark."""
        rng, (width, height) = self._rng, self._size
        for _ in range(int(rng.integers(0, 4))):
            w, h = int(rng.integers(30, 300)), int(rng.integers(12, 50))
            x = int(rng.integers(0, width - w))
            y = int(rng.integers(0, 40) if rng.random() < 0.7 else height - h - rng.integers(0, 40))
            cv2.rectangle(canvas, (x, y), (x + w, y + h), rng.integers(0, 255, 3).tolist(), -1)
            cv2.rectangle(hidden, (x, y), (x + w, y + h), 255, -1)
            colour = rng.integers(0, 255, 3).tolist()
            cv2.putText(canvas, "AB 2 CD 1 12:34", (x + 3, y + h - 4), 0, h / 40, colour, 1)
