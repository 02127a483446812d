"""A sheet of people with the numbers that were read.

Belongs here: drawing for people who check. Does not belong here: reading.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.jerseys.belief import SURE, Belief

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Shown", "draw_sheet"]

_SIDE, _LINE, _COLUMNS = 96, 20, 8
_SURE_COLOUR, _DOUBT_COLOUR = (120, 230, 120), (150, 150, 150)


@dataclasses.dataclass(frozen=True)
class Shown:
    """A track: its upper body in its best picture, and what is believed."""

    track: int
    body: NDArray[np.uint8]
    belief: Belief


def draw_sheet(people: Sequence[Shown]) -> NDArray[np.uint8] | None:
    """One cell a person: the picture, and below it the track, number and probability."""
    import cv2

    if not people:
        return None
    cells = []
    for one in people:
        cell = np.full((_SIDE + _LINE, _SIDE + 8, 3), 24, np.uint8)
        scale = _SIDE / max(one.body.shape[:2])
        size = tuple(max(1, round(side * scale)) for side in one.body.shape[1::-1])
        cell[: size[1], : size[0]] = cv2.resize(one.body, size, interpolation=cv2.INTER_CUBIC)
        read = one.belief.agreeing > 0
        sure = read and one.belief.probability >= SURE
        said = f"{one.belief.number} {one.belief.probability:.2f}" if read else "-"
        colour = _SURE_COLOUR if sure else _DOUBT_COLOUR
        at = (2, _SIDE + 14)
        text = f"#{one.track}: {said}"
        cv2.putText(cell, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.38, colour, 1, cv2.LINE_AA)
        cells.append(cell)
    cells += [np.full_like(cells[0], 24)] * (-len(cells) % _COLUMNS)
    rows = [np.hstack(cells[i : i + _COLUMNS]) for i in range(0, len(cells), _COLUMNS)]
    return np.vstack(rows)
