"""Line changes: players of a team who leave and enter at the benches.

Belongs here: bursts of presences that begin or end there. Does not belong here:
presence itself (:mod:`.presence`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.entry import Entry, margin
from jarvis_dagster.hockey.events.presence import at_edges

if TYPE_CHECKING:
    import pandas as pd

    from jarvis_dagster.hockey.rink import Rink
    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["line_changes"]

_BENCH_DEPTH_FT = 9.0
_BENCH_HALF_LENGTH_FT = 50.0
_WINDOW_S = 6.0
_MOMENTS = 3
_NEAR_CUT_S = 0.5
_HIDDEN_S = 2.0


@dataclasses.dataclass(frozen=True, order=True)
class _Moment:
    frame: int
    track: int
    team: str
    edge: str  # on | off
    far: bool


def line_changes(
    tracks: pd.DataFrame,
    placed: pd.DataFrame,
    scan: pd.DataFrame,
    info: VideoInfo,
    rink: Rink,
) -> list[Entry]:
    """``line_change`` when three or more presences of a team begin or end at the benches.

    The benches are taken to be along the middle of one side: only presences that
    begin or end within 9 ft of those boards count, within 6 s, some on and some off,
    and none that does so at an edge of the picture or beside a camera cut.
    """
    if not len(tracks):
        return []
    fps = info.fps
    moments = _moments(tracks, placed, scan, info, rink)
    return [
        entry
        for team in ("A", "B")
        for far in (False, True)
        for entry in _bursts(
            sorted(m for m in moments if m.team == team and m.far == far), team, fps
        )
    ]


def _moments(
    tracks: pd.DataFrame, placed: pd.DataFrame, scan: pd.DataFrame, info: VideoInfo, rink: Rink
) -> list[_Moment]:
    near = round(_NEAR_CUT_S * info.fps)
    cuts = scan.loc[scan["is_cut"], "frame"].to_numpy(np.int64)
    breaks = np.concatenate([cuts, [0, int(tracks["frame"].max()) + 1]])
    rows = tracks[(tracks["role"] == "player") & (tracks["team"] != "")]
    rows = rows.assign(_edge=at_edges(rows, info)).sort_values(["track_id", "frame"])
    fresh = (rows["track_id"].diff() != 0) | (rows["frame"].diff() > _HIDDEN_S * info.fps)
    found = []
    for edge, wanted in (("on", fresh), ("off", fresh.shift(-1, fill_value=True))):
        ends = rows[wanted & ~rows["_edge"]]
        at = ends[["frame", "track_id", "team"]].merge(
            placed[["frame", "track_id", "x_ft", "y_ft"]], on=["frame", "track_id"]
        )
        by_side = np.minimum(at["y_ft"], rink.width_ft - at["y_ft"]) < _BENCH_DEPTH_FT
        by_side &= (at["x_ft"] - rink.length_ft / 2).abs() < _BENCH_HALF_LENGTH_FT
        apart = np.abs(at["frame"].to_numpy()[:, None] - breaks[None]).min(axis=1) > near
        at = at[by_side & apart]
        found += [
            _Moment(int(frame), int(track), str(team), edge, bool(y > rink.width_ft / 2))
            for frame, track, team, y in zip(
                at["frame"], at["track_id"], at["team"], at["y_ft"], strict=True
            )
        ]
    return found


def _bursts(moments: list[_Moment], team: str, fps: float) -> list[Entry]:
    """Group the moments of one team, in the order of time."""
    entries = []
    i = 0
    while i < len(moments):
        burst = [m for m in moments[i:] if m.frame < moments[i].frame + _WINDOW_S * fps]
        on, off = sum(m.edge == "on" for m in burst), sum(m.edge == "off" for m in burst)
        if len(burst) < _MOMENTS or not on or not off:
            i += 1
            continue
        ids = tuple(sorted({m.track for m in burst}))
        sure = margin(len(burst), _MOMENTS - 1, 8) * (0.7 + 0.3 * min(on, off) / max(on, off))
        start, stop = burst[0].frame, burst[-1].frame + 1
        entries.append(Entry("line_change", start, stop, ids, sure, {"on": on, "off": off}, team))
        i += len(burst)
    return entries
