"""Events of the puck, where it was followed well enough.

Belongs here: what only the puck can tell. Does not belong here: finding it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.entry import Entry, margin
from jarvis_dagster.hockey.events.motion import runs

if TYPE_CHECKING:
    import pandas as pd

    from jarvis_dagster.hockey.rink import Rink

__all__ = ["puck_coverage", "shots"]

_SHOT_FTPS = 45.0
_SHORTEST_S = 0.1
_REACH_FT = 5.0
"""How far beside the goal's middle a shot on it may be aimed."""
_RANGE_FT = 75.0


def puck_coverage(tracks: pd.DataFrame) -> float:
    """Share of the frames with anyone in them in which the puck was followed too."""
    frames = tracks.loc[tracks["class"] == "puck", "frame"].nunique()
    return float(frames) / max(1, tracks["frame"].nunique())


def shots(tracks: pd.DataFrame, positions: pd.DataFrame, rink: Rink, fps: float) -> list[Entry]:
    """``shot`` when the puck goes fast, and straight at a goal, from within 75 ft.

    The puck's own positions hold while it is on the ice; one that flies is seen
    too far away, which is why this stays experimental.
    """
    puck = tracks.loc[tracks["class"] == "puck", ["frame", "track_id"]]
    path = puck.merge(positions[positions["valid"]], on=["frame", "track_id"])
    path = path.sort_values("frame", kind="stable").drop_duplicates("frame")
    if len(path) < 3:
        return []
    frame = path["frame"].to_numpy(np.int64)
    place = path[["x_ft", "y_ft"]].to_numpy(np.float64)
    time = np.gradient(frame) / fps
    velocity = np.gradient(place, axis=0) / time[:, None]
    speed = np.hypot(velocity[:, 0], velocity[:, 1])
    entries = []
    for end, line in enumerate(rink.goal_lines_ft):
        distance = np.abs(line - place[:, 0])
        towards = (velocity[:, 0] > 0) == bool(end)
        with np.errstate(divide="ignore", invalid="ignore"):
            aim = place[:, 1] + velocity[:, 1] / np.abs(velocity[:, 0]) * distance
        on_goal = np.abs(aim - rink.width_ft / 2) < _REACH_FT
        hot = (speed > _SHOT_FTPS) & towards & on_goal & (distance < _RANGE_FT)
        steps = max(2, round(_SHORTEST_S * fps))
        for start, stop in runs(hot, shortest=steps, gap=2):
            if frame[stop - 1] - frame[start] > 2 * (stop - start) + 2:
                continue
            fastest = float(np.median(speed[start:stop]))
            measures = {
                "puck_speed_ftps": fastest,
                "from_ft": float(distance[start]),
                "end": ("left", "right")[end],
            }
            ids = tuple(sorted({int(i) for i in path["track_id"].iloc[start:stop]}))
            sure = margin(fastest, _SHOT_FTPS, 110.0)
            entries.append(
                Entry("shot", int(frame[start]), int(frame[stop - 1]) + 1, ids, sure, measures)
            )
    return entries
