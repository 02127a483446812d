"""What every reader hands over: pictures with boxes under their source's class names.

Belongs here: the raw form. Does not belong here: the project's classes (``classes``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Raw", "RawBox", "RawPicture"]

RawBox = tuple[str, float, float, float, float]
"""Class name, x1, y1, x2, y2 as shares of the picture, or as pixels."""


@dataclasses.dataclass
class RawPicture:
    """A picture as a reader found it."""

    path: Path
    boxes: list[RawBox]
    in_pixels: bool = False
    labelled: bool = True
    video: str | None = None
    """Where the format tells it."""
    stated_px: tuple[int, int] | None = None
    """Width and height that the labels claim."""


@dataclasses.dataclass
class Raw:
    """A dataset as a reader found it."""

    pictures: list[RawPicture]
    names: list[str]
    """Every class that the labels know, boxed or not."""
    missing: list[str] = dataclasses.field(default_factory=list)
    """Pictures that are labelled and not there."""
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)
    """What the reader does not take, and how many: masks without a box, crowds, points."""

    def leave_out(self, what: str, count: int = 1) -> None:
        """Note something that is not taken."""
        self.left_out[what] = self.left_out.get(what, 0) + count
