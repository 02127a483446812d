"""Events that need rink positions: crowds before a goal and top speeds.

Belongs here: events in feet. Does not belong here: getting to feet
(``hockey/rink``), zones (:mod:`.zones`), events from the picture alone (:mod:`.play`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.entry import Entry, margin
from jarvis_dagster.hockey.events.motion import runs, smooth
from jarvis_dagster.hockey.events.plausible import MAX_SPEED_FTPS
from jarvis_dagster.hockey.events.zones import defended_ends

if TYPE_CHECKING:
    import pandas as pd

    from jarvis_dagster.hockey.rink import Rink

__all__ = ["net_fronts", "placed_people", "top_speeds"]

_NET_FRONT_FT = 12.0
_NET_FRONT_PEOPLE = 3
_NET_FRONT_S = 1.0


def top_speeds(tracks: pd.DataFrame, positions: pd.DataFrame, fps: float) -> list[Entry]:
    """``top_speed`` of every player: the fastest third of a second that is plausible."""
    entries = []
    width = max(3, round(fps / 3))
    roles = tracks.groupby("track_id")[["role", "team"]].first()
    ordered = positions.sort_values(["track_id", "frame"], kind="stable")
    for name, rows in ordered.groupby("track_id"):
        key = int(str(name))
        if key not in roles.index or roles.at[key, "role"] not in ("player", "goalkeeper"):
            continue
        speed = rows["speed_ftps"].to_numpy(np.float64)
        speed = np.where(rows["valid"].to_numpy(bool) & (speed <= MAX_SPEED_FTPS), speed, np.nan)
        frame = rows["frame"].to_numpy(np.int64)
        held = [
            float(np.min(speed[i : i + width]))
            if frame[i + width - 1] - frame[i] == width - 1
            else np.nan
            for i in range(max(0, len(speed) - width + 1))
        ]
        if not np.isfinite(held).any():
            continue
        best = int(np.nanargmax(held))
        steady = float(np.isfinite(speed).mean())
        entries.append(
            Entry(
                type="top_speed",
                start=int(frame[best]),
                stop=int(frame[best + width - 1]) + 1,
                tracks=(key,),
                confidence=0.9 * steady,
                measures={"speed_ftps": held[best], "measured_share": steady},
                team=str(roles.at[key, "team"]),
            )
        )
    return entries


def net_fronts(placed: pd.DataFrame, rink: Rink, fps: float, frame_count: int) -> list[Entry]:
    """``net_front`` while three or more skaters are within 12 ft of the front of a goal."""
    skaters = placed[placed["role"] == "player"]
    ends = defended_ends(placed, rink)
    entries = []
    for end, line in enumerate(rink.goal_lines_ft):
        out = (skaters["x_ft"] - line) * (1 if end == 0 else -1)
        away = np.hypot(out, skaters["y_ft"] - rink.width_ft / 2)
        near = skaters[(away < _NET_FRONT_FT) & (out > -1.0)]
        frame = near["frame"].to_numpy(np.int64)
        number = np.bincount(frame, minlength=frame_count)[:frame_count].astype(np.float64)
        crowded = smooth(number, max(1, round(0.4 * fps))) >= _NET_FRONT_PEOPLE - 0.3
        defenders = next((team for team, at in ends.items() if at == end), "")
        team = {"A": "B", "B": "A"}.get(defenders, "")
        for start, stop in runs(crowded, shortest=round(_NET_FRONT_S * fps), gap=round(0.4 * fps)):
            rows = near[(frame >= start) & (frame < stop)]
            found, often = np.unique(rows["track_id"].to_numpy(), return_counts=True)
            ids = tuple(int(i) for i in found[often >= 0.3 * (stop - start)])
            usual, seconds = float(number[start:stop].mean()), (stop - start) / fps
            measures = {
                "end": ("left", "right")[end],
                "people": usual,
                "attackers": int(rows.loc[rows["team"] == team, "track_id"].nunique())
                if team
                else None,
                "seconds": seconds,
            }
            sure = (margin(usual, 2.3, 5.0) + margin(seconds, 0.5, 3.0)) / 2
            entries.append(Entry("net_front", start, stop, ids, sure, measures, team))
    return entries


def placed_people(tracks: pd.DataFrame, positions: pd.DataFrame) -> pd.DataFrame:
    """Valid positions with role and team."""
    roles = tracks[["frame", "track_id", "role", "team"]]
    valid = positions[positions["valid"]]
    return valid.merge(roles, on=["frame", "track_id"], how="inner")
