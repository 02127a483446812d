"""Who plays: teams, kits, rosters and officials.

Belongs here: people and what they wear. Does not belong here: where they are
or how they are drawn.
"""

from __future__ import annotations

import dataclasses

import numpy as np

__all__ = [
    "POSITIONS_ON_ICE",
    "SLOTS",
    "TEAMS",
    "Kit",
    "Person",
    "make_kits",
    "make_officials",
    "make_team",
]

Colour = tuple[int, int, int]  # BGR

POSITIONS_ON_ICE = ("C", "LW", "RW", "LD", "RD", "G")
TEAMS = ("A", "B")
SLOTS = 16
"""People on the ice: six of team A, six of team B, two referees, two linesmen."""


@dataclasses.dataclass(frozen=True)
class Kit:
    """What a team wears; colours are BGR."""

    name: str
    jersey: Colour
    trim: Colour
    number: Colour
    pants: Colour
    socks: Colour
    helmet: Colour
    gloves: Colour


@dataclasses.dataclass(frozen=True)
class Person:
    """Someone on the ice or the bench, the same id all game."""

    track_id: int
    role: str  # player | goalkeeper | referee
    team: str  # A | B | ""
    position: str
    number: int
    line: int
    height_ft: float
    left_handed: bool
    skin: Colour


_DARK = (
    ("NORTH", (70, 34, 18), (60, 60, 210), (245, 245, 245), (48, 26, 16), (70, 34, 18)),
    ("RED HAWKS", (42, 30, 178), (30, 26, 30), (250, 250, 250), (28, 24, 26), (42, 30, 178)),
    ("PINES", (58, 84, 22), (60, 190, 235), (245, 245, 245), (34, 46, 18), (58, 84, 22)),
    ("STEEL", (34, 30, 28), (40, 180, 240), (60, 190, 245), (26, 24, 24), (34, 30, 28)),
    ("ROYALS", (150, 62, 20), (60, 150, 245), (250, 250, 250), (92, 40, 16), (150, 62, 20)),
)
_LIGHT = (
    ("ICE BEARS", (238, 240, 240), (150, 70, 30), (140, 62, 24), (110, 50, 24)),
    ("COMETS", (240, 240, 238), (40, 32, 190), (40, 32, 190), (38, 28, 150)),
    ("WOLVES", (236, 238, 238), (40, 40, 40), (36, 34, 34), (34, 32, 32)),
    ("HARBOUR", (240, 240, 236), (90, 110, 20), (80, 96, 16), (66, 80, 18)),
)
_SKIN = ((150, 178, 222), (128, 160, 206), (96, 130, 180), (60, 88, 128))


def make_kits(rng: np.random.Generator) -> tuple[Kit, Kit]:
    """A dark kit for team A and a light one for team B."""
    name, jersey, trim, number, pants, socks = _DARK[int(rng.integers(len(_DARK)))]
    dark = Kit(name, jersey, trim, number, pants, socks, jersey, (30, 28, 28))
    name, jersey, trim, number, pants = _LIGHT[int(rng.integers(len(_LIGHT)))]
    light = Kit(name, jersey, trim, number, pants, jersey, (240, 240, 240), pants)
    return dark, light


def make_team(team: str, first_id: int, rng: np.random.Generator) -> list[Person]:
    """Four forward lines, three defence pairs and a goalkeeper; ids from ``first_id``."""
    numbers = list(rng.permutation(np.arange(2, 99))[:20])
    people = []
    for line in range(4):
        for position in POSITIONS_ON_ICE[:5]:
            if position in ("LD", "RD") and line == 3:
                continue
            people.append((position, line, "player"))
    people.append(("G", 0, "goalkeeper"))
    return [
        _person(
            rng,
            track_id=first_id + i,
            role=role,
            team=team,
            position=position,
            number=int(numbers[i]),
            line=line,
        )
        for i, (position, line, role) in enumerate(people)
    ]


def make_officials(first_id: int, rng: np.random.Generator) -> list[Person]:
    """Two referees, then two linesmen."""
    return [
        _person(
            rng,
            track_id=first_id + i,
            role="referee",
            team="",
            position=position,
            number=3 + 7 * i,
            line=0,
        )
        for i, position in enumerate(("R1", "R2", "L1", "L2"))
    ]


def _person(
    rng: np.random.Generator,
    *,
    track_id: int,
    role: str,
    team: str,
    position: str,
    number: int,
    line: int,
) -> Person:
    return Person(
        track_id=track_id,
        role=role,
        team=team,
        position=position,
        number=number,
        line=line,
        height_ft=float(np.clip(rng.normal(6.3, 0.15), 5.9, 6.7)),  # on skates
        left_handed=bool(rng.random() < 0.6),
        skin=_SKIN[int(rng.integers(len(_SKIN)))],
    )
