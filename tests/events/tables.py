"""Tables of people who move as a test says, without pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jarvis_dagster.hockey.events.integrity import Record
from jarvis_dagster.hockey.tables import POSITIONS, SCAN, TRACKS, Provenance
from jarvis_dagster.hockey.video import VideoInfo

FPS = 30.0
PROVENANCE = Provenance("ab" * 32, "detector 1.2", "cd" * 32)


def video(path, seconds=10.0, fps=FPS):
    return VideoInfo(
        path=path,
        width_px=1280,
        height_px=720,
        fps=fps,
        frame_count=round(seconds * fps),
        duration_s=seconds,
        codec="h264",
        rotation_deg=0,
        has_audio=False,
        variable_rate=False,
        size_bytes=1000,
    )


def scanned(frames, *, cuts=(), pan_px=0.0):
    table = pd.DataFrame(
        {
            "frame": np.arange(frames),
            "pts_s": np.arange(frames) / FPS,
            "luma": 150.0,
            "sharpness": 100.0,
            "difference": 2.0,
            "is_cut": np.isin(np.arange(frames), cuts),
            "dx_px": pan_px,
            "dy_px": 0.0,
            "scale": 1.0,
            "angle_rad": 0.0,
            "motion_ok": ~np.isin(np.arange(frames), (0, *cuts)),
        }
    )
    table.loc[table["is_cut"], "difference"] = 60.0
    return table.astype(SCAN)


def walker(track_id, path, *, start=0, role="player", team="A", height=100.0, said=None):
    """A track whose feet are at ``path`` (F, 2), from frame ``start``."""
    path = np.asarray(path, float)
    frame = np.arange(start, start + len(path))
    return pd.DataFrame(
        {
            "frame": frame,
            "pts_s": frame / FPS,
            "x1_px": path[:, 0] - 20,
            "y1_px": path[:, 1] - height,
            "x2_px": path[:, 0] + 20,
            "y2_px": path[:, 1],
            "score": 0.9,
            "class": said or role,
            "track_id": track_id,
            "observed": True,
            "role": role,
            "role_score": 0.95,
            "team": team,
            "team_score": 0.9,
        }
    ).astype(TRACKS)


def placed(track_id, path_ft, speed_ftps, *, start=0):
    path_ft = np.asarray(path_ft, float)
    frame = np.arange(start, start + len(path_ft))
    return pd.DataFrame(
        {
            "frame": frame,
            "pts_s": frame / FPS,
            "track_id": track_id,
            "x_ft": path_ft[:, 0],
            "y_ft": path_ft[:, 1],
            "speed_ftps": speed_ftps,
            "valid": True,
            "error_ft": 0.5,
        }
    ).astype(POSITIONS)


def line(frames, x, y, step=0.0):
    """Feet that move ``step`` px a frame to the right."""
    return np.column_stack([x + step * np.arange(frames), np.full(frames, float(y))])


def crew(frames, *, step=0.0, people=6, first=1):
    """People spread over the picture, all moving alike, of both teams in turn."""
    return [
        walker(first + i, line(frames, 150 + 170 * i, 250 + 60 * (i % 5), step), team="AB"[i % 2])
        for i in range(people)
    ]


def joined(*parts):
    return pd.concat(parts, ignore_index=True)


def recorded(scan, *, seconds=0.0, fps=FPS, **tables):
    """The record of a video as long as its scan."""
    end = float(scan["pts_s"].max()) + 1 / fps if len(scan) else 0.0
    return Record(fps, len(scan), max(seconds, end), scan=scan, **tables)
