"""Line changes: players of a team who leave and enter at the benches.

Belongs here: bursts of tracks that begin or end there. Does not belong here:
presence itself (:mod:`.presence`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.entry import Entry, margin
from jarvis_dagster.hockey.events.presence import at_edges
from jarvis_dagster.hockey.events.rink_events import placed_people

if TYPE_CHECKING:
    import pandas as pd

    from jarvis_dagster.hockey.rink import Rink
    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["line_changes"]

_BENCH_DEPTH_FT = 8.0
_BENCH_HALF_LENGTH_FT = 45.0
_WINDOW_S = 8.0
_TRACKS = 4
_NEAR_CUT_S = 0.5


def line_changes(
    tracks: pd.DataFrame,
    positions: pd.DataFrame,
    scan: pd.DataFrame,
    info: VideoInfo,
    rink: Rink,
) -> list[Entry]:
    """``line_change`` when four or more tracks of a team begin or end at the benches.

    The benches are taken to be along the middle of either side: only tracks that
    begin or end within 8 ft of those boards count, within 8 s, some on and some off,
    and none that does so at an edge of the picture or beside a camera cut.
    """
    if not len(tracks):
        return []
    fps = info.fps
    near = round(_NEAR_CUT_S * fps)
    cuts = scan.loc[scan["is_cut"], "frame"].to_numpy(np.int64)
    breaks = np.concatenate([cuts, [0, int(tracks["frame"].max()) + 1]])
    sides = tracks[~at_edges(tracks, info)]
    players = placed_people(sides, positions)
    players = players[(players["role"] == "player") & (players["team"] != "")]
    bounds = tracks.groupby("track_id")["frame"].agg(["min", "max"])
    moments = []
    for edge, column in (("on", "min"), ("off", "max")):
        rows = players[players["frame"] == players["track_id"].map(bounds[column])]
        by_side = np.minimum(rows["y_ft"], rink.width_ft - rows["y_ft"]) < _BENCH_DEPTH_FT
        by_side &= (rows["x_ft"] - rink.length_ft / 2).abs() < _BENCH_HALF_LENGTH_FT
        apart = np.abs(rows["frame"].to_numpy()[:, None] - breaks[None]).min(axis=1) > near
        rows = rows[by_side & apart]
        moments += [
            (int(frame), int(track), str(team), edge)
            for frame, track, team in zip(
                rows["frame"], rows["track_id"], rows["team"], strict=True
            )
        ]
    return [
        entry
        for team in ("A", "B")
        for entry in _bursts(sorted(m for m in moments if m[2] == team), team, fps)
    ]


def _bursts(moments: list[tuple[int, int, str, str]], team: str, fps: float) -> list[Entry]:
    """Group the moments of one team, in the order of time."""
    entries = []
    i = 0
    while i < len(moments):
        burst = [m for m in moments[i:] if m[0] < moments[i][0] + _WINDOW_S * fps]
        on, off = sum(m[3] == "on" for m in burst), sum(m[3] == "off" for m in burst)
        if len(burst) < _TRACKS or not on or not off:
            i += 1
            continue
        ids = tuple(sorted({m[1] for m in burst}))
        sure = margin(len(burst), _TRACKS - 1, 10)
        start, stop = burst[0][0], burst[-1][0] + 1
        entries.append(Entry("line_change", start, stop, ids, sure, {"on": on, "off": off}, team))
        i += len(burst)
    return entries
