"""What the scoreboard said at a time of the footage, as a short text.

Belongs here: the wording. Does not belong here: reading it (``hockey/scoreboard``), drawing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GameClock"]

_FRESH_S = 1.6
"""Looks are about a second apart; older ones are no longer what is shown."""
_PERIODS = {1: "1st", 2: "2nd", 3: "3rd", 4: "OT"}


class GameClock:
    """Period, clock and goals as last read.

    Args:
        scoreboard: SCOREBOARD, or None.
    """

    def __init__(self, scoreboard: pd.DataFrame | None) -> None:
        self._rows = None
        self._last = -1, ""
        if scoreboard is not None and len(scoreboard):
            self._rows = scoreboard.sort_values("pts_s", ignore_index=True)
            self._times = self._rows["pts_s"].to_numpy(np.float64)

    def at(self, pts_s: float) -> str:
        """For example ``2nd 12:34  1-0``; empty where the clock was not read lately."""
        if self._rows is None:
            return ""
        look = int(np.searchsorted(self._times, pts_s + 1e-6)) - 1
        if look < 0 or pts_s - self._times[look] > _FRESH_S:
            return ""
        if look != self._last[0]:  # to look a row up takes longer than to draw it
            self._last = look, self._said(self._rows.iloc[look])
        return self._last[1]

    def _said(self, row: pd.Series) -> str:
        if not np.isfinite(row["clock_s"]):
            return ""
        whole = int(row["clock_s"])
        parts = [_PERIODS.get(int(row["period"]), ""), f"{whole // 60}:{whole % 60:02d}"]
        if row["score_left"] >= 0 and row["score_right"] >= 0:
            parts.append(f" {row['score_left']:.0f}-{row['score_right']:.0f}")
        return " ".join(part for part in parts if part)
