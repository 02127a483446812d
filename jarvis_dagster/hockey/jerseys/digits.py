"""Digits as they are sewn on jerseys, for training.

Belongs here: the shapes of numbers in many fonts. Does not belong here: cloth, people, light
(``painting``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["number_mask"]

_TALL = 96
_FONTS = (
    "DejaVuSans-Bold",
    "DejaVuSansMono-Bold",
    "DejaVuSans-BoldOblique",
    "DejaVuSerif-Bold",
    "STIXGeneralBol",
    "cmb10",
)
# Corners cut off, as on most jerseys: points of strokes in a box of 4 by 6.
_BLOCK: dict[str, list[list[tuple[float, float]]]] = {
    "0": [[(1, 0), (3, 0), (4, 1), (4, 5), (3, 6), (1, 6), (0, 5), (0, 1), (1, 0)]],
    "1": [[(0.9, 1.1), (2, 0), (2, 6)]],
    "2": [[(0, 1.4), (0, 1), (1, 0), (3, 0), (4, 1), (4, 2.2), (0, 5.2), (0, 6), (4, 6)]],
    "3": [
        [(0, 1.2), (0, 1), (1, 0), (3, 0), (4, 1), (4, 2.3), (3.3, 3), (1.6, 3)],
        [(3.3, 3), (4, 3.7), (4, 5), (3, 6), (1, 6), (0, 5), (0, 4.8)],
    ],
    "4": [[(3, 6), (3, 0), (2.6, 0), (0, 4), (0, 4.4), (4, 4.4)]],
    "5": [[(4, 0), (0, 0), (0, 2.6), (3, 2.6), (4, 3.6), (4, 5), (3, 6), (1, 6), (0, 5)]],
    "6": [
        [(4, 1.2), (4, 1), (3, 0), (1, 0), (0, 1), (0, 5), (1, 6), (3, 6), (4, 5), (4, 3.6)],
        [(4, 3.6), (3, 2.7), (0, 2.7)],
    ],
    "7": [[(0, 0), (4, 0), (4, 0.8), (1.6, 6)]],
    "8": [
        [(1, 0), (3, 0), (4, 1), (4, 2.2), (3.2, 3), (4, 3.8), (4, 5), (3, 6), (1, 6), (0, 5)],
        [(0, 5), (0, 3.8), (0.8, 3), (0, 2.2), (0, 1), (1, 0)],
        [(0.8, 3), (3.2, 3)],
    ],
    "9": [
        [(0, 4.8), (0, 5), (1, 6), (3, 6), (4, 5), (4, 1), (3, 0), (1, 0), (0, 1), (0, 2.4)],
        [(0, 2.4), (1, 3.3), (4, 3.3)],
    ],
}
_SERIF_1: list[tuple[float, float]] = [(0.8, 6), (3.2, 6)]


def number_mask(text: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Opacity (H, W) of a number or word in some font, tightly cut."""
    font = int(rng.integers(0, 12))
    if font < 6 and all(c in _BLOCK for c in text):
        thick = int(rng.integers(9, 24))
        serif = bool(rng.random() < 0.6)
        parts = [_block(c, thick, int(rng.integers(0, 3)), serif) for c in text]
    elif font < 9:
        name = _FONTS[int(rng.integers(len(_FONTS)))]
        parts = [_typeset(c, name) for c in text]
    else:
        face, thick = int(rng.integers(0, 4)), int(rng.integers(6, 20))
        parts = [_hershey(c, (0, 2, 3, 4)[face], thick) for c in text]
    gap = int(rng.integers(2, 16))
    height = max(part.shape[0] for part in parts)
    columns: list[NDArray[np.uint8]] = []
    for number, part in enumerate(parts):
        if number:
            columns.append(np.zeros((height, gap), np.uint8))
        low = height - part.shape[0]
        columns.append(np.pad(part, ((low, 0), (0, 0))))
    return np.concatenate(columns, axis=1)


@lru_cache(maxsize=2048)
def _block(character: str, thick: int, width: int, serif: bool) -> NDArray[np.uint8]:
    import cv2

    across = (10.0, 12.0, 14.5)[width]
    canvas = np.zeros((_TALL + 40, 120), np.uint8)
    strokes = list(_BLOCK[character])
    if character == "1" and serif:
        strokes.append(_SERIF_1)
    for stroke in strokes:
        points = np.array([(20 + across * x, 20 + (_TALL - thick) / 6 * y) for x, y in stroke])
        points = np.round(points * 8).astype(np.int32)
        cv2.polylines(canvas, [points], False, 255, thick, cv2.LINE_AA, 3)
    return _cut(canvas)


@lru_cache(maxsize=512)
def _hershey(character: str, face: int, thick: int) -> NDArray[np.uint8]:
    import cv2

    canvas = np.zeros((200, 200), np.uint8)
    cv2.putText(canvas, character, (50, 140), face, 3.4, 255, thick, cv2.LINE_AA)
    return _cut(canvas)


@lru_cache(maxsize=512)
def _typeset(character: str, font: str) -> NDArray[np.uint8]:
    from pathlib import Path

    import matplotlib as mpl
    from PIL import Image, ImageDraw, ImageFont

    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    canvas = Image.new("L", (220, 220))
    drawing = ImageDraw.Draw(canvas)
    drawing.text((50, 30), character, 255, ImageFont.truetype(str(path), 120))
    return _cut(np.asarray(canvas, np.uint8))


def _cut(canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The inked part, at one height for digits."""
    import cv2

    rows, columns = np.flatnonzero(canvas.any(1)), np.flatnonzero(canvas.any(0))
    part = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width = max(2, round(part.shape[1] * _TALL / part.shape[0]))
    if part.shape[0] < 0.4 * _TALL:  # a dash or dot stays small
        return np.asarray(part, np.uint8)
    return np.asarray(cv2.resize(part, (width, _TALL)), np.uint8)
