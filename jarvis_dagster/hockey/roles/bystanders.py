"""People off the ice who were followed all the same.

Belongs here: who is left out because nothing says that he plays. Does not belong here: doubting
single boxes for where they stand (``hockey/detection``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.roles.kit import KIT_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["without_bystanders"]

_ICE_BESIDE = 0.35
"""Median share of ice at a body's sides; skaters along the boards have little of it, too."""
_DOUBTED = 0.85
"""Share of the usual score."""


def without_bystanders(tracks: pd.DataFrame, kit: pd.DataFrame) -> pd.DataFrame:
    """``tracks`` without those of no known role, with no ice beside them and with low scores.

    Each of the three is true of some player now and then; of one who plays, not all.

    Args:
        tracks: TRACKS with roles and ``detection_row``.
        kit: ``KIT_COLUMNS`` row-aligned with the detections.
    """
    doubtful = (tracks["role"] == "unknown") & (tracks["class"] != "puck")
    if not doubtful.any() or not set(KIT_COLUMNS) <= set(kit.columns):
        return tracks
    seen = tracks["observed"] & (tracks["detection_row"] >= 0)
    usual = float(tracks.loc[seen & (tracks["class"] != "puck"), "score"].mean())
    ice = kit["on_ice"].to_numpy(np.float64)
    gone = [
        track
        for track, rows in tracks[seen & doubtful].groupby("track_id")
        if rows["score"].mean() < _DOUBTED * usual
        and np.median(ice[rows["detection_row"].to_numpy()]) < _ICE_BESIDE
    ]
    return tracks[~tracks["track_id"].isin(gone)].reset_index(drop=True) if gone else tracks
