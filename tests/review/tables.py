"""Small tables of tracks for tests of corrections.

Belongs here: making them. Does not belong here: assertions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from jarvis_dagster.hockey.tables import TRACKS

__all__ = ["scan_of", "tracked", "walk"]

FPS = 10.0


def walk(
    track: int,
    start: int,
    stop: int,
    *,
    x: float = 100.0,
    y: float = 100.0,
    step: float = 2.0,
    role: str = "player",
    team: str = "A",
) -> pd.DataFrame:
    """Somebody who walks to the right from frame ``start`` to before ``stop``."""
    frames = np.arange(start, stop)
    left = x + step * (frames - start)
    return pd.DataFrame(
        {
            "frame": frames,
            "pts_s": frames / FPS,
            "x1_px": left,
            "y1_px": y,
            "x2_px": left + 20,
            "y2_px": y + 50,
            "score": 0.8,
            "class": role,
            "track_id": track,
            "observed": True,
            "role": role,
            "role_score": 0.9,
            "team": team,
            "team_score": 0.9,
        }
    ).astype(TRACKS)


def tracked(*walks: pd.DataFrame) -> pd.DataFrame:
    """One table of several people."""
    return pd.concat(walks).sort_values(["frame", "track_id"], ignore_index=True)


def scan_of(frames: int) -> pd.DataFrame:
    """What corrections of events need of a scan."""
    return pd.DataFrame({"frame": np.arange(frames), "pts_s": np.arange(frames) / FPS})
