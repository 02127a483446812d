"""Drawing one person: joints in space to a picture with a mask.

Belongs here: limbs, jersey, number, pads, stripes, stick. Does not belong
here: poses, primitive shapes (``brush``), the scene, or truth tables.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.synthetic.blend import Image, scaled
from jarvis_dagster.hockey.synthetic.brush import STICK, Brush, Colour, Figure

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.camera import Camera
    from jarvis_dagster.hockey.synthetic.people import Kit, Person
    from jarvis_dagster.hockey.synthetic.poses import Pose

__all__ = ["draw_figure"]

_BLACK, _WHITE, _STEEL = (30, 26, 26), (238, 238, 238), (190, 186, 180)
_PAD, _SHAFT = (232, 234, 234), (60, 70, 80)


def draw_figure(
    camera: Camera, person: Person, kit: Kit | None, stance: tuple[float, float, float], pose: Pose
) -> Figure | None:
    """Draw ``person``; ``stance`` is x ft, y ft, heading rad; ``kit`` is None for officials.

    Returns None where the person is behind the camera or far outside the picture.
    """
    names = list(pose)
    local = np.stack([pose[name] for name in names]) * (person.height_ft / 6.3)
    x_ft, y_ft, heading = stance
    cos, sin = np.cos(heading), np.sin(heading)
    space = np.empty_like(local)
    space[:, 0] = x_ft + cos * local[:, 0] - sin * local[:, 1]
    space[:, 1] = y_ft + sin * local[:, 0] + cos * local[:, 1]
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
    factor = 3 if scale < 30 else 2
    brush = _Painter((int(high[0] - low[0]), int(high[1] - low[1])), factor, scale)
    large = (pixels - low) * factor
    points = {name: complex(x, y) for name, (x, y) in zip(names, large.tolist(), strict=True)}
    away = dict(zip(names, depth.tolist(), strict=True))
    facing = -float(camera.forward[0] * cos + camera.forward[1] * sin)
    brush.paint(person, kit, points, away, facing)
    return brush.figure((int(low[0]), int(low[1])))


class _Painter(Brush):
    """Draws whole people; joints are points of the large canvas."""

    def paint(
        self,
        person: Person,
        kit: Kit | None,
        at: dict[str, complex],
        away: dict[str, float],
        facing: float,
    ) -> None:
        """Draw the far side first, then trunk and head, then the near side."""
        far, near = ("l", "r") if away["hip_l"] > away["hip_r"] else ("r", "l")
        keeper = person.role == "goalkeeper"
        for name in (far, near):
            self._leg(at, name, kit, keeper)
        behind = [n for n in (far, near) if away[f"hand_{n}"] > away["chest"]]
        front = [n for n in (far, near) if n not in behind]
        stick_behind = kit is not None and away["stick_heel"] > away["pelvis"] + 0.6
        if stick_behind:
            self._stick(at, keeper)
        for name in behind:
            self._arm(at, name, kit, keeper)
        self._trunk(at, kit, facing, 1.2 if keeper else 1.0)
        if kit is not None and facing < -0.2:
            self._number(at, person.number, kit.number)
        if facing < 0:
            self._head(at, person, kit, facing)
        for name in front:
            self._arm(at, name, kit, keeper)
        if kit is not None and not stick_behind:
            self._stick(at, keeper)
        if facing >= 0:
            self._head(at, person, kit, facing)

    def _leg(self, at: dict[str, complex], name: str, kit: Kit | None, keeper: bool) -> None:
        hip, knee, ankle = at[f"hip_{name}"], at[f"knee_{name}"], at[f"ankle_{name}"]
        heel, toe = at[f"heel_{name}"], at[f"toe_{name}"]
        shin = ankle - knee
        self.limb(heel, toe, 0.1, _STEEL)
        raised = 0.16 * self.up
        self.limb(heel + raised, toe + raised, 0.34, _BLACK)
        self.limb(ankle, ankle + raised, 0.44, _BLACK)
        if kit is None:
            self.limb(knee, ankle, 0.5, _BLACK)
            self.limb(hip, knee, 0.72, _BLACK)
            return
        if keeper:
            self.limb(hip, knee, 0.85, kit.pants)
            top = knee - shin * 0.3
            self.limb(top, ankle + shin * 0.12, 1.02, _PAD)
            self.limb(knee - shin * 0.12, knee + shin * 0.2, 0.34, kit.trim)
            self.limb(knee + shin * 0.62, knee + shin * 0.72, 0.5, kit.trim)
            return
        self.limb(knee, ankle, 0.56, kit.socks)
        self.limb(knee + shin * 0.5, knee + shin * 0.62, 0.57, kit.trim)
        self.limb(hip, knee + (hip - knee) * 0.08, 0.92, kit.pants)

    def _arm(self, at: dict[str, complex], name: str, kit: Kit | None, keeper: bool) -> None:
        shoulder, elbow, hand = at[f"shoulder_{name}"], at[f"elbow_{name}"], at[f"hand_{name}"]
        upper, lower = elbow - shoulder, hand - elbow
        if kit is None:
            self.limb(shoulder, elbow, 0.48, _WHITE)
            for share in (0.25, 0.65):
                self.limb(shoulder + upper * share, shoulder + upper * (share + 0.12), 0.5, _BLACK)
            self.limb(elbow, hand, 0.38, _WHITE)
            self.limb(elbow + lower * 0.4, elbow + lower * 0.55, 0.4, _BLACK)
            self.disc(hand, 0.17, (120, 150, 200))
            return
        bulk = 1.25 if keeper else 1.0
        self.limb(shoulder, elbow, 0.68 * bulk, kit.jersey)
        self.limb(elbow, hand, 0.56 * bulk, kit.jersey)
        self.limb(elbow + lower * 0.3, elbow + lower * 0.45, 0.58 * bulk, kit.trim)
        if keeper:
            self.limb(hand, hand + lower * 0.15, 0.85, _PAD)
        else:
            self.limb(hand, hand + lower * 0.14, 0.48, kit.gloves)

    def _trunk(self, at: dict[str, complex], kit: Kit | None, facing: float, bulk: float) -> None:
        left, right = at["shoulder_l"], at["shoulder_r"]
        low_l, low_r = at["hip_l"], at["hip_r"]
        lift = 0.12 * self.up
        if kit is None:
            self._stripes(left, right, low_l, low_r, lift)
            return
        colour = kit.jersey
        self.limb(low_l, low_r, 0.9 * bulk, kit.pants)
        # A jersey hangs loose over the pads: wide at the shoulders, to below the hips.
        hem_l, hem_r = low_l - 1.2 * lift, low_r - 1.2 * lift
        self.limb(left, hem_l + lift, 0.78 * bulk, scaled(colour, 0.93))
        self.limb(right, hem_r + lift, 0.78 * bulk, scaled(colour, 0.93))
        self.area([left, right, hem_r, hem_l], colour)
        self.limb(left, right, 0.66 * bulk, colour)
        self.limb(hem_l + 0.8 * lift, hem_r + 0.8 * lift, 0.5, kit.trim)
        self.limb(hem_l + 2.6 * lift, hem_r + 2.6 * lift, 0.3, colour)
        if facing > 0.3:  # a crest on the chest
            crest = (left + right + hem_l + hem_r) / 4 + lift
            self.disc(crest, 0.36, kit.trim)
            self.disc(crest, 0.2, kit.number)

    def _stripes(
        self, left: complex, right: complex, low_l: complex, low_r: complex, lift: complex
    ) -> None:
        """An official's shirt."""
        self.limb(left, low_l + lift, 0.56, scaled(_WHITE, 0.92))
        self.limb(right, low_r + lift, 0.56, scaled(_WHITE, 0.92))
        self.area([left, right, low_r + lift, low_l + lift], _WHITE)
        self.limb(left, right, 0.5, _WHITE)
        # Seen from the side the shirt is narrow but still striped.
        wide, top, low = right - left, (left + right) / 2, (low_l + low_r) / 2
        across = wide / abs(wide) if abs(wide) > 0.2 * self.px else complex(1, 0)
        reach = abs(wide) / 2 + 0.2 * self.px
        count = max(2, round(2 * reach / (0.32 * self.px)))
        for k in range(count):
            aside = across * reach * (2 * (k + 0.5) / count - 1)
            self.limb(top + aside + lift, low + 0.75 * aside + lift, 0.13, _BLACK)
        self.limb(low_l, low_r, 0.54, _BLACK)

    def _number(self, at: dict[str, complex], number: int, colour: Colour) -> None:
        import cv2

        left, right = at["shoulder_l"], at["shoulder_r"]
        low_l, low_r = at["hip_l"], at["hip_r"]
        if abs(right - left) < 0.5 * self.px:
            return
        mask = _number_mask(number)
        corners = [left + (low_l - left) * 0.12, right + (low_r - right) * 0.12]
        corners += [right + (low_r - right) * 0.85, left + (low_l - left) * 0.85]
        quad = np.array([(z.real, z.imag) for z in corners], np.float32)
        low = np.maximum(np.floor(quad.min(axis=0)).astype(int), 0)
        high = np.ceil(quad.max(axis=0)).astype(int)
        side = mask.shape[0]
        source = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float32)
        matrix = cv2.getPerspectiveTransform(source, quad - low.astype(np.float32))
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        layer = cv2.warpPerspective(mask, matrix, size, flags=cv2.INTER_LINEAR)
        area = self.canvas[low[1] : low[1] + size[1], low[0] : low[0] + size[0]]
        inked = layer[: area.shape[0], : area.shape[1]] > 110
        area[inked, :3] = colour

    def _head(self, at: dict[str, complex], person: Person, kit: Kit | None, facing: float) -> None:
        head = at["head"]
        helmet = _BLACK if kit is None else kit.helmet
        self.limb(at["chest"] + 0.1 * self.up, head - 0.1 * self.up, 0.42, person.skin)
        self.disc(head, 0.44, helmet)
        if facing <= -0.25:
            return
        ahead = (head - (at["shoulder_l"] + at["shoulder_r"]) / 2).real
        face = head - 0.16 * self.up + 0.35 * ahead
        if person.role == "goalkeeper":
            self.disc(face, 0.32, _PAD)
            self.limb(face - 0.18 * self.px, face + 0.18 * self.px, 0.08, _BLACK)
            self.limb(face - 0.12 * self.up, face + 0.16 * self.up, 0.05, _BLACK)
            return
        self.disc(face, 0.29, person.skin)
        brow = face + 0.12 * self.up
        self.limb(brow - 0.2 * self.px, brow + 0.2 * self.px, 0.14, helmet)

    def _stick(self, at: dict[str, complex], keeper: bool) -> None:
        heel, toe = at["stick_heel"], at["stick_toe"]
        if keeper:
            self.limb(at["stick_top"], at["paddle"], 0.12, _SHAFT, STICK)
            self.limb(at["paddle"], heel, 0.36, _PAD, STICK)
            self.limb(heel, toe, 0.3, _BLACK, STICK)
            return
        self.limb(at["stick_top"], heel, 0.1, _SHAFT, STICK)
        self.limb(heel, toe, 0.2, _BLACK, STICK)


@lru_cache(maxsize=128)
def _number_mask(number: int) -> Image:
    import cv2

    text, side = str(number), 96
    mask = np.zeros((side, side), np.uint8)
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, 14
    scale = 2.6 if len(text) == 1 else 2.05
    (width, height), _ = cv2.getTextSize(text, font, scale, thick)
    at = ((side - width) // 2, (side + height) // 2)
    cv2.putText(mask, text, at, font, scale, 255, thick, cv2.LINE_AA)
    return mask
