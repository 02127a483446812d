"""The painted surfaces of the arena, made once a game.

Belongs here: ice, boards, glass, crowd and benches as flat pictures. Does not
belong here: where they stand, or cameras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.drawing import crease_outline_ft
from jarvis_dagster.hockey.synthetic.blend import Image, as_image, premultiplied, scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink import Rink
    from jarvis_dagster.hockey.synthetic.people import Kit

__all__ = [
    "BENCH_HEIGHT_FT",
    "CROWD_TILE_FT",
    "GLASS_FT",
    "ICE_PX_PER_FT",
    "bench",
    "boards",
    "boards_from_outside",
    "crowd",
    "ice",
]

ICE_PX_PER_FT = (14.0, 8.0)
"""Coarser across than along: the cameras see the ice foreshortened."""
GLASS_FT = 5.0
CROWD_TILE_FT = (60.0, 45.0)
BENCH_HEIGHT_FT = 5.5
_PX = 14
Colour = tuple[int, int, int]
_RED = (60, 48, 196)
_BLUE = (168, 84, 40)
_ADS = (
    ("ARENA COLA", (40, 30, 200), (255, 255, 255)),
    ("GLACIER BANK", (120, 70, 20), (250, 250, 250)),
    ("NORTHERN OIL", (250, 250, 250), (30, 110, 20)),
    ("SKATE & CO", (250, 250, 250), (40, 40, 200)),
    ("PUCK RADIO", (30, 200, 245), (20, 20, 20)),
    ("TIMBER HOMES", (60, 110, 30), (250, 250, 250)),
    ("BLUE LINE TYRES", (245, 245, 245), (160, 70, 20)),
    ("CITY TRANSIT", (250, 250, 250), (90, 90, 90)),
    ("FJORD AIR", (150, 90, 20), (250, 250, 250)),
    ("HAT TRICK PIZZA", (245, 245, 245), (20, 90, 220)),
)


def ice(rink: Rink, name: str, colour: Colour, rng: np.random.Generator) -> Image:
    """The ice as seen from above, BGR; x right, y (rink feet) down, ``ICE_PX_PER_FT``."""
    import cv2

    px = ICE_PX_PER_FT[0]
    size = (round(rink.length_ft * px), round(rink.width_ft * px))
    picture = np.empty((size[1], size[0], 3), np.uint8)
    picture[:] = (240, 236, 230)
    _ice_marks(picture, rink, px)
    _ice_logo(picture, rink, px, name, colour)
    _ice_wear(picture, rng)
    size = (round(rink.length_ft * px), round(rink.width_ft * ICE_PX_PER_FT[1]))
    small = as_image(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    outside = np.full(small.shape[:2], 255, np.uint8)
    outline = rink.outline_ft(1.0, inset_ft=-0.6) * (px, ICE_PX_PER_FT[1])
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
        stamp = _text(text, round(tall * px), colour)[::-1]
        left, top = round(at[0] * px) - stamp.shape[1] // 2, round(at[1] * px)
        area = layer[top : top + stamp.shape[0], left : left + stamp.shape[1]]
        part = stamp[: area.shape[0], : area.shape[1]]
        share = part[..., 3:] / 255
        area[:] = (area * (1 - share) + part[..., :3] * share).astype(np.uint8)
    cv2.addWeighted(layer, 0.62, picture, 0.38, 0, dst=picture)


def _text(text: str, height: int, colour: Colour) -> Image:
    """Straight BGRA of one line of capitals."""
    import cv2

    font, thick = cv2.FONT_HERSHEY_DUPLEX, max(1, round(height / 9))
    scale = cv2.getFontScaleFromHeight(font, round(height * 0.72), thick)
    (width, _), _ = cv2.getTextSize(text, font, scale, thick)
    mask = np.zeros((height, width + 2 * thick), np.uint8)
    at = (thick, round(height * 0.86))
    cv2.putText(mask, text, at, font, scale, 255, thick, cv2.LINE_AA)
    colours = np.empty((*mask.shape, 3), np.uint8)
    colours[:] = colour
    return np.dstack([colours, mask])


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


def boards(length_ft: float, height_ft: float, first_ad: int, *, glass: bool = True) -> Image:
    """Boards with advertisements, kick plate and glass, premultiplied BGRA.

    The picture's lower edge is the ice; its height is ``height_ft + GLASS_FT``.
    """
    import cv2

    width = max(8, round(length_ft * _PX))
    high, wall = round((height_ft + GLASS_FT) * _PX), round(height_ft * _PX)
    picture = np.zeros((high, width, 4), np.uint8)
    top = high - wall
    if glass:
        picture[:top] = (225, 220, 214, 26)
        for x in range(0, width, 4 * _PX):
            cv2.line(picture, (x, 0), (x, top), (150, 150, 150, 120), 2)
        picture[0:2] = (210, 210, 210, 110)
    picture[top:] = (238, 238, 238, 255)
    ad_px = 15 * _PX
    for i in range(-(-width // ad_px)):
        text, back, ink = _ADS[(first_ad + i) % len(_ADS)]
        x0, x1 = i * ad_px, min((i + 1) * ad_px, width)
        picture[top + 4 : high - 11, x0:x1] = (*back, 255)
        stamp = _text(text, round(wall * 0.52), ink)
        if x1 - x0 > stamp.shape[1] + 8:
            left = x0 + (x1 - x0 - stamp.shape[1]) // 2
            area = picture[top + 8 : top + 8 + stamp.shape[0], left : left + stamp.shape[1], :3]
            share = stamp[..., 3:] / 255
            area[:] = (area * (1 - share) + stamp[..., :3] * share).astype(np.uint8)
    picture[top : top + 4] = (150, 110, 60, 255)  # the cap rail
    picture[high - 10 :] = (40, 196, 240, 255)  # the yellow kick plate
    return premultiplied(picture)


def boards_from_outside(length_ft: float, height_ft: float) -> Image:
    """The back of the boards with the glass above, like :func:`boards`."""
    import cv2

    width, top = max(8, round(length_ft * _PX)), round(GLASS_FT * _PX)
    picture = np.zeros((round((height_ft + GLASS_FT) * _PX), width, 4), np.uint8)
    picture[:top] = (225, 220, 214, 20)
    for x in range(0, width, 4 * _PX):
        cv2.line(picture, (x, 0), (x, top), (150, 150, 150, 110), 2)
        cv2.line(picture, (x, top), (x, picture.shape[0]), (40, 36, 34, 255), 3)
    picture[0:2] = (210, 210, 210, 100)
    back = picture[top:]
    back[:] = (58, 50, 46, 255)
    back[::, :: 4 * _PX] = (36, 32, 30, 255)
    back[:6] = (196, 150, 92, 255)
    back[6:9] = (30, 28, 26, 255)
    return premultiplied(picture)


def crowd(rng: np.random.Generator, colours: list[Colour], light: float) -> Image:
    """A block of seats with people, premultiplied BGRA, ``CROWD_TILE_FT`` at 12 px a foot.

    ``light`` 1 for the lit far side; the camera's own side is darker.
    """
    import cv2

    px = 12
    width, height = round(CROWD_TILE_FT[0] * px), round(CROWD_TILE_FT[1] * px)
    picture = np.empty((height, width, 4), np.uint8)
    picture[:] = (*scaled((34, 28, 26), light), 255)
    row_px, seat_px = round(2.7 * px), round(1.75 * px)
    for row, y in enumerate(range(height // row_px * row_px, -row_px, -row_px)):
        shade = light * (0.8 - 0.3 * (1 - y / height))
        cv2.line(picture, (0, y), (width, y), (*scaled((58, 50, 46), light), 255), 3)
        for x in range(-seat_px, width + seat_px, seat_px):
            if rng.random() < 0.1 or 28 * px < x < 31.5 * px:  # empty seats and an aisle
                continue
            shirt = colours[int(rng.integers(len(colours)))]
            tone = shade * float(rng.uniform(0.5, 1.0))
            cx = x + int(rng.integers(-3, 4)) + (row % 2) * seat_px // 2
            cy = y - int(rng.integers(10, 16))
            body = (*scaled(shirt, tone), 255)
            cv2.ellipse(picture, (cx, cy), (8, 12), 0, 0, 360, body, -1, cv2.LINE_AA)
            skin = (*scaled((120, 150, 200), tone * float(rng.uniform(0.6, 1.1))), 255)
            cv2.circle(picture, (cx, cy - 14), 5, skin, -1, cv2.LINE_AA)
            hair = (*scaled((40, 44, 56), tone), 255)
            cv2.ellipse(picture, (cx, cy - 16), (5, 4), 0, 180, 360, hair, -1, cv2.LINE_AA)
    # Out of focus, as the crowd is when the camera follows the play.
    return as_image(cv2.GaussianBlur(picture, (0, 0), 1.6))


def bench(kit: Kit, length_ft: float, rng: np.random.Generator) -> Image:
    """A team on its bench with two coaches behind, premultiplied BGRA, ``BENCH_HEIGHT_FT`` high."""
    import cv2

    px = _PX
    width, height = round(length_ft * px), round(BENCH_HEIGHT_FT * px)
    picture = np.zeros((height, width, 4), np.uint8)
    for x in np.linspace(0.25, 0.75, 2) * width:  # coaches, standing
        cx = int(x + rng.integers(-30, 30))
        cv2.ellipse(picture, (cx, height - 22), (12, 34), 0, 0, 360, (48, 40, 38, 255), -1)
        cv2.circle(picture, (cx, height - 66), 7, (130, 160, 205, 255), -1, cv2.LINE_AA)
    for x in np.arange(1.2, length_ft - 1.2, 2.1) * px:
        cx, cy = int(x + rng.integers(-4, 5)), height - int(rng.integers(14, 20))
        for dx, tone in ((0, 0.72), (-3, 0.95)):
            body = (*scaled(kit.jersey, tone), 255)
            cv2.ellipse(
                picture, (cx + dx, cy), (13 - abs(dx), 20), 0, 0, 360, body, -1, cv2.LINE_AA
            )
        trim = (*scaled(kit.trim, 0.9), 255)
        cv2.ellipse(picture, (cx, cy + 8), (13, 3), 0, 0, 360, trim, -1, cv2.LINE_AA)
        cv2.circle(picture, (cx, cy - 22), 6, (120, 150, 200, 255), -1, cv2.LINE_AA)
        helmet = (*scaled(kit.helmet, 0.85), 255)
        cv2.ellipse(picture, (cx, cy - 25), (8, 7), 0, 160, 380, helmet, -1, cv2.LINE_AA)
    return premultiplied(picture)
