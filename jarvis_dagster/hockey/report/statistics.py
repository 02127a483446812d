"""The numbers of the report, each computed from the tables.

Belongs here: what is said in numbers, as plain JSON-able values. Does not
belong here: pictures (:mod:`.plots`), how it looks (``report.html``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.events.motion import frame_motion, measure_motion

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.video import VideoInfo

__all__ = [
    "activity_series",
    "event_rows",
    "longest_in_view",
    "name_persons",
    "people_rows",
    "scoreboard_facts",
    "team_rows",
    "video_facts",
]

MPH_PER_FTPS = 0.6818181818
_FASTEST_FTPS = 42.0


def video_facts(info: VideoInfo, name: str, tracks: pd.DataFrame) -> dict[str, Any]:
    """What was analysed."""
    people = tracks[tracks["role"] != "unknown"] if len(tracks) else tracks
    per_frame = people.groupby("frame").size() if len(people) else None
    return {
        "name": name,
        "duration_s": round(info.duration_s, 3),
        "width_px": info.width_px,
        "height_px": info.height_px,
        "fps": round(info.fps, 3),
        "frames": info.frame_count,
        "people_in_view": None if per_frame is None else float(per_frame.median()),
        "frames_with_people": 0.0
        if per_frame is None
        else round(len(per_frame) / max(1, info.frame_count), 4),
    }


def people_rows(
    tracks: pd.DataFrame,
    positions: pd.DataFrame | None,
    events: pd.DataFrame,
    scan: pd.DataFrame,
    fps: float,
    jerseys: pd.DataFrame | None = None,
) -> list[dict[str, Any]]:
    """One row a track, the longest in view first."""
    if not len(tracks):
        return []
    motion = measure_motion(tracks, scan, fps)
    speed = np.hypot(motion.velocity[:, 0], motion.velocity[:, 1])
    fastest = _top_speeds(events)
    on_ice = _times_on_ice(events)
    worn = {} if jerseys is None else jerseys.set_index("track_id").to_dict("index")
    rows: list[dict[str, Any]] = []
    for key, row in (
        tracks.assign(_speed=speed)
        .groupby("track_id")
        .agg(
            role=("role", "first"),
            role_score=("role_score", "first"),
            team=("team", "first"),
            team_score=("team_score", "first"),
            frames=("frame", "nunique"),
            first_s=("pts_s", "min"),
            last_s=("pts_s", "max"),
            observed=("observed", "mean"),
            score=("score", "mean"),
            activity=("_speed", "mean"),
        )
        .iterrows()
    ):
        track = int(str(key))
        if row["role"] == "unknown":
            continue
        ftps = fastest.get(track)
        rows.append(
            {
                "track_id": track,
                "role": str(row["role"]),
                "role_score": _round(row["role_score"]),
                "team": str(row["team"]),
                "team_score": _round(row["team_score"]),
                "jersey_number": worn[track]["number"] if track in worn else None,
                "jersey_probability": _round(worn[track]["probability"]) if track in worn else None,
                "time_in_view_s": round(float(row["frames"]) / fps, 2),
                "time_on_ice_s": on_ice.get(track),
                "first_s": round(float(row["first_s"]), 2),
                "last_s": round(float(row["last_s"]), 2),
                "observed_share": _round(row["observed"]),
                "activity_heights_per_s": _round(row["activity"]),
                "top_speed_ftps": None if ftps is None else round(ftps, 1),
                "top_speed_mph": None if ftps is None else round(ftps * MPH_PER_FTPS, 1),
                "distance_ft": _distance(positions, track, fps),
            }
        )
    rows.sort(key=lambda r: (-r["time_in_view_s"], r["track_id"]))
    return rows


def name_persons(people: list[dict[str, Any]], identities: pd.DataFrame | None) -> None:
    """Add ``person_id`` to each row: who it is, or None where that cannot be told."""
    known: dict[int, str] = {}
    if identities is not None:
        told = identities[identities["person_id"] != "unknown"]
        known = {int(t): str(p) for t, p in zip(told["track_id"], told["person_id"], strict=True)}
    for row in people:
        row["person_id"] = known.get(row["track_id"])


def longest_in_view(people: list[dict[str, Any]], count: int = 24) -> list[dict[str, Any]]:
    """The ``count`` rows to show; officials only where there is room."""
    return sorted(people, key=lambda p: p["role"] == "referee")[:count]


def scoreboard_facts(board: pd.DataFrame | None, names: Sequence[str]) -> dict[str, Any] | None:
    """First and last reading of the scoreboard, and when goals were added; None without one."""
    if board is None or not board["clock_s"].notna().any():
        return None
    clock = board[board["clock_s"].notna()]
    known = board[(board["score_left"] >= 0) & (board["score_right"] >= 0)]
    score = known[["score_left", "score_right"]].to_numpy(np.int64)
    changed = 1 + np.flatnonzero((np.diff(score, axis=0) > 0).any(axis=1))
    read = [
        {
            "video_s": round(float(row["pts_s"]), 2),
            "clock_s": float(row["clock_s"]),
            "period": int(row["period"]) or None,
        }
        for _, row in clock.iloc[[0, -1]].iterrows()
    ]
    return {
        "names": list(names),
        "first": read[0],
        "last": read[1],
        "score_first": score[0].tolist() if len(score) else None,
        "score_last": score[-1].tolist() if len(score) else None,
        "changes": [
            {"video_s": round(float(known["pts_s"].iloc[i]), 2), "score": score[i].tolist()}
            for i in changed
        ],
        "looks": len(board),
        "clock_read_share": _round(board["clock_s"].notna().mean()),
    }


def team_rows(
    people: list[dict[str, Any]], tracks: pd.DataFrame, events: pd.DataFrame
) -> list[dict[str, Any]]:
    """One row a team: what its players and goalkeepers add up to, and its time in attack."""
    zones = _of_teams(events, "zone_time")
    held = _of_teams(events, "possession")
    rows = []
    for team in ("A", "B"):
        mine = [p for p in people if p["team"] == team]
        seconds = sum(p["time_in_view_s"] for p in mine)
        moving = [p for p in mine if p["activity_heights_per_s"] is not None]
        moving_seconds = sum(p["time_in_view_s"] for p in moving)
        here = tracks[tracks["team"] == team]
        at_once = here.groupby("frame").size() if len(here) else None
        speeds = [p["top_speed_mph"] for p in mine if p["top_speed_mph"] is not None]
        rows.append(
            {
                "team": team,
                "tracks": len(mine),
                "goalkeepers": sum(p["role"] == "goalkeeper" for p in mine),
                "at_once": None if at_once is None else int(at_once.median()),
                "time_in_view_s": round(seconds, 1),
                "zone_time_s": zones.get(team),
                "possession_s": held.get(team),
                "activity_heights_per_s": _round(
                    sum(p["activity_heights_per_s"] * p["time_in_view_s"] for p in moving)
                    / moving_seconds
                )
                if moving_seconds
                else None,
                "top_speed_mph": max(speeds, default=None),
            }
        )
    return rows


def event_rows(events: pd.DataFrame) -> list[dict[str, Any]]:
    """The ledger as plain rows, evidence opened."""
    rows = []
    for row in events.to_dict("records"):
        evidence = json.loads(row["evidence"])
        rows.append(
            {
                "event_id": str(row["event_id"]),
                "type": str(row["type"]),
                "start_s": round(float(row["start_s"]), 3),
                "end_s": round(float(row["end_s"]), 3),
                "team": str(row["team"]),
                "track_ids": json.loads(row["track_ids"]),
                "confidence": _round(row["confidence"]),
                "frames": evidence.get("frames", []),
                "measures": evidence.get("measures", {}),
                "model_version": evidence.get("model_version", ""),
            }
        )
    return rows


def activity_series(
    tracks: pd.DataFrame, scan: pd.DataFrame, fps: float, frame_count: int
) -> dict[str, NDArray[np.float64]]:
    """Summed speed of each team's people over time, body heights per second, (F,) each.

    The key "" is everyone, with a team or without; frames without a measure are NaN.
    """
    series = {}
    for team in ("", "A", "B"):
        chosen = tracks if not team else tracks[tracks["team"] == team]
        chosen = chosen.reset_index(drop=True)
        if not len(chosen):
            series[team] = np.full(frame_count, np.nan)
            continue
        motion = measure_motion(chosen, scan, fps)
        series[team] = frame_motion(chosen, motion, scan, frame_count).energy
    return series


def _top_speeds(events: pd.DataFrame) -> dict[int, float]:
    """Feet per second by track, from the ledger's ``top_speed`` events."""
    found = {}
    for row in events[events["type"] == "top_speed"].to_dict("records"):
        track = json.loads(row["track_ids"])[0]
        found[int(track)] = float(json.loads(row["evidence"])["measures"]["speed_ftps"])
    return found


