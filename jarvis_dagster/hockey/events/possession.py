"""Who has the puck, where the puck was followed well enough.

Belongs here: possession from the places of the puck and of the players. Does not
belong here: shots (:mod:`.puck`), finding the puck.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.entry import Entry, margin
from jarvis_dagster.hockey.events.motion import runs

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["possessions"]

_REACH_FT = 6.0
"""From a skater's feet to the blade of the stick, and the error of two places."""
_CLEARLY_FT = 2.0
_HELD_S = 0.4
_PASS_S = 1.5
_SHORTEST_S = 1.0


def possessions(
    tracks: pd.DataFrame, placed: pd.DataFrame, positions: pd.DataFrame, fps: float, count: int
) -> list[Entry]:
    """``possession`` of a team while its players, one after another, have the puck.

    A player has it who is within 6 ft of it for 0.4 s or more, and 2 ft nearer than any
    opponent. A team keeps it over passes of up to 1.5 s, until an opponent has it.
    """
    holder, team = _holders(tracks, placed, positions, count)
    held = np.zeros(count, np.int64)  # 1 for A, 2 for B, while someone surely has it
    for start, stop in runs(holder >= 0, shortest=max(1, round(_HELD_S * fps)), group=holder):
        held[start:stop] = team[start]
    entries = []
    for number, name in ((1, "A"), (2, "B")):
        other = np.cumsum(held == 3 - number)
        # A stretch never goes on past a moment of the other team.
        spans = runs(
            held == number,
            shortest=round(_SHORTEST_S * fps),
            gap=round(_PASS_S * fps),
            group=other,
        )
        for start, stop in spans:
            mine = held[start:stop] == number
            share = float(mine.mean())
            ids = tuple(sorted({int(i) for i in holder[start:stop][mine]}))
            measures = {
                "seconds": (stop - start) / fps,
                "at_a_stick_share": share,
                "players": len(ids),
            }
            sure = margin(share, 0.2, 1.0)
            entries.append(Entry("possession", start, stop, ids, sure, measures, name))
    return entries


def _holders(
    tracks: pd.DataFrame, placed: pd.DataFrame, positions: pd.DataFrame, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Track of who is at the puck in each frame (-1: nobody), and team (1 A, 2 B)."""
    puck = tracks.loc[tracks["class"] == "puck", ["frame", "track_id"]]
    puck = puck.merge(positions[positions["valid"]], on=["frame", "track_id"])
    puck = puck.drop_duplicates("frame")[["frame", "x_ft", "y_ft"]]
    people = placed[placed["team"].isin(("A", "B"))]
    near = people.merge(puck, on="frame", suffixes=("", "_puck"))
    away = np.hypot(near["x_ft"] - near["x_ft_puck"], near["y_ft"] - near["y_ft_puck"])
    near = near.assign(_away=away).sort_values(["frame", "_away"], kind="stable")
    nearest = near.groupby(["frame", "team"], sort=False).first().reset_index()
    nearest = nearest.sort_values(["frame", "_away"], kind="stable")
    first = nearest.drop_duplicates("frame")
    second = nearest[nearest.duplicated("frame")].set_index("frame")["_away"]
    margin_ft = second.reindex(first["frame"]).fillna(np.inf).to_numpy() - first["_away"].to_numpy()
    good = first[(first["_away"].to_numpy() < _REACH_FT) & (margin_ft > _CLEARLY_FT)]
    holder = np.full(count, -1, np.int64)
    team = np.zeros(count, np.int64)
    at = good["frame"].to_numpy(np.int64)
    holder[at] = good["track_id"].to_numpy(np.int64)
    team[at] = np.where(good["team"].to_numpy(str) == "A", 1, 2)
    return holder, team
