"""Events that need rink positions: zone entries and top speeds.

Belongs here: events in feet. Does not belong here: getting to feet
(``hockey/rink``), events from the picture alone (:mod:`.play`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.entry import Entry, margin
from jarvis_dagster.hockey.events.motion import runs, smooth

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink import Rink

__all__ = ["defended_ends", "placed_people", "top_speeds", "zone_entries"]

_FASTEST_FTPS = 42.0
"""No one skates faster (the fastest measured are near 36): an error of tracking."""
_HYSTERESIS_FT = 4.0


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
        speed = np.where(rows["valid"].to_numpy(bool) & (speed < _FASTEST_FTPS), speed, np.nan)
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


def defended_ends(tracks: pd.DataFrame, positions: pd.DataFrame, rink: Rink) -> dict[str, int]:
    """Which end (0 left, 1 right) each team defends, from where its goalkeeper stands."""
    joined = placed_people(tracks, positions)
    keepers = joined[(joined["role"] == "goalkeeper") & (joined["team"] != "")]
    ends: dict[str, int] = {}
    for team, rows in keepers.groupby("team"):
        x = float(rows["x_ft"].median())
        if min(x, rink.length_ft - x) < rink.blue_line_ft * 0.6:
            ends[str(team)] = int(x > rink.length_ft / 2)
    if len(ends) == 2 and len(set(ends.values())) == 1:
        return {}
    if len(ends) == 1:
        team, end = next(iter(ends.items()))
        ends["B" if team == "A" else "A"] = 1 - end
    return ends


def zone_entries(
    tracks: pd.DataFrame, positions: pd.DataFrame, rink: Rink, fps: float, frame_count: int
) -> list[Entry]:
    """``zone_entry`` when the middle of all skaters crosses a blue line into an end zone.

    The middle is the median along the rink over half a second, of at least six
    skaters. It must come from 4 ft before the line and get 4 ft beyond it.
    """
    joined = placed_people(tracks, positions)
    skaters = joined[joined["role"] == "player"]
    middle = _median_by_frame(skaters, frame_count, least=6)
    middle = smooth(middle, max(1, round(0.5 * fps)))
    ends = defended_ends(tracks, positions, rink)
    attackers = {end: ("B" if team == "A" else "A") for team, end in ends.items()}
    low, high = rink.blue_lines_ft
    entries = []
    for end, depth in ((0, low - middle), (1, middle - high)):
        for at in _crossings(depth):
            stop = min(at + max(1, round(fps)), frame_count)
            inside = skaters[(skaters["frame"] >= at) & (skaters["frame"] < stop)]
            team = attackers.get(end, "")
            if team:
                inside = inside[inside["team"] == team]
            beyond = float(np.nanmax(depth[at : min(at + round(3 * fps), frame_count)]))
            measures = {"end": ("left", "right")[end], "middle_beyond_line_ft": beyond}
            ids = tuple(sorted({int(i) for i in inside["track_id"]}))
            sure = margin(beyond, _HYSTERESIS_FT, 30.0)
            entries.append(Entry("zone_entry", at, stop, ids, sure, measures, team))
    return entries


def placed_people(tracks: pd.DataFrame, positions: pd.DataFrame) -> pd.DataFrame:
    """Valid positions with role and team."""
    roles = tracks[["frame", "track_id", "role", "team"]]
    valid = positions[positions["valid"]]
    return valid.merge(roles, on=["frame", "track_id"], how="inner")


def _median_by_frame(rows: pd.DataFrame, frame_count: int, *, least: int) -> NDArray[np.float64]:
    middle = np.full(frame_count, np.nan)
    grouped = rows.groupby("frame")["x_ft"].agg(["median", "size"])
    enough = grouped[grouped["size"] >= least]
    at = enough.index.to_numpy(np.int64)
    middle[at] = enough["median"].to_numpy(np.float64)
    return middle


def _crossings(depth: NDArray[np.float64]) -> list[int]:
    """Frames where ``depth`` rises through 0, from below -4 to above +4 ft."""
    found = []
    for start, stop in runs(np.isfinite(depth), shortest=2):
        before, crossed = False, -1
        for at in range(start, stop):
            if depth[at] < -_HYSTERESIS_FT:
                before, crossed = True, -1
            elif depth[at] >= 0 and before and crossed < 0:
                crossed = at
            if crossed >= 0 and depth[at] > _HYSTERESIS_FT:
                found.append(crossed)
                before, crossed = False, -1
    return found