def _times_on_ice(events: pd.DataFrame) -> dict[int, float]:
    """Seconds by track, the sum of its shifts; nobody where there are no shifts."""
    shifts = events[events["type"] == "shift"]
    seconds = (shifts["end_s"] - shifts["start_s"]).groupby(shifts["track_ids"]).sum()
    return {json.loads(str(ids))[0]: round(float(s), 2) for ids, s in seconds.items()}


def _of_teams(events: pd.DataFrame, kind: str) -> dict[str, float]:
    """Seconds of the ledger's entries of ``kind``, by team; empty where they name none."""
    rows = events[(events["type"] == kind) & (events["team"] != "")]
    seconds = (rows["end_s"] - rows["start_s"]).groupby(rows["team"]).sum()
    return {str(team): round(float(s), 1) for team, s in seconds.items()}


def _distance(positions: pd.DataFrame | None, track: int, fps: float) -> float | None:
    """Feet skated: the sum of plausible speeds over time; None without positions."""
    if positions is None:
        return None
    speed = positions.loc[
        (positions["track_id"] == track) & positions["valid"], "speed_ftps"
    ].to_numpy(np.float64)
    speed = speed[np.isfinite(speed) & (speed < _FASTEST_FTPS)]
    return round(float(speed.sum() / fps), 1) if len(speed) else None


def _round(value: Any) -> float | None:
    number = float(value)
    return round(number, 3) if np.isfinite(number) else None
