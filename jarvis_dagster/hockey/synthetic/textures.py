"""The upright surfaces of the arena, made once a game.

Belongs here: boards, glass, crowd and benches as flat pictures. Does not belong
here: the ice (``ice_texture``), where things stand, or cameras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.synthetic.blend import Image, as_image, premultiplied, scaled

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.people import Kit

__all__ = [
    "BENCH_HEIGHT_FT",
    "CROWD_TILE_FT",
    "GLASS_FT",
    "bench",
    "boards",
    "boards_from_outside",
    "crowd",
    "text_stamp",
]

GLASS_FT = 5.0
CROWD_TILE_FT = (60.0, 45.0)
BENCH_HEIGHT_FT = 5.5
_PX = 14
Colour = tuple[int, int, int]
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


def text_stamp(text: str, height: int, colour: Colour) -> Image:
    """Straight BGRA of one line of capitals, ``height`` px high."""
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
        stamp = text_stamp(text, round(wall * 0.52), ink)
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
