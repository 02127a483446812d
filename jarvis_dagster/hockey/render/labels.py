"""Stamps with text: labels, the clock, the legend.

Belongs here: turning words into stamps, cached. Does not belong here: where
they go.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.render.canvas import Stamp, stamp
from jarvis_dagster.hockey.render.style import PANEL, PAPER, Bgr, Look, Palette, font, text_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["chip", "clock", "legend", "notice", "rounded"]

_PANEL_ALPHA = 200


@functools.lru_cache(maxsize=512)
def chip(text: str, size: int, colour: Bgr, *, sure: bool = True) -> Stamp:
    """A rounded label; a hollow, paler one for what was not observed."""
    import cv2

    pad_x, pad_y = max(3, round(size * 0.36)), max(2, round(size * 0.22))
    width, capital = text_size(text, size)
    width, height = _even(width + 2 * pad_x), _even(capital + 2 * pad_y + 1)
    image, alpha = _panel(width, height, colour if sure else PAPER, height // 3)
    if not sure:
        edge = np.zeros_like(alpha)
        rounded(edge, height // 3, 255)
        inner = np.zeros_like(alpha)
        rounded(inner[1:-1, 1:-1], max(height // 3 - 1, 0), 255)
        image[(edge > 0) & (inner == 0)] = colour
    write: Any = cv2.putText
    ink = Palette.ink_on(colour) if sure else colour
    write(image, text, (pad_x, height - pad_y - 1), ink, font(), size, 650)
    return stamp(image, (alpha * (0.94 if sure else 0.72)).astype(np.uint8))


def clock(seconds: float, look: Look) -> Stamp:
    """Footage time as mm:ss.t (h:mm:ss.t from one hour on)."""
    tenths = int(seconds * 10 + 1e-6)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02}:{rest // 10:02}.{rest % 10}"
    return _digits(f"{hours}:{text}" if hours else text, look.clock)


@functools.lru_cache(maxsize=16)
def _digits(text: str, size: int) -> Stamp:
    """Text of digits, each in a cell of its own width class, so that nothing dances."""
    import cv2

    cell = max(text_size(digit, size)[0] for digit in "0123456789") + 1
    narrow = round(size * 0.3)
    pad = round(size * 0.5)
    width = _even(2 * pad + sum(cell if c.isdigit() else narrow for c in text))
    height = _even(round(size * 1.5))
    image, alpha = _panel(width, height, PANEL, round(size * 0.35))
    write: Any = cv2.putText
    x = pad
    for letter in text:
        step = cell if letter.isdigit() else narrow
        offset = (step - text_size(letter, size)[0]) // 2
        place = (x + offset, (height + round(size * 0.7)) // 2)
        write(image, letter, place, PAPER, font(), size, 600)
        x += step
    return stamp(image, (alpha * (_PANEL_ALPHA / 255)).astype(np.uint8))


def legend(entries: tuple[tuple[str, Bgr], ...], look: Look) -> Stamp:
    """One line: a dot and a word for each entry."""
    import cv2

    size = look.text
    pad, dot, gap = round(size * 0.6), round(size * 0.34), round(size * 0.9)
    widths = [text_size(word, size, 500)[0] for word, _ in entries]
    width = 2 * pad + sum(widths) + len(entries) * (2 * dot + round(size * 0.4))
    width = _even(width + gap * (len(entries) - 1))
    height = _even(round(size * 1.8))
    image, alpha = _panel(width, height, PANEL, round(size * 0.45))
    write: Any = cv2.putText
    x = pad
    for (word, colour), word_width in zip(entries, widths, strict=True):
        centre = ((x + dot) * 16, height * 8)
        cv2.circle(image, centre, dot * 16, colour, -1, cv2.LINE_AA, 4)
        cv2.circle(image, centre, dot * 16, PAPER, 1, cv2.LINE_AA, 4)
        x += 2 * dot + round(size * 0.4)
        place = (x, (height + round(size * 0.68)) // 2)
        write(image, word, place, PAPER, font(), size, 500)
        x += word_width + gap
    return stamp(image, (alpha * (_PANEL_ALPHA / 255)).astype(np.uint8))


@functools.lru_cache(maxsize=8)
def notice(text: str, look: Look) -> Stamp:
    """A quiet one-line panel."""
    import cv2

    size = max(9, round(look.text * 0.85))
    pad = round(size * 0.6)
    width = _even(text_size(text, size, 450)[0] + 2 * pad)
    height = _even(round(size * 1.8))
    image, alpha = _panel(width, height, PANEL, round(size * 0.45))
    write: Any = cv2.putText
    write(
        image, text, (pad, (height + round(size * 0.68)) // 2), (205, 205, 205), font(), size, 450
    )
    return stamp(image, (alpha * 0.68).astype(np.uint8))


def _panel(
    width: int, height: int, colour: Bgr, radius: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    image = np.full((height, width, 3), colour, np.uint8)
    alpha = np.zeros((height, width), np.uint8)
    rounded(alpha, radius, 255)
    return image, alpha


def rounded(mask: NDArray[np.uint8], radius: int, value: int) -> None:
    """Fill a rounded rectangle that covers ``mask``, antialiased by oversampling."""
    import cv2

    height, width = mask.shape
    big = np.zeros((height * 4, width * 4), np.uint8)
    r = max(0, min(4 * radius, 2 * height - 1, 2 * width - 1))
    right, bottom = width * 4 - 1, height * 4 - 1
    cv2.rectangle(big, (r, 0), (right - r, bottom), value, -1)
    cv2.rectangle(big, (0, r), (right, bottom - r), value, -1)
    for x in (r, right - r):
        for y in (r, bottom - r):
            cv2.circle(big, (x, y), r, value, -1)
    mask[:] = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA)


def _even(value: int) -> int:
    return value + value % 2
