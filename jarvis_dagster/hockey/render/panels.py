"""What stands along the lower edge of the picture: clocks, legend, notices.

Belongs here: which of them there are and where they go. Does not belong here: turning words
into stamps (``labels``), the rink map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.hockey.render import labels
from jarvis_dagster.hockey.render.game_clock import GameClock

if TYPE_CHECKING:
    import pandas as pd

    from jarvis_dagster.hockey.render.canvas import Canvas
    from jarvis_dagster.hockey.render.style import Bgr, Look, Palette

__all__ = ["Panels"]


class Panels:
    """Draws them on one frame after another.

    Args:
        tracks: TRACKS, for the legend.
        scoreboard: SCOREBOARD, or None.
    """

    def __init__(
        self, tracks: pd.DataFrame, palette: Palette, look: Look, scoreboard: pd.DataFrame | None
    ) -> None:
        self._look = look
        self._legend = labels.legend(_entries(tracks, palette), look)
        self._notice = labels.notice("No rink calibration", look)
        self._game_clock = GameClock(scoreboard)
        self.height = self._legend.size[1] + 2 * look.clock

    def draw(self, canvas: Canvas, pts_s: float, map_corner: tuple[int, int] | None) -> None:
        """Draw what belongs to the time ``pts_s``, beside a rink map with this corner."""
        margin = self._look.margin
        clock = labels.clock(pts_s, self._look)
        bottom = canvas.height - margin
        canvas.put(clock, margin, bottom - clock.size[1])
        x = margin * 3 // 2 + clock.size[0]
        shown = self._game_clock.at(pts_s)
        if shown:
            game = labels.notice(shown, self._look)
            canvas.put(game, x, bottom - (clock.size[1] + game.size[1]) // 2)
            x += game.size[0] + margin // 2
        room = canvas.width - margin
        if map_corner is None:
            canvas.put(self._notice, room - self._notice.size[0], bottom - self._notice.size[1])
            room -= self._notice.size[0] + margin
        elif map_corner[0] > x and map_corner[1] > canvas.height / 2:
            room = map_corner[0] - margin
        if x + self._legend.size[0] <= room:
            canvas.put(self._legend, x, bottom - (clock.size[1] + self._legend.size[1]) // 2)
        else:
            above = bottom - clock.size[1] - margin // 2 - self._legend.size[1]
            canvas.put(self._legend, margin, above)


def _entries(tracks: pd.DataFrame, palette: Palette) -> tuple[tuple[str, Bgr], ...]:
    """What the legend explains: only what occurs."""
    teams = sorted(set(tracks["team"]) - {""})
    entries = [(f"Team {team}", palette.of("player", team)) for team in teams]
    people = tracks[tracks["class"] != "puck"]
    roles = set(people["role"])
    if "referee" in roles:
        entries.append(("Referee", palette.of("referee", "")))
    nobodys = (people["role"] != "referee") & (people["team"] == "")
    if nobodys.any() or not entries:
        entries.append(("Unknown", palette.of("unknown", "")))
    return tuple(entries)
