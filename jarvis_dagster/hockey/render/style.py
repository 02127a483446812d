"""How the overlay looks: colours, and sizes that follow the picture's height.

Belongs here: numbers and colours. Does not belong here: drawing with them.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

__all__ = ["DEFAULT_TEAM_COLOURS", "Look", "Palette"]

Bgr = tuple[int, int, int]

DEFAULT_TEAM_COLOURS: dict[str, Bgr] = {"A": (190, 96, 0), "B": (0, 94, 226)}
"""Blue and vermilion: told apart with every kind of colour blindness (Okabe and Ito 2008)."""

_REFEREE: Bgr = (38, 38, 38)
_UNKNOWN: Bgr = (128, 128, 128)
PANEL: Bgr = (32, 24, 18)
PAPER: Bgr = (255, 255, 255)
REFEREE_INK: Bgr = (64, 214, 255)


@dataclasses.dataclass(frozen=True)
class Palette:
    """Colours by role and team.

    Args:
        teams: (b, g, r) by team name.
    """

    teams: dict[str, Bgr]

    def of(self, role: str, team: str) -> Bgr:
        """The colour of a person."""
        if role == "referee":
            return _REFEREE
        return self.teams.get(team, _UNKNOWN)

    @staticmethod
    def ink_on(colour: Bgr) -> Bgr:
        """White or near-black, whichever reads better on ``colour``."""
        if colour == _REFEREE:
            return REFEREE_INK
        luma = 0.114 * colour[0] + 0.587 * colour[1] + 0.299 * colour[2]
        return (24, 24, 24) if luma > 150 else PAPER


@dataclasses.dataclass(frozen=True)
class Look:
    """Sizes in pixels for a picture of ``height`` lines."""

    height: int
    width: int

    @functools.cached_property
    def unit(self) -> float:
        """1 at 720 lines; never so small that text cannot be read."""
        return max(min(self.height, self.width) / 720, 0.5)

    @functools.cached_property
    def line(self) -> int:
        """Width of an ordinary line."""
        return max(1, round(2.2 * self.unit))

    @functools.cached_property
    def text(self) -> int:
        """Font size of a label."""
        return max(10, round(17 * self.unit))

    @functools.cached_property
    def clock(self) -> int:
        """Font size of the clock."""
        return max(12, round(24 * self.unit))

    @functools.cached_property
    def margin(self) -> int:
        """Distance of panels from the edge of the picture."""
        return max(4, round(16 * self.unit))

    @functools.cached_property
    def minimap_width(self) -> int:
        """Width of the rink map."""
        return min(max(110, round(330 * self.unit)), round(self.width * 0.34))


def text_size(text: str, size: int, weight: int = 650) -> tuple[int, int]:
    """Width of ``text`` and height of a capital letter, in pixels."""
    import cv2

    measure: Any = cv2.getTextSize
    box = measure((4096, 512), text, (0, 0), font(), size, weight)
    return int(box[2]), round(size * 0.72)


def font() -> Any:
    """OpenCV's built-in variable sans-serif (Rubik)."""
    import cv2

    face: Any = cv2.FontFace
    return face("sans")
