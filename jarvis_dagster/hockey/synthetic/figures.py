"""Drawing one person: joints in space to a picture with a mask.

Belongs here: limbs, jersey, number, pads, stripes, stick, shading. Does not
belong here: poses, the scene, or truth tables.

A figure is drawn large and averaged down, so its edges are smooth and its mask
is exact. Alpha 255 marks the body and 254 the stick: boxes are of the body.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jarvis_dagster.hockey.synthetic.blend import Image, scaled

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.camera import Camera
    from jarvis_dagster.hockey.synthetic.people import Kit, Person
    from jarvis_dagster.hockey.synthetic.poses import Pose

__all__ = ["Figure", "draw_figure"]

Array = NDArray[np.float64]
Colour = tuple[int, int, int]
_BODY, _STICK = 255, 254
_BLACK, _WHITE, _STEEL = (30, 26, 26), (238, 238, 238), (190, 186, 180)
_SHIFT = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Figure:
    """A drawn person: premultiplied BGRA ``sprite`` with its corner at ``corner`` px.

    ``box`` is x1, y1, x2, y2 px, tight around the body without the stick;
    ``area_px`` is the body's size in picture pixels.
    """

    sprite: Image
    corner: tuple[int, int]
    box: tuple[float, float, float, float]
    area_px: float


def draw_figure(
    camera: Camera, person: Person, kit: Kit | None, xy: Array, heading: float, pose: Pose
) -> Figure | None:
    """Draw ``person`` standing at ``xy`` ft; ``kit`` is None for officials.

    Returns None where the person is behind the camera or far outside the picture.
    """
    names = list(pose)
    local = np.stack([pose[name] for name in names]) * (person.height_ft / 6.3)
    cos, sin = np.cos(heading), np.sin(heading)
    space = np.empty_like(local)
    space[:, 0] = xy[0] + cos * local[:, 0] - sin * local[:, 1]
    space[:, 1] = xy[1] + sin * local[:, 0] + cos * local[:, 1]
    space[:, 2] = np.maximum(local[:, 2], 0.02)
    pixels, depth = camera.project(space)
    if depth.min() < 4:
        return None
    scale = camera.focal_px / float(depth.mean())
    margin = 0.9 * scale
    low = np.floor(pixels.min(axis=0) - margin).astype(int)
    high = np.ceil(pixels.max(axis=0) + margin).astype(int)
    width, height = camera.size_px
    if high[0] < 0 or high[1] < 0 or low[0] > width or low[1] > height:
        return None
    factor = 3 if scale < 22 else 2
    brush = _Brush(high - low, factor, scale)
    points = dict(zip(names, (pixels - low) * factor, strict=True))
    away = dict(zip(names, depth.tolist(), strict=True))
    facing = -float(camera.forward[0] * cos + camera.forward[1] * sin)
    brush.paint(person, kit, points, away, facing)
    return brush.figure(low)


class _Brush:
    """Draws into one large canvas; lengths in feet."""

    def __init__(self, size: NDArray[np.int64], factor: int, px_per_ft: float) -> None:
        self.factor = factor
        self.px = px_per_ft * factor
        self.canvas: Image = np.zeros((int(size[1]) * factor, int(size[0]) * factor, 4), np.uint8)

    def limb(self, a: Array, b: Array, wide: float, colour: Colour, alpha: int = _BODY) -> None:
        """A round-ended limb, lit from above left."""
        import cv2

        thick = max(1, round(wide * self.px))
        start, stop = np.round(a * 16).astype(int), np.round(b * 16).astype(int)
        dark = (*scaled(colour, 0.62), alpha)
        cv2.line(self.canvas, start, stop, dark, thick, cv2.LINE_8, _SHIFT)
        if thick > 3:
            light = np.round(np.array([-0.13, -0.1]) * thick * 16).astype(int)
            tone = (*colour, alpha)
            cv2.line(
                self.canvas, start + light, stop + light, tone, max(1, round(thick * 0.7)), 8, 4
            )

    def disc(self, at: Array, radius: float, colour: Colour) -> None:
        import cv2

        centre = np.round(at * 16).astype(int)
        size = max(8, round(radius * self.px * 16))
        cv2.circle(self.canvas, centre, size, (*scaled(colour, 0.66), _BODY), -1, 8, 4)
        light = np.round(np.array([-0.16, -0.18]) * size).astype(int)
        cv2.circle(self.canvas, centre + light, round(size * 0.74), (*colour, _BODY), -1, 8, 4)

    def area(self, corners: list[Array], colour: Colour) -> None:
        import cv2

        polygon = np.round(np.array(corners) * 16).astype(np.int32)
        cv2.fillPoly(self.canvas, [polygon], (*colour, _BODY), cv2.LINE_8, _SHIFT)

    # Whole people ---------------------------------------------------------------------
    def paint(
        self,
        person: Person,
        kit: Kit | None,
        at: dict[str, Array],
        away: dict[str, float],
        facing: float,
    ) -> None:
        """Draw the far side first, then trunk and head, then the near side."""
        far, near = ("l", "r") if away["hip_l"] > away["hip_r"] else ("r", "l")
        keeper = person.role == "goalkeeper"
        for name in (far, near):
            self._leg(at, name, kit, keeper)
        arms = {name: away[f"hand_{name}"] for name in (far, near)}
        behind = [n for n in (far, near) if arms[n] > away["chest"]]
        front = [n for n in (far, near) if n not in behind]
        stick_behind = kit is not None and away["stick_heel"] > away["pelvis"] + 0.6
        if stick_behind:
            self._stick(at, keeper)
        for name in behind:
            self._arm(at, name, kit, keeper)
        self._trunk(at, kit, facing)
        if kit is not None and facing < -0.2:
            self._number(at, person.number, kit.number, 0.75)
        if facing < 0:
            self._head(at, person, kit, facing)
        for name in front:
            self._arm(at, name, kit, keeper)
        if kit is not None and not stick_behind:
            self._stick(at, keeper)
        if facing >= 0:
            self._head(at, person, kit, facing)

    def _leg(self, at: dict[str, Array], name: str, kit: Kit | None, keeper: bool) -> None:
        hip, knee, ankle = at[f"hip_{name}"], at[f"knee_{name}"], at[f"ankle_{name}"]
        heel, toe = at[f"heel_{name}"], at[f"toe_{name}"]
        self.limb(heel, toe, 0.1, _STEEL)
        raised = np.array([0, -0.16 * self.px])
        self.limb(heel + raised, toe + raised, 0.34, _BLACK)
        self.limb(ankle, ankle + raised, 0.42, _BLACK)
        if kit is None:
            self.limb(knee, ankle, 0.5, _BLACK)
            self.limb(hip, knee, 0.68, _BLACK)
            return
        if keeper:
            self.limb(hip, knee, 0.8, kit.pants)
            pad = (235, 236, 236)
            top = knee + (knee - ankle) * 0.3
            self.limb(top, ankle + (ankle - knee) * 0.12, 0.98, pad)
            self.limb(top * 0.5 + knee * 0.5, knee * 0.75 + ankle * 0.25, 0.3, kit.trim)
            return
        self.limb(knee, ankle, 0.52, kit.socks)
        band = knee + (ankle - knee) * 0.5
        self.limb(band, band + (ankle - knee) * 0.12, 0.54, kit.trim)
        self.limb(hip, knee + (hip - knee) * 0.1, 0.86, kit.pants)

    def _arm(self, at: dict[str, Array], name: str, kit: Kit | None, keeper: bool) -> None:
        shoulder, elbow, hand = at[f"shoulder_{name}"], at[f"elbow_{name}"], at[f"hand_{name}"]
        if kit is None:
            self.limb(shoulder, elbow, 0.44, _WHITE)
            for share in (0.25, 0.65):
                spot = shoulder + (elbow - shoulder) * share
                self.limb(spot, spot + (elbow - shoulder) * 0.12, 0.46, _BLACK)
            self.limb(elbow, hand, 0.36, _WHITE)
            spot = elbow + (hand - elbow) * 0.4
            self.limb(spot, spot + (hand - elbow) * 0.15, 0.38, _BLACK)
            self.disc(hand, 0.17, (120, 150, 200))
            return
        self.limb(shoulder, elbow, 0.58, kit.jersey)
        self.limb(elbow, hand, 0.5, kit.jersey)
        band = elbow + (hand - elbow) * 0.3
        self.limb(band, band + (hand - elbow) * 0.15, 0.52, kit.trim)
        if keeper:
            self.limb(hand, hand + (hand - elbow) * 0.15, 0.8, (225, 226, 228))
        else:
            self.limb(hand, hand + (hand - elbow) * 0.12, 0.42, kit.gloves)

    def _trunk(self, at: dict[str, Array], kit: Kit | None, facing: float) -> None:
        left, right = at["shoulder_l"], at["shoulder_r"]
        low_l, low_r = at["hip_l"], at["hip_r"]
        colour = _WHITE if kit is None else kit.jersey
        if kit is not None:
            self.limb(low_l, low_r, 0.85, kit.pants)
        wide = 0.5 if kit is None else 0.68
        lift = np.array([0, -0.12 * self.px])
        self.limb(left, low_l + lift, wide, scaled(colour, 0.92))
        self.limb(right, low_r + lift, wide, scaled(colour, 0.92))
        self.area([left, right, low_r + lift, low_l + lift], colour)
        self.limb(left, right, wide * 0.8, colour)
        if kit is None:
            for share in np.linspace(-0.12, 1.12, 7):
                top, low = left + (right - left) * share, low_l + (low_r - low_l) * share
                self.limb(top + lift, low + lift, 0.12, _BLACK)
            self.limb(low_l, low_r, 0.5, _BLACK)
            return
        # The hem, and a stripe above it.
        self.limb(low_l + lift, low_r + lift, 0.34, kit.trim)
        self.limb(low_l + 2.6 * lift, low_r + 2.6 * lift, 0.16, kit.jersey)
        if facing > 0.3:  # a crest on the chest
            crest = (left + right + low_l + low_r) / 4 + 0.8 * lift
            self.disc(crest, 0.34, kit.trim)
            self.disc(crest, 0.18, kit.number)

    def _number(self, at: dict[str, Array], number: int, colour: Colour, size: float) -> None:
        import cv2

        left, right = at["shoulder_l"], at["shoulder_r"]
        low_l, low_r = at["hip_l"], at["hip_r"]
        if np.linalg.norm(right - left) < 0.5 * self.px:
            return
        tile = _number_tile(number, colour)
        top, low = 0.1, 0.1 + size
        quad = np.array(
            [
                left + (low_l - left) * top,
                right + (low_r - right) * top,
                right + (low_r - right) * low,
                left + (low_l - left) * low,
            ]
        ).astype(np.float32)
        side = tile.shape[0]
        source = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float32)
        matrix = cv2.getPerspectiveTransform(source, quad)
        size_px = (self.canvas.shape[1], self.canvas.shape[0])
        layer = cv2.warpPerspective(tile, matrix, size_px, flags=cv2.INTER_LINEAR)
        mask = layer[..., 3] > 110
        self.canvas[mask, :3] = colour

    def _head(self, at: dict[str, Array], person: Person, kit: Kit | None, facing: float) -> None:
        head = at["head"]
        helmet = _BLACK if kit is None else kit.helmet
        up = np.array([0, -0.1 * self.px])
        self.limb(at["chest"] - up, head - up, 0.42, person.skin)
        self.disc(head, 0.42, helmet)
        if facing > -0.25:
            side = at["head"] - (at["shoulder_l"] + at["shoulder_r"]) / 2
            face = head - 1.6 * up + np.array([0.35 * side[0], 0])
            if person.role == "goalkeeper":
                self.disc(face, 0.3, (200, 204, 206))
            else:
                self.disc(face, 0.29, person.skin)
                self.limb(
                    face + np.array((-0.2 * self.px, 1.1 * up[1])),
                    face + np.array((0.2 * self.px, 1.1 * up[1])),
                    0.14,
                    helmet,
                )

    def _stick(self, at: dict[str, Array], keeper: bool) -> None:
        wood = (60, 70, 80)
        heel, toe = at["stick_heel"], at["stick_toe"]
        if keeper:
            self.limb(at["stick_top"], at["paddle"], 0.12, wood, _STICK)
            self.limb(at["paddle"], heel, 0.34, (200, 205, 210), _STICK)
            self.limb(heel, toe, 0.3, _BLACK, _STICK)
            return
        self.limb(at["stick_top"], heel, 0.1, wood, _STICK)
        self.limb(heel, toe, 0.2, _BLACK, _STICK)

    def figure(self, corner: NDArray[np.int64]) -> Figure | None:
        """Average down, and measure the body."""
        import cv2

        body = self.canvas[..., 3] == _BODY
        columns, rows = np.flatnonzero(body.any(axis=0)), np.flatnonzero(body.any(axis=1))
        if len(columns) == 0:
            return None
        k = self.factor
        size = (self.canvas.shape[1] // k, self.canvas.shape[0] // k)
        sprite = cv2.resize(self.canvas, size, interpolation=cv2.INTER_AREA)
        x, y = int(corner[0]), int(corner[1])
        box = (
            x + columns[0] / k,
            y + rows[0] / k,
            x + (columns[-1] + 1) / k,
            y + (rows[-1] + 1) / k,
        )
        return Figure(sprite, (x, y), box, float(body.sum()) / k**2)


@lru_cache(maxsize=256)
def _number_tile(number: int, colour: Colour) -> Image:
    import cv2

    text, side = str(number), 96
    tile = np.zeros((side, side, 4), np.uint8)
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, 14
    scale = 2.6 if len(text) == 1 else 2.05
    (width, height), _ = cv2.getTextSize(text, font, scale, thick)
    at = ((side - width) // 2, (side + height) // 2)
    cv2.putText(tile, text, at, font, scale, (*colour, 255), thick, cv2.LINE_AA)
    return tile
