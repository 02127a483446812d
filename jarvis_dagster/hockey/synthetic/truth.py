"""What is true in a frame of a synthetic game.

Belongs here: the records that the renderer fills and the tables are made of.
Does not belong here: measuring them, or writing them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.synthetic.people import Person

__all__ = ["Box", "FrameTruth", "SeenPerson", "SeenPuck"]

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels, clipped to the picture."""


@dataclasses.dataclass(frozen=True)
class SeenPerson:
    """A person in a frame.

    ``box`` is tight around the body, not the stick, as if nothing stood before
    it; ``visibility`` is the share of the body's pixels that can be seen;
    ``foot_px`` is where the point under the body, ``xy_ft``, is in the picture.
    """

    person: Person
    box: Box
    visibility: float
    xy_ft: tuple[float, float]
    velocity_ftps: tuple[float, float]
    foot_px: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class SeenPuck:
    """The puck in a frame; no ``box`` when out of view or held by an official."""

    box: Box | None
    visibility: float
    xy_ft: tuple[float, float]


@dataclasses.dataclass(frozen=True, eq=False)
class FrameTruth:
    """Everything about one frame.

    ``homography`` is (3, 3), image px to rink ft; ``shot`` counts camera shots
    from 0, ``is_cut`` says that this frame starts a new one; ``phase`` is
    ``face-off``, ``play`` or ``stopped``.
    """

    frame: int
    pts_s: float
    homography: NDArray[np.float64]
    shot: int
    shot_kind: str
    is_cut: bool
    people: list[SeenPerson]
    puck: SeenPuck
    score: tuple[int, int]
    clock_s: float
    phase: str
