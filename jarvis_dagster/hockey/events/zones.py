"""Which zone the play is in: entries, exits, and time in each.

Belongs here: events of the group's place along the rink. Does not belong here:
who has the puck (:mod:`.possession`), getting to feet (``hockey/rink``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.entry import Entry, margin
from jarvis_dagster.hockey.events.motion import runs, smooth

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink import Rink

__all__ = ["defended_ends", "keeper_ends", "zone_events"]

_HYSTERESIS_FT = 4.0
_LEAST_SKATERS = 6
_SHORTEST_S = 1.0
_LEAD_S = 0.4
_ENDS = ("left", "right")


@dataclasses.dataclass
class _Stay:
    """The group in one zone, from ``start`` to before ``stop``."""

    zone: str  # left | neutral | right
    start: int
    stop: int
    entered: bool = False  # came from well within another zone, seen without a break
    left: bool = False
    sure: bool = False  # was well within it


def zone_events(placed: pd.DataFrame, rink: Rink, fps: float, frame_count: int) -> list[Entry]:
    """``zone_entry``, ``zone_exit`` and ``zone_time`` from the middle of all skaters.

    The middle is the median along the rink over half a second, of at least six skaters,
    0.4 s ahead on its way, as skaters follow the puck. It enters an end zone when it comes
    from 4 ft before the blue line and gets 4 ft beyond it, at the moment it crosses; an
    exit is the same the other way.
    """
    skaters = placed[placed["role"] == "player"]
    middle = _leading_middle(skaters, fps, frame_count)
    ends = defended_ends(placed, rink)
    attackers = {end: ("B" if team == "A" else "A") for team, end in ends.items()}
    low, high = rink.blue_lines_ft
    depths = {"left": low - middle, "right": middle - high}
    entries = []
    for stay in _stays(middle, depths):
        end = _ENDS.index(stay.zone) if stay.zone in _ENDS else -1
        team = attackers.get(end, "")
        if stay.stop - stay.start >= _SHORTEST_S * fps:
            inside = depths[stay.zone] if end >= 0 else -np.maximum(*depths.values())
            deep = float(np.nanmedian(inside[stay.start : stay.stop]))
            measures = {
                "zone": stay.zone,
                "seconds": (stay.stop - stay.start) / fps,
                "middle_beyond_line_ft": deep,
            }
            sure = margin(deep, -2.0, 25.0)
            entries.append(Entry("zone_time", stay.start, stay.stop, (), sure, measures, team))
        if end < 0:
            continue
        depth = depths[stay.zone]
        if stay.entered:
            entries.append(_crossing("zone_entry", stay, depth, skaters, fps, team))
        if stay.left:
            entries.append(_crossing("zone_exit", stay, -depth, skaters, fps, team))
    return entries


def _crossing(
    kind: str,
    stay: _Stay,
    depth: NDArray[np.float64],
    skaters: pd.DataFrame,
    fps: float,
    team: str,
) -> Entry:
    """The second from which the group is beyond the line; ``depth`` grows beyond it."""
    at = stay.start if kind == "zone_entry" else stay.stop
    stop = min(at + max(1, round(fps)), len(depth))
    inside = skaters[(skaters["frame"] >= at) & (skaters["frame"] < stop)]
    defenders = {"A": "B", "B": "A"}.get(team, "")
    mine = team if kind == "zone_entry" else defenders
    if mine:
        inside = inside[inside["team"] == mine]
    beyond = float(np.nanmax(depth[at : min(at + round(3 * fps), len(depth))]))
    measures = {"end": stay.zone, "middle_beyond_line_ft": beyond}
    ids = tuple(sorted({int(i) for i in inside["track_id"]}))
    return Entry(kind, at, stop, ids, margin(beyond, _HYSTERESIS_FT, 30.0), measures, mine)


def _stays(middle: NDArray[np.float64], depths: dict[str, NDArray[np.float64]]) -> list[_Stay]:
    """The zones that the group was in, one after another, broken where it was not measured."""
    found: list[_Stay] = []
    for start, stop in runs(np.isfinite(middle), shortest=2):
        zone = _zone_at(depths, start, 0.0) or "neutral"
        current = _Stay(zone, start, stop)
        line = start
        for at in range(start, stop):
            well_in = _zone_at(depths, at, _HYSTERESIS_FT)
            if max(depth[at] for depth in depths.values()) < -_HYSTERESIS_FT:
                well_in = "neutral"
            if (_zone_at(depths, at, 0.0) or "neutral") == current.zone:
                line = at + 1
                current.sure |= well_in == current.zone
                continue
            if well_in is None:
                continue
            line = max(line, current.start + 1)
            crossed = _Stay(well_in, line, stop, entered=current.sure, sure=True)
            current.stop, current.left = line, current.sure
            found.append(current)
            current = crossed
            line = at + 1
        found.append(current)
    return found


def _zone_at(depths: dict[str, NDArray[np.float64]], at: int, beyond_ft: float) -> str | None:
    for zone, depth in depths.items():
        if depth[at] > beyond_ft:
            return zone
    return None


def defended_ends(placed: pd.DataFrame, rink: Rink) -> dict[str, int]:
    """Which end (0 left, 1 right) each team defends, from where its goalkeeper stands."""
    keepers = placed[(placed["role"] == "goalkeeper") & (placed["team"] != "")]
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


def keeper_ends(placed: pd.DataFrame, rink: Rink) -> dict[int, str]:
    """By track, the end of every goalkeeper who usually is near a goal."""
    keepers = placed[placed["role"] == "goalkeeper"]
    ends = {}
    for track, x in keepers.groupby("track_id")["x_ft"].median().items():
        if min(x, rink.length_ft - x) < rink.blue_line_ft * 0.6:
            ends[int(str(track))] = _ENDS[int(x > rink.length_ft / 2)]
    return ends


def _leading_middle(skaters: pd.DataFrame, fps: float, frame_count: int) -> NDArray[np.float64]:
    """Feet along the rink, (F,); NaN where too few skaters are placed."""
    middle = smooth(_median_by_frame(skaters, frame_count), max(1, round(0.5 * fps)))
    lag = max(1, round(0.5 * fps))
    way = np.full(frame_count, np.nan)
    way[lag:-lag] = (middle[2 * lag :] - middle[: -2 * lag]) * fps / (2 * lag)
    return middle + _LEAD_S * np.nan_to_num(smooth(way, lag))


def _median_by_frame(rows: pd.DataFrame, frame_count: int) -> NDArray[np.float64]:
    middle = np.full(frame_count, np.nan)
    grouped = rows.groupby("frame")["x_ft"].agg(["median", "size"])
    enough = grouped[grouped["size"] >= _LEAST_SKATERS]
    at = enough.index.to_numpy(np.int64)
    middle[at] = enough["median"].to_numpy(np.float64)
    return middle
