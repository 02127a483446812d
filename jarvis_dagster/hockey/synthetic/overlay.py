"""What a broadcaster lays over the picture: score, period, clock.

Belongs here: the scoreboard. Does not belong here: the game or the arena.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.synthetic.blend import as_image

if TYPE_CHECKING:
    from jarvis_dagster.hockey.synthetic.blend import Image
    from jarvis_dagster.hockey.synthetic.people import Kit

__all__ = ["Scoreboard", "clock_text"]


def clock_text(clock_s: float) -> str:
    """Minutes and seconds left, as a scoreboard shows them (rounded up)."""
    whole = int(np.ceil(clock_s - 1e-9))
    return f"{whole // 60:02d}:{whole % 60:02d}"


class Scoreboard:
    """The score bug in the upper left corner; drawn again only when it changes."""

    def __init__(self, kits: tuple[Kit, Kit], height_px: int) -> None:
        self._kits = kits
        self._unit = height_px / 720
        self._shown: tuple[int, int, str] | None = None
        self._picture: Image = np.zeros((1, 1, 3), np.uint8)

    def draw(self, canvas: Image, score: list[int], clock_s: float) -> None:
        """Lay the scoreboard over ``canvas``."""
        import cv2

        state = (score[0], score[1], clock_text(clock_s))
        if state != self._shown:
            self._shown = state
            large = self._paint(*state)
            size = (round(430 * self._unit), round(44 * self._unit))
            self._picture = as_image(cv2.resize(large, size, interpolation=cv2.INTER_AREA))
        top = left = round(28 * self._unit)
        height, width = self._picture.shape[:2]
        area = canvas[top : top + height, left : left + width]
        picture = self._picture[: area.shape[0], : area.shape[1]]
        cv2.addWeighted(picture, 0.92, area, 0.08, 0, dst=area)

    def _paint(self, home: int, away: int, clock: str) -> Image:
        import cv2

        picture = np.zeros((88, 860, 3), np.uint8)
        picture[:] = (44, 34, 28)

        def text(label: str, x: int, width: int, colour: tuple[int, int, int]) -> None:
            font, scale = cv2.FONT_HERSHEY_DUPLEX, 1.25
            (wide, tall), _ = cv2.getTextSize(label, font, scale, 2)
            scale *= min(1.0, (width - 16) / wide)
            (wide, tall), _ = cv2.getTextSize(label, font, scale, 2)
            at = (x + (width - wide) // 2, (88 + tall) // 2)
            cv2.putText(picture, label, at, font, scale, colour, 2, cv2.LINE_AA)

        x = 0
        for kit, goals in zip(self._kits, (home, away), strict=True):
            picture[:, x : x + 14] = kit.jersey
            text(kit.name[:9], x + 14, 196, (245, 245, 245))
            picture[8:80, x + 212 : x + 282] = (70, 54, 46)
            text(str(goals), x + 212, 70, (255, 255, 255))
            x += 296
        text("1ST", x, 86, (190, 190, 190))
        text(clock, x + 86, 176, (80, 220, 255))
        return picture
