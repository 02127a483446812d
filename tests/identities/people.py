"""Made-up tracks for the tests: who, when, where, and what was read."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jarvis_dagster.hockey import tables

FPS = 30.0


def skater(track, frames, *, role="player", team="A", sure=0.95, kind="player", row=-1):
    """A track in all of ``frames``."""
    frames = np.asarray(frames)
    table = pd.DataFrame({"frame": frames, "pts_s": frames / FPS, "track_id": track})
    for name, value in zip(("x1_px", "y1_px", "x2_px", "y2_px"), (10, 20, 60, 130), strict=True):
        table[name] = value + 70 * (track % 9)
    table = table.assign(score=0.9, observed=True, role=role, role_score=sure, team=team)
    table = table.assign(team_score=sure if team else 0.0, **{"class": kind}).astype(tables.TRACKS)
    return table.assign(detection_row=np.arange(len(frames)) + row if row >= 0 else -1)


def game(*parts):
    return pd.concat(parts).sort_values(["frame", "track_id"], ignore_index=True)


def read(*numbers):
    """JERSEYS of (track, number, probability)."""
    table = pd.DataFrame(numbers, columns=["track_id", "number", "probability"])
    return table.assign(reads=5, evidence="{}").astype(tables.JERSEYS)


def placed(track, frames, start, speed=(0.0, 0.0), *, valid=True):
    """POSITIONS along a straight line; ``speed`` in ft/s."""
    frames = np.asarray(frames)
    where = np.asarray(start) + np.outer((frames - frames[0]) / FPS, speed)
    table = pd.DataFrame({"frame": frames, "pts_s": frames / FPS, "track_id": track})
    table = table.assign(x_ft=where[:, 0], y_ft=where[:, 1], speed_ftps=np.hypot(*speed))
    return table.assign(error_ft=2.0, valid=valid).astype(tables.POSITIONS)
