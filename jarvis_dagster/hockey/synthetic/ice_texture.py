"""The ice from above, painted once a game.

Belongs here: markings, crest, advertisements, skate cuts and light. Does not
belong here: the boards around it, or cameras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.drawing import crease_outline_ft
from jarvis_dagster.hockey.synthetic.blend import Image, as_image, scaled
from jarvis_dagster.hockey.synthetic.textures import text_stamp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink import Rink

__all__ = ["ICE_PX_PER_FT", "ice"]

ICE_PX_PER_FT = (14.0, 8.0)
"""Coarser across than along: the cameras see the ice foreshortened."""

_RED = (60, 48, 196)
_BLUE = (168, 84, 40)
Colour = tuple[int, int, int]


def ice(rink: Rink, name: str, colour: Colour, rng: np.random.Generator, detail: float) -> Image:
    """The ice as seen from above, BGR; x right, y (rink feet) down.

    Its scale is ``ICE_PX_PER_FT`` times ``detail`` (at most 1): a small video
    needs a small picture, or its thin lines would flicker.
    """
    import cv2

    px = ICE_PX_PER_FT[0]
    size = (round(rink.length_ft * px), round(rink.width_ft * px))
    picture = np.empty((size[1], size[0], 3), np.uint8)
    picture[:] = (240, 236, 230)
    _ice_marks(picture, rink, px)
    _ice_logo(picture, rink, px, name, colour)
    _ice_wear(picture, rng)
    scale = px * detail, ICE_PX_PER_FT[1] * detail
    size = (round(rink.length_ft * scale[0]), round(rink.width_ft * scale[1]))
    small = as_image(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    outside = np.full(small.shape[:2], 255, np.uint8)
    outline = rink.outline_ft(1.0, inset_ft=-0.08) * scale
    cv2.fillPoly(outside, [np.round(outline).astype(np.int32)], 0)
    small[outside > 0] = (24, 22, 22)
    return small


def _points(xy_ft: NDArray[np.float64], px: float) -> NDArray[np.int32]:
    fixed: NDArray[np.int32] = np.round(np.asarray(xy_ft) * px * 16).astype(np.int32)
    return fixed


def _ice_marks(picture: Image, rink: Rink, px: float) -> None:
    import cv2

    def circle(xy: tuple[float, float], radius: float, colour: Colour, width: float) -> None:
        centre = (round(xy[0] * px * 16), round(xy[1] * px * 16))
        line = -1 if width <= 0 else max(2, round(width * px))
        cv2.circle(picture, centre, round(radius * px * 16), colour, line, cv2.LINE_AA, 4)

    def band(x: float, width: float, colour: Colour) -> None:
        half = width / 2
        low, high = 0.0, rink.width_ft
        corners = np.array([(x - half, low), (x + half, low), (x + half, high), (x - half, high)])
        cv2.fillPoly(picture, [_points(corners, px)], colour, cv2.LINE_AA, 4)

    for side, x in zip((1, -1), rink.goal_lines_ft, strict=True):
        outline = _points(crease_outline_ft(rink, side), px)
        cv2.fillPoly(picture, [outline], (238, 205, 150), cv2.LINE_AA, 4)
        cv2.polylines(picture, [outline], False, _RED, 3, cv2.LINE_AA, 4)
        band(x, 0.25, _RED)
    for x in rink.blue_lines_ft:
        band(x, rink.blue_line_width_ft, _BLUE)
    band(rink.length_ft / 2, rink.blue_line_width_ft, _RED)
    for y in np.arange(0.5, rink.width_ft, 2.0):  # the dashes of the centre line
        start = (round((rink.length_ft / 2 - 0.3) * px), round(y * px))
        stop = (round((rink.length_ft / 2 + 0.3) * px), round((y + 0.7) * px))
        cv2.rectangle(picture, start, stop, (235, 232, 228), -1)
    for dot in rink.end_dots_ft:
        circle(dot, rink.circle_radius_ft, _RED, 0.25)
        circle(dot, rink.dot_radius_ft, _RED, 0)
        for sx in (-1, 1):
            for sy in (-1, 1):
                x, y = dot[0] + 2 * sx, dot[1] + 0.75 * sy
                ell = np.array([(x + 4 * sx, y), (x, y), (x, y + 3 * sy)])
                cv2.polylines(picture, [_points(ell, px)], False, _RED, 3, cv2.LINE_AA, 4)
    for dot in rink.neutral_dots_ft:
        circle(dot, rink.dot_radius_ft, _RED, 0)
    circle(rink.centre_ft, rink.circle_radius_ft, _BLUE, 0.25)
    circle((rink.length_ft / 2, 0.0), rink.referee_crease_radius_ft, _RED, 0.2)


def _ice_logo(picture: Image, rink: Rink, px: float, name: str, colour: Colour) -> None:
    """A crest at centre ice and names in the neutral zone, upright for the main camera."""
    import cv2

    layer = picture.copy()
    x, y = (round(v * px) for v in rink.centre_ft)
    cv2.circle(layer, (x, y), round(11.5 * px), colour, round(1.3 * px), cv2.LINE_AA)
    cv2.circle(layer, (x, y), round(9 * px), scaled(colour, 1.5), -1, cv2.LINE_AA)
    star = []
    for k in range(10):
        reach = (8.0 if k % 2 == 0 else 3.6) * px
        star.append((x + reach * np.sin(k * np.pi / 5), y + reach * np.cos(k * np.pi / 5)))
    cv2.fillPoly(layer, [np.array(star, np.int32)], (245, 245, 245), cv2.LINE_AA)
    for text, at, tall in (
        (name, (rink.length_ft * 0.43, rink.width_ft * 0.16), 4.0),
        ("GLACIER BANK", (rink.length_ft * 0.56, rink.width_ft * 0.86), 4.2),
        ("FJORD AIR", (rink.length_ft * 0.33, rink.width_ft * 0.5), 5.0),
        ("ARENA COLA", (rink.length_ft * 0.68, rink.width_ft * 0.5), 5.0),
    ):
        stamp = text_stamp(text, round(tall * px), colour)[::-1]
        left, top = round(at[0] * px) - stamp.shape[1] // 2, round(at[1] * px)
        area = layer[top : top + stamp.shape[0], left : left + stamp.shape[1]]
        part = stamp[: area.shape[0], : area.shape[1]]
        share = part[..., 3:] / 255
        area[:] = (area * (1 - share) + part[..., :3] * share).astype(np.uint8)
    cv2.addWeighted(layer, 0.62, picture, 0.38, 0, dst=picture)


def _ice_wear(picture: Image, rng: np.random.Generator) -> None:
    """Skate cuts, snow, and the unevenness of the light."""
    import cv2

    height, width = picture.shape[:2]
    layer = picture.copy()
    for _ in range(1500):
        x, y = rng.integers(width), rng.integers(height)
        radius = int(rng.integers(60, 420))
        start = int(rng.integers(360))
        tone = int(rng.integers(200, 256))
        sweep = int(rng.integers(8, 40))
        cv2.ellipse(
            layer, (int(x), int(y)), (radius, radius), start, 0, sweep, (tone,) * 3, 1, cv2.LINE_AA
        )
    cv2.addWeighted(layer, 0.5, picture, 0.5, 0, dst=picture)
    coarse = rng.normal(0, 1, (height // 160 + 2, width // 160 + 2)).astype(np.float32)
    light = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 3
    fine = rng.normal(0, 1, (height // 3, width // 3)).astype(np.float32)
    light = light + cv2.resize(fine, (width, height), interpolation=cv2.INTER_LINEAR) * 2.5
    across = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    light = light + 5 - 9 * across**2
    for row in range(0, height, 64):
        band = picture[row : row + 64].astype(np.float32) + light[row : row + 64, :, None]
        picture[row : row + 64] = np.clip(band, 0, 255).astype(np.uint8)
