"""What the tables may claim: rows that cannot be true are taken back and counted.

Belongs here: making tracks and positions sound before anything is built on them.
Does not belong here: the rules that say so (:mod:`.integrity`), events.

A detector and a tracker err; a coach must never read that somebody skated at
100 mph. What is impossible is marked "not valid", or left out, and counted, so that
the rules of :mod:`.integrity` hold for every video, and one that fails them is a fault
of the program or of the data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink import rink_named

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "MARGIN_FT",
    "MAX_ACCELERATION_FTPS2",
    "MAX_SPEED_FTPS",
    "ROLES",
    "TEAMS",
    "keep_possible",
    "lag_frames",
    "lagged",
    "of_pucks",
    "reach_ft",
    "shot_of",
    "sound_tracks",
]

ROLES = ("player", "goalkeeper", "referee", "unknown")
TEAMS = ("A", "B", "")
MAX_SPEED_FTPS = 42.0
"""No one skates faster; the fastest measured in a game are near 36 (24.6 mph)."""
MAX_ACCELERATION_FTPS2 = 70.0
"""Over half a second on either side: from full speed to nothing against the boards."""
MARGIN_FT = 3.0
"""How far outside the boards a valid position may lie."""
_LAG_S = 0.5
_SLACK_FT = 4.0
"""What two positions of someone may be wrong by together."""


def keep_possible(
    positions: pd.DataFrame, tracks: pd.DataFrame, fps: float, rink: str = "NHL"
) -> tuple[pd.DataFrame, dict[str, int]]:
    """``positions`` with what cannot be true no longer valid, and how many rows of each kind.

    ``tracks`` says which of them are pucks, which may be as fast as they like.

    In turn: a second row of the same person and frame is left out. A position that is
    no number or more than 3 ft outside the boards, a speed above 42 ft/s, a place that
    nobody gets to in half a second, and an acceleration above 70 ft/s² over half a
    second on either side are not valid, and have no speed.
    """
    twice = positions.duplicated(["frame", "track_id"])
    out = positions[~twice].reset_index(drop=True)
    valid = out["valid"].to_numpy(bool).copy()
    place = out[["x_ft", "y_ft"]].to_numpy(np.float64)
    speed = out["speed_ftps"].to_numpy(np.float64)
    counts = {"rows_twice": int(twice.sum())}

    def strike(name: str, wrong: NDArray[np.bool_]) -> None:
        counts[name] = int((valid & wrong).sum())
        valid[wrong] = False

    known = np.isfinite(place).all(axis=1)
    strike("no_place", ~known)
    place[~known] = 0.0  # not valid, so never looked at again
    strike("off_the_rink", rink_named(rink).signed_distance_ft(place) > MARGIN_FT)
    person = ~of_pucks(out, tracks)
    too_fast = np.isfinite(speed) & ((speed > MAX_SPEED_FTPS) | (speed < 0))
    strike("too_fast", person & too_fast)
    track, frame = out["track_id"].to_numpy(np.int64), out["frame"].to_numpy(np.int64)
    lag = lag_frames(fps)
    strike("out_of_reach", person & _out_of_reach(track, frame, place, valid, lag, fps))
    before, after = lagged(track, frame, -lag), lagged(track, frame, lag)
    both = (before >= 0) & (after >= 0)
    both &= valid & valid[before] & valid[after]
    bend = np.linalg.norm(place[after] - 2 * place + place[before], axis=1)
    strike("too_sudden", person & both & (bend > MAX_ACCELERATION_FTPS2 * (lag / fps) ** 2))
    out["valid"] = valid
    out.loc[~valid, "speed_ftps"] = np.nan
    return out, {name: count for name, count in counts.items() if count}


def sound_tracks(tracks: pd.DataFrame, scan: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """``tracks`` as the ledger may use them, and how many rows were not so.

    A second row of one person and frame, and a second puck in a frame, is left out
    (the surer one stays); so is what a track has beyond a camera cut. Roles and teams
    that there are not become unknown; officials and unknown people have no team.
    """
    counts = {}
    out = tracks.sort_values(["frame", "track_id", "score"], ascending=[True, True, False])
    puck = out["class"] == "puck"
    double = out.duplicated(["frame", "track_id"])
    ordered = out[puck & ~double].sort_values(["frame", "score"], ascending=[True, False])
    pucks = out.index.isin(ordered.index[ordered.duplicated("frame")])
    shot = shot_of(out["frame"].to_numpy(np.int64), scan)
    first = out.assign(_shot=shot).groupby("track_id")["_shot"].transform("first")
    beyond = shot != first.to_numpy()
    counts["rows_twice"] = int(double.sum())
    counts["second_puck"] = int(pucks.sum())
    counts["beyond_a_cut"] = int(beyond.sum())
    out = out[~double.to_numpy() & ~pucks & ~beyond].sort_index()
    strange = ~out["role"].isin(ROLES) | ~out["team"].isin(TEAMS)
    counts["no_such_role_or_team"] = int(strange.sum())
    out = out.assign(
        role=out["role"].where(out["role"].isin(ROLES), "unknown"),
        team=out["team"].where(out["team"].isin(TEAMS), ""),
    )
    biased = out["role"].isin(("referee", "unknown")) & (out["team"] != "")
    counts["official_of_a_team"] = int(biased.sum())
    out["team"] = out["team"].where(~biased, "")
    counts["role_or_team_changed"] = _one_role_and_team(out)
    return out.reset_index(drop=True), {name: count for name, count in counts.items() if count}


def _one_role_and_team(tracks: pd.DataFrame) -> int:
    """Give each track its most frequent role and team, in place; how many rows changed."""
    changed = 0
    number = tracks.groupby("track_id")[["role", "team"]].nunique()
    for track in number.index[(number > 1).any(axis=1)]:
        rows = tracks["track_id"] == track
        often = tracks.loc[rows, ["role", "team"]].value_counts(sort=True)
        role, team = sorted(often.index[often == often.max()])[0]
        changed += int(((tracks["role"] != role) | (tracks["team"] != team))[rows].sum())
        tracks.loc[rows, ["role", "team"]] = role, team
    return changed


def shot_of(frames: NDArray[np.int64], scan: pd.DataFrame) -> NDArray[np.int64]:
    """Number of the camera shot that each of ``frames`` is in."""
    cuts = np.sort(scan.loc[scan["is_cut"] & (scan["frame"] > 0), "frame"].to_numpy(np.int64))
    return np.asarray(np.searchsorted(cuts, frames, side="right"), np.int64)


def of_pucks(positions: pd.DataFrame, tracks: pd.DataFrame) -> NDArray[np.bool_]:
    """Which positions are of tracks that are a puck, (N,)."""
    ids = tracks.loc[tracks["class"] == "puck", "track_id"].unique()
    return np.asarray(positions["track_id"].isin(ids))


def lag_frames(fps: float) -> int:
    """Frames in the half second over which motion is judged."""
    return max(1, round(_LAG_S * fps))


def lagged(track: NDArray[np.int64], frame: NDArray[np.int64], lag: int) -> NDArray[np.int64]:
    """Row of the same track ``lag`` frames later, -1 where there is none, (N,)."""
    if not len(track):
        return np.zeros(0, np.int64)
    base = int(frame.min()) - abs(lag)
    size = int(frame.max()) - base + abs(lag) + 1
    _, dense = np.unique(track, return_inverse=True)
    key = dense.astype(np.int64) * size + (frame - base)
    order = np.argsort(key, kind="stable")
    at = np.minimum(np.searchsorted(key[order], key + lag), len(key) - 1)
    found = order[at]
    return np.where(key[found] == key + lag, found, -1)


def _out_of_reach(
    track: NDArray[np.int64],
    frame: NDArray[np.int64],
    place: NDArray[np.float64],
    valid: NDArray[np.bool_],
    lag: int,
    fps: float,
) -> NDArray[np.bool_]:
    """Rows too far from where the same person validly was half a second before.

    Half seconds are judged in the order of time, as a row that is out of reach says
    nothing of the next.
    """
    wrong = np.zeros(len(track), bool)
    before = lagged(track, frame, -lag)
    reach = reach_ft(lag, fps)
    far = (before >= 0) & valid & valid[before]
    far[far] = np.linalg.norm(place[far] - place[before[far]], axis=1) > reach
    if not far.any():
        return wrong
    block = frame // lag
    order = np.argsort(block, kind="stable")
    for of_block in np.split(order, np.flatnonzero(np.diff(block[order])) + 1):
        rows = of_block[far[of_block]]
        wrong[rows] = ~wrong[before[rows]]
    return wrong


def reach_ft(lag: int, fps: float) -> float:
    """How far apart two positions ``lag`` frames apart may be."""
    return MAX_SPEED_FTPS * lag / fps + _SLACK_FT
