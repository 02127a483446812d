"""What a synthetic game is asked to be.

Belongs here: the settings of a game and their checks. Does not belong here:
how anything is played or drawn.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink import rink_named
from jarvis_dagster.hockey.synthetic.overlay import STYLES, Style

__all__ = ["GameSpec"]


@dataclasses.dataclass(frozen=True)
class GameSpec:
    """One synthetic game; the same spec always gives the same frames.

    Args:
        seed: Chooses teams, numbers, crowd and the course of the game.
        duration_s: Length of the video.
        width_px: Picture width, even.
        height_px: Picture height, even.
        fps: Frame rate, constant.
        camera: ``broadcast`` pans and zooms after the puck from the stands;
            ``fixed`` never moves.
        rink: A name in ``RINKS``.
        cuts: How many times the picture cuts away to another camera and back.
        noise: Strength of the film noise (standard deviation in grey levels).
        light_end: Brightness of the arena at the end of the video beside that at its start, 1
            at all times; a darker light is also a warmer one.
        scoreboard: Whether score and clock are laid over the picture.
        scoreboard_style: How they look, a name in ``overlay.STYLES``.

    Raises:
        BadInputError: a value that cannot be rendered.
    """

    seed: int = 7
    duration_s: float = 20.0
    width_px: int = 1280
    height_px: int = 720
    fps: float = 30.0
    camera: Literal["broadcast", "fixed"] = "broadcast"
    rink: str = "NHL"
    cuts: int = 0
    noise: float = 1.6
    light_end: float = 1.0
    scoreboard: bool = True
    scoreboard_style: Style = "bar"

    def __post_init__(self) -> None:
        rink_named(self.rink)
        checks = (
            (self.seed >= 0, "seed must not be negative"),
            (0 < self.duration_s <= 4 * 3600, "duration_s must be above 0, at most four hours"),
            (self.width_px >= 160 and self.width_px % 2 == 0, "width_px must be even, 160 or more"),
            (self.height_px >= 90 and self.height_px % 2 == 0, "height_px must be even, 90 up"),
            (1 <= self.fps <= 240, "fps must be between 1 and 240"),
            (self.camera in ("broadcast", "fixed"), "camera must be broadcast or fixed"),
            (0 <= self.cuts <= self.duration_s / 2, "cuts must leave 2 s of video for each"),
            (self.scoreboard_style in STYLES, f"scoreboard_style must be in {', '.join(STYLES)}"),
            (0.2 <= self.light_end <= 1.2, "light_end must be between 0.2 and 1.2"),
            (0 <= self.noise <= 20, "noise must be between 0 and 20"),
        )
        for good, message in checks:
            if not good:
                raise BadInputError(f"A synthetic game cannot be made: {message}.")

    @property
    def frame_count(self) -> int:
        """Number of frames of the video."""
        return max(1, round(self.duration_s * self.fps))
