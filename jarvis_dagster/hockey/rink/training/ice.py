"""Sheets of ice as they are painted in real arenas, by chance.

Belongs here: the top view of one sheet with its marks, logos and scratches. Does not belong
here: cameras, people, what stands around the ice.

Colours, widths and wear vary far beyond what is usual: a network that has seen only the
rule book's rink does not find the lines of a real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from jarvis_dagster.hockey.rink.drawing import crease_outline_ft

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.geometry import Rink

    Image = NDArray[np.uint8]

__all__ = ["MARGIN_FT", "PX_PER_FT", "paint_ice"]

PX_PER_FT = 10
MARGIN_FT = 4
_SHIFT = 4
_WORDS = ("ARENA", "Bank", "HOCKEY", "Cola", "FORD", "Telecom", "ICE", "1909", "sport", "Insure")


class _Sheet:
    """One picture in the making; positions in feet."""

    def __init__(self, rink: Rink, base: NDArray[np.float64]) -> None:
        self.rink = rink
        height = round((rink.width_ft + 2 * MARGIN_FT) * PX_PER_FT)
        width = round((rink.length_ft + 2 * MARGIN_FT) * PX_PER_FT)
        self.image: Image = np.empty((height, width, 3), np.uint8)
        self.image[:] = base

    def at(self, xy_ft: object) -> NDArray[np.int32]:
        xy = (np.asarray(xy_ft, np.float64) + MARGIN_FT) * PX_PER_FT
        return np.round(xy * 2**_SHIFT).astype(np.int32)

    def fill(self, xy_ft: object, colour: tuple[int, ...]) -> None:
        cv2.fillPoly(self.image, [self.at(xy_ft)], colour, cv2.LINE_AA, _SHIFT)

    def stroke(
        self, xy_ft: object, colour: tuple[int, ...], width_ft: float, closed: bool = False
    ) -> None:
        thick = max(1, round(width_ft * PX_PER_FT))
        cv2.polylines(self.image, [self.at(xy_ft)], closed, colour, thick, cv2.LINE_AA, _SHIFT)

    def arc(
        self, centre: tuple[float, float], radius: float, start: float = 0, stop: float = 2
    ) -> NDArray[np.float64]:
        angle = np.pi * np.linspace(start, stop, 73)
        return np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], 1)


def paint_ice(rink: Rink, rng: np.random.Generator) -> Image:
    """A top view (H, W, 3) BGR, ``PX_PER_FT``, with a margin; row 0 is y = -``MARGIN_FT``."""
    white = rng.uniform(195, 252)
    base = np.clip(white + rng.normal(0, 6, 3), 0, 255)
    sheet = _Sheet(rink, base)
    logos = sheet.image.copy()
    _logos(sheet, rng)
    fade = rng.uniform(0.25, 1.0)
    sheet.image = cv2.addWeighted(sheet.image, fade, logos, 1 - fade, 0)
    plain = sheet.image.copy()
    _marks(sheet, rng)
    fade = rng.uniform(0.45, 1.0)
    sheet.image = cv2.addWeighted(sheet.image, fade, plain, 1 - fade, 0)
    _wear(sheet, rng)
    return sheet.image


def _tint(rng: np.random.Generator, kind: str) -> tuple[int, ...]:
    """BGR of a "red", a "blue", or of anything."""
    if kind == "any":
        return tuple(int(v) for v in rng.integers(0, 255, 3))
    main, rest = rng.uniform(120, 230), rng.uniform(10, 110)
    other = rest * rng.uniform(0.6, 1.4)
    if kind == "red":
        return int(rest), int(other), int(main)
    return int(main), int(other), int(rest)


def _logos(sheet: _Sheet, rng: np.random.Generator) -> None:
    rink = sheet.rink
    cx, cy = rink.centre_ft
    if rng.random() < 0.85:
        for _ in range(int(rng.integers(1, 6))):
            size = rng.uniform(2, 14.5)
            spot = (cx + rng.normal(0, 2), cy + rng.normal(0, 2))
            ring = sheet.arc(spot, size)
            if rng.random() < 0.5:
                sheet.fill(ring, _tint(rng, "any"))
            else:
                sheet.stroke(ring, _tint(rng, "any"), rng.uniform(0.2, 2.0), True)
        for _ in range(int(rng.integers(0, 6))):
            points = np.array([cx, cy]) + rng.normal(0, 6, (int(rng.integers(3, 7)), 2))
            sheet.fill(points, _tint(rng, "any"))
    for _ in range(int(rng.integers(0, 12))):
        place = rng.uniform((10, 6), (rink.length_ft - 40, rink.width_ft - 8))
        colour = _tint(rng, "any")
        if rng.random() < 0.3:
            ring = sheet.arc((0, 0), 1.0) * rng.uniform(2, 13, 2) + place
            sheet.fill(ring, colour)
            continue
        text = str(rng.choice(_WORDS))
        scale, thick = rng.uniform(1.0, 5.5), int(rng.integers(2, 16))
        origin = tuple(int(v) for v in (place + MARGIN_FT) * PX_PER_FT)
        # The sheet's rows run away from the camera, so words are written upside down.
        face = int(rng.integers(0, 8))
        cv2.putText(
            sheet.image, text, origin, face, scale, colour, thick, cv2.LINE_AA, rng.random() < 0.9
        )


def _marks(sheet: _Sheet, rng: np.random.Generator) -> None:
    rink = sheet.rink
    red, blue = _tint(rng, "red"), _tint(rng, "blue")
    thin = rng.uniform(0.14, 0.32)
    middle, bottom, top = rink.width_ft / 2, -0.5, rink.width_ft + 0.5

    def band(x: float, width: float, colour: tuple[int, ...]) -> None:
        left, right = x - width / 2, x + width / 2
        sheet.fill([(left, bottom), (right, bottom), (right, top), (left, top)], colour)

    fills = [(235, 205, 150), (250, 225, 190), _tint(rng, "blue"), (90, 90, 220)]
    crease = tuple(int(v) for v in fills[int(rng.choice(4, p=(0.45, 0.3, 0.2, 0.05)))])
    for side, x in zip((1, -1), rink.goal_lines_ft, strict=True):
        shape = crease_outline_ft(rink, side)
        if rng.random() < 0.93:
            sheet.fill(shape, crease)
        sheet.stroke(shape, red, thin)
        band(x, max(thin, 0.17), red)
        if rink.trapezoid_half_widths_ft is not None and rng.random() < 0.85:
            near, far = rink.trapezoid_half_widths_ft
            boards = 0.0 if side > 0 else rink.length_ft
            for sign in (-1, 1):
                ends = [(x, middle + sign * near), (boards, middle + sign * far)]
                sheet.stroke(ends, red, thin)
    width = rink.blue_line_width_ft * rng.uniform(0.9, 1.1)
    for x in rink.blue_lines_ft:
        band(x, width, blue)
    band(rink.length_ft / 2, width, red)
    _centre_pattern(sheet, rng, width)
    _circles(sheet, rng, red, blue, thin)
    if rng.random() < 0.8:
        desk = sheet.arc((rink.length_ft / 2, 0.0), rink.referee_crease_radius_ft, 0.0, 1.0)
        if rng.random() < 0.6:  # either side may be the one with the penalty boxes
            desk[:, 1] = rink.width_ft - desk[:, 1]
        sheet.stroke(desk, red, thin)


def _centre_pattern(sheet: _Sheet, rng: np.random.Generator, width: float) -> None:
    """The red line is broken in some way on most rinks."""
    x, style = sheet.rink.length_ft / 2, rng.random()
    pale = tuple(int(v) for v in rng.uniform(200, 255, 3))
    step = rng.uniform(0.8, 2.5)
    for y in np.arange(0, sheet.rink.width_ft, step):
        if style < 0.35:
            sheet.fill(sheet.arc((x, float(y)), width * 0.25), pale)
        elif style < 0.6:
            half = width * 0.25
            sheet.fill(
                [(x - half, y), (x + half, y), (x + half, y + step / 2), (x - half, y + step / 2)],
                pale,
            )


def _circles(
    sheet: _Sheet,
    rng: np.random.Generator,
    red: tuple[int, ...],
    blue: tuple[int, ...],
    thin: float,
) -> None:
    rink = sheet.rink
    hashes, reach = rng.random() < 0.95, rng.uniform(1.7, 2.1)
    apart = rng.choice((1.5, 2.8))
    for dot in rink.end_dots_ft:
        x, y = dot
        sheet.stroke(sheet.arc(dot, rink.circle_radius_ft), red, thin, True)
        sheet.fill(sheet.arc(dot, rink.dot_radius_ft), red)
        if not hashes:
            continue
        for sx in (-1, 1):
            for sy in (-1, 1):
                edge = y + sy * rink.circle_radius_ft
                at = x + sx * apart
                sheet.stroke([(at, edge), (at, edge + sy * reach)], red, thin)
                corner = (x + sx * 2.0, y + sy * 0.75)
                sheet.stroke([(x + sx * 6.0, corner[1]), corner], red, thin)
                sheet.stroke([corner, (corner[0], y + sy * 3.7)], red, thin)
    for dot in rink.neutral_dots_ft:
        sheet.fill(sheet.arc(dot, rink.dot_radius_ft), red)
    sheet.stroke(sheet.arc(rink.centre_ft, rink.circle_radius_ft), blue, thin, True)
    sheet.fill(sheet.arc(rink.centre_ft, 0.6), blue)


def _wear(sheet: _Sheet, rng: np.random.Generator) -> None:
    """Scratches, snow, reflections of the lamps, uneven light."""
    height, width = sheet.image.shape[:2]
    layer = np.full((height // 4, width // 4), 128, np.uint8)
    for _ in range(int(rng.integers(0, 120))):
        start = rng.uniform((0, 0), (width / 4, height / 4))
        stop = start + rng.normal(0, 40, 2)
        bright = int(rng.integers(116, 142))
        first, last = (tuple(int(v) for v in point) for point in (start, stop))
        cv2.line(layer, first, last, bright, 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 14))):
        spot = tuple(int(v) for v in rng.uniform((0, 0), (width / 4, height / 4)))
        cv2.circle(layer, spot, int(rng.integers(8, 40)), int(rng.integers(115, 150)), -1)
    layer = cv2.GaussianBlur(layer, (0, 0), rng.uniform(0.8, 6))
    coarse = rng.normal(0, rng.uniform(1, 10), (8, 16)).astype(np.float32)
    light = cv2.resize(coarse, (width // 4, height // 4), interpolation=cv2.INTER_CUBIC)
    delta = cv2.resize(layer.astype(np.float32) - 128 + light, (width, height))
    sheet.image = np.clip(sheet.image + delta[..., None], 0, 255).astype(np.uint8)
