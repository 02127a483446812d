"""What a broadcaster lays over the picture: score, period, clock.

Belongs here: the scoreboard, in the styles of some broadcasters. Does not belong here: the game
or the arena.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from jarvis_dagster.hockey.synthetic.blend import as_image

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.blend import Image
    from jarvis_dagster.hockey.synthetic.people import Kit

__all__ = ["STYLES", "Scoreboard", "Style", "clock_text"]

Style = Literal["bar", "stack", "strip"]
STYLES: tuple[Style, ...] = get_args(Style)
"""``bar``: one line, upper left; ``stack``: one team above the other, the clock below them,
upper right; ``strip``: a wide line at the bottom, goals dark on light fields."""

Colour = tuple[int, int, int]
_GROUND, _FIELD, _WHITE, _GREY = (44, 34, 28), (70, 54, 46), (245, 245, 245), (190, 190, 190)
_CLOCK = (80, 220, 255)
_SHARE = {"bar": (430, 44), "stack": (216, 116), "strip": (760, 38)}
"""Width and height in a picture of 720 lines; painted twice as large."""


def clock_text(clock_s: float) -> str:
    """Minutes and seconds left, as a scoreboard shows them (rounded up)."""
    whole = int(np.ceil(clock_s - 1e-9))
    return f"{whole // 60:02d}:{whole % 60:02d}"


class Scoreboard:
    """The score bug; drawn again only when it changes."""

    def __init__(self, kits: tuple[Kit, Kit], height_px: int, style: Style = "bar") -> None:
        self._kits = kits
        self._unit = height_px / 720
        self._style = style
        self._shown: tuple[int, int, str] | None = None
        self._picture: Image = np.zeros((1, 1, 3), np.uint8)

    def draw(self, canvas: Image, score: list[int], clock_s: float) -> None:
        """Lay the scoreboard over ``canvas``."""
        import cv2

        state = (score[0], score[1], clock_text(clock_s))
        if state != self._shown:
            self._shown = state
            wide, high = _SHARE[self._style]
            large = np.full((2 * high, 2 * wide, 3), _GROUND, np.uint8)
            {"bar": self._bar, "stack": self._stack, "strip": self._strip}[self._style](
                large, *state
            )
            size = (round(wide * self._unit), round(high * self._unit))
            self._picture = as_image(cv2.resize(large, size, interpolation=cv2.INTER_AREA))
        height, width = self._picture.shape[:2]
        top = left = round(28 * self._unit)
        if self._style == "stack":
            left = canvas.shape[1] - width - left
        elif self._style == "strip":
            left, top = (canvas.shape[1] - width) // 2, canvas.shape[0] - height - top
        left, top = max(left, 0), max(top, 0)
        area = canvas[top : top + height, left : left + width]
        picture = self._picture[: area.shape[0], : area.shape[1]]
        cv2.addWeighted(picture, 0.92, area, 0.08, 0, dst=area)

    def _bar(self, picture: Image, home: int, away: int, clock: str) -> None:
        x = 0
        for kit, goals in zip(self._kits, (home, away), strict=True):
            picture[:, x : x + 14] = kit.jersey
            _text(picture, kit.name[:9], (x + 14, 0, 196, 88), _WHITE)
            picture[8:80, x + 212 : x + 282] = _FIELD
            _text(picture, str(goals), (x + 212, 0, 70, 88), (255, 255, 255))
            x += 296
        _text(picture, "1ST", (x, 0, 86, 88), _GREY)
        _text(picture, clock, (x + 86, 0, 176, 88), _CLOCK)

    def _stack(self, picture: Image, home: int, away: int, clock: str) -> None:
        for row, (kit, goals) in enumerate(zip(self._kits, (home, away), strict=True)):
            y = 76 * row
            picture[y : y + 74, 0:18] = kit.jersey
            _text(picture, kit.name[:3], (24, y, 200, 74), _WHITE)
            _text(picture, str(goals), (320, y, 100, 74), (255, 255, 255))
        picture[154:] = (24, 20, 18)
        _text(picture, "1ST", (10, 154, 120, 78), _GREY, 1.05)
        _text(picture, clock, (160, 154, 250, 78), _WHITE, 1.05)

    def _strip(self, picture: Image, home: int, away: int, clock: str) -> None:
        x = 40
        for kit, goals in zip(self._kits, (home, away), strict=True):
            _text(picture, kit.name, (x, 0, 330, 76), _WHITE, 1.1)
            picture[12:64, x + 340 : x + 420] = (236, 238, 240)
            _text(picture, str(goals), (x + 340, 0, 80, 76), (30, 26, 24), 1.1)
            x += 470
        picture[10:66, x : x + 230] = (40, 32, 170)
        _text(picture, clock, (x, 0, 230, 76), (255, 255, 255), 1.1)
        _text(picture, "1ST", (x + 260, 0, 120, 76), _GREY, 1.1)


def _text(
    picture: Image, label: str, box: tuple[int, int, int, int], colour: Colour, most: float = 1.25
) -> None:
    """Write ``label`` into the middle of ``box`` (x, y, width, height)."""
    import cv2

    font, (x, y, width, height) = cv2.FONT_HERSHEY_DUPLEX, box
    (wide, tall), _ = cv2.getTextSize(label, font, most, 2)
    scale = most * min(1.0, (width - 16) / wide)
    (wide, tall), _ = cv2.getTextSize(label, font, scale, 2)
    at = (x + (width - wide) // 2, y + (height + tall) // 2)
    cv2.putText(picture, label, at, font, scale, colour, 2, cv2.LINE_AA)
