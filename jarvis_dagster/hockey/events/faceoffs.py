"""Face-offs, and the stoppages that they end, from where everyone stands.

Belongs here: two opponents who wait at a dot while all others keep away. Does not
belong here: stoppages from the clock (:mod:`.scoreboard`) or from the picture alone
(:mod:`.play`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.events.entry import Entry, margin
from jarvis_dagster.hockey.events.motion import runs

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink import Rink

__all__ = ["face_offs"]

_STEP_S = 0.2
"""How often the formation is looked at."""
_AT_DOT_FT = 7.0
_APART_FT = 10.0
_CIRCLE_FT = 11.0
"""All but the two who take it keep out of the circle (15 ft); places may be 4 ft wrong."""
_STANDS_FTPS = 5.0
_ARRIVES_FTPS = 10.0
_OFFSIDE_FT = 2.0
_ON_OWN_SIDE = 0.85
_LEAST_PEOPLE = 6
_LEAST_STANDING = 5
_STANDING_SHARE = 0.5
_SHORTEST_S = 0.4
_BURST_S = 2.5
_BURST_FTPS = 5.0
_LONGEST_S = 30.0
_STANDS_NEAR_FT = 3.0
_NEARER_FT = 0.5
"""Whoever lines up gets this much nearer to their place in a second."""


@dataclasses.dataclass(frozen=True)
class _Formation:
    """A moment in which a face-off can be."""

    frame: int
    dot: int
    pair: tuple[int, int]
    sided: float
    standing: int


def face_offs(placed: pd.DataFrame, rink: Rink, fps: float, frame_count: int) -> list[Entry]:
    """``face_off`` where two opponents wait at a dot, and the ``stoppage`` before it.

    Found where, for 0.4 s or more, two opponents within 7 ft of a dot stand or arrive, at
    most one more (the official) stands within 11 ft of it, at least five and half
    of all in view stand, and nearly all who stand are on their team's side of the dot; and
    where all then skate off. The stoppage begins when the players began to come nearer to
    where they lined up; the whistle may have been earlier.
    """
    players = placed[(placed["role"] == "player") & placed["team"].isin(("A", "B"))]
    if not len(players):
        return []
    step = max(1, round(_STEP_S * fps))
    dots = np.array([rink.centre_ft, *rink.end_dots_ft, *rink.neutral_dots_ft])
    sampled = players[players["frame"] % step == 0]
    seen = [f for rows in _by_frame(sampled) if (f := _formation(rows, dots)) is not None]
    speed = players.groupby("frame")["speed_ftps"].median()
    pace = speed.reindex(np.arange(frame_count)).to_numpy(np.float64)
    entries: list[Entry] = []
    for group in _waits(seen, step, fps):
        entries += _face_off(group, players, pace, rink, step, fps)
    return entries


def _by_frame(rows: pd.DataFrame) -> list[dict[str, NDArray[Any]]]:
    """The rows of each frame as arrays."""
    ordered = rows.sort_values("frame", kind="stable")
    columns: dict[str, NDArray[Any]] = {
        name: ordered[name].to_numpy() for name in ("frame", "track_id", "team", "speed_ftps")
    }
    columns["place"] = ordered[["x_ft", "y_ft"]].to_numpy(np.float64)
    edges = np.flatnonzero(np.diff(columns["frame"])) + 1
    parts = {name: np.split(values, edges) for name, values in columns.items()}
    return [dict(zip(parts, values, strict=True)) for values in zip(*parts.values(), strict=True)]


def _formation(rows: dict[str, NDArray[Any]], dots: NDArray[np.float64]) -> _Formation | None:
    """The face-off that this frame's people stand ready for."""
    if len(rows["frame"]) < _LEAST_PEOPLE:
        return None
    place, team, speed = rows["place"], rows["team"], rows["speed_ftps"]
    stands = speed < _STANDS_FTPS
    if stands.sum() < _LEAST_STANDING or stands.mean() < _STANDING_SHARE:
        return None
    away = np.linalg.norm(place[:, None] - dots[None], axis=2)
    for dot in np.flatnonzero((away < _AT_DOT_FT).sum(axis=0) >= 2).tolist():
        near = [np.flatnonzero((team == name) & (away[:, dot] < _AT_DOT_FT)) for name in ("A", "B")]
        if not all(len(rows_of_team) for rows_of_team in near):
            continue
        pair = [int(of_team[away[of_team, dot].argmin()]) for of_team in near]
        ready = stands[pair].any() and speed[pair].max() < _ARRIVES_FTPS
        gap = np.linalg.norm(place[pair[0]] - place[pair[1]])
        if not ready or gap > _APART_FT:
            continue
        # The official who drops the puck may be taken for a player.
        if (stands & (away[:, dot] < _CIRCLE_FT)).sum() > stands[pair].sum() + 1:
            continue
        along = place[:, 0] - dots[dot, 0]
        side = {name: along[stands & (team == name)] for name in ("A", "B")}
        if min(len(standing) for standing in side.values()) < 1:
            continue
        way = 1.0 if np.median(side["A"]) < np.median(side["B"]) else -1.0
        own = np.where(team == "A", way, -way) * along < _OFFSIDE_FT
        sided = float(own[stands].mean())
        if sided < _ON_OWN_SIDE:
            continue
        ids = int(rows["track_id"][pair[0]]), int(rows["track_id"][pair[1]])
        return _Formation(int(rows["frame"][0]), dot, ids, sided, int(stands.sum()))
    return None


def _waits(seen: list[_Formation], step: int, fps: float) -> list[list[_Formation]]:
    """Formations at one dot, one after another."""
    groups: list[list[_Formation]] = []
    for formation in seen:
        last = groups[-1][-1] if groups else None
        near = last is not None and formation.frame - last.frame <= max(step, 0.6 * fps)
        if last is not None and near and formation.dot == last.dot:
            groups[-1].append(formation)
        else:
            groups.append([formation])
    return [g for g in groups if g[-1].frame - g[0].frame + step >= _SHORTEST_S * fps]


def _face_off(
    group: list[_Formation],
    players: pd.DataFrame,
    pace: NDArray[np.float64],
    rink: Rink,
    step: int,
    fps: float,
) -> list[Entry]:
    start = group[0].frame
    # All still count as standing for a moment after the drop.
    drop = min(max(start + 1, group[-1].frame + step - round(0.4 * fps)), len(pace))
    later = pace[drop : drop + round(_BURST_S * fps)]
    burst = float(np.nanmax(later)) if np.isfinite(later).any() else np.nan
    if np.isfinite(burst) and burst < _BURST_FTPS:
        return []
    before = _median(pace[start:drop])
    sided = float(np.mean([f.sided for f in group]))
    standing = float(np.mean([f.standing for f in group]))
    seconds = (drop - start) / fps
    margins = margin(seconds, 0.4, 1.6), margin(sided, 0.6, 1.0), margin(standing, 3, 9)
    sure = sum(margins) / 3 * (1.0 if np.isfinite(burst) else 0.7)
    pairs = [f.pair for f in group]
    pair = max(set(pairs), key=pairs.count)
    measures = {
        "dot": _dot_name(group[0].dot, rink),
        "waited_s": seconds,
        "on_own_side_share": sided,
        "standing": standing,
        "speed_after_ftps": burst if np.isfinite(burst) else None,
    }
    began = _lining_up(players, drop, fps)
    stopped = {
        "found_from": "face-off",
        "seconds": (drop - min(began, start)) / fps,
        "dot": measures["dot"],
    }
    entries = [
        Entry("face_off", start, drop, pair, sure, measures),
        Entry("stoppage", min(began, start), drop, (), sure, stopped),
    ]
    if np.isfinite(burst):
        end = min(drop + max(1, round(fps)), len(pace))
        said = {"found_from": "face-off", "speed_before_ftps": before, "speed_after_ftps": burst}
        entries.append(Entry("play_resumes", drop, end, (), sure, said))
    return [entry for entry in entries if entry.stop > entry.start]


def _median(values: NDArray[np.float64]) -> float | None:
    """Of the numbers there are; None where there is none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _lining_up(players: pd.DataFrame, drop: int, fps: float) -> int:
    """When the players began to come nearer to where they stand at the drop."""
    second = max(1, round(fps))
    low = max(0, drop - round(_LONGEST_S * fps))
    here = players[(players["frame"] >= low) & (players["frame"] < drop)]
    last = here.sort_values("frame").groupby("track_id")[["x_ft", "y_ft"]].last()
    spots = last.reindex(here["track_id"]).to_numpy(np.float64)
    away = np.linalg.norm(here[["x_ft", "y_ft"]].to_numpy(np.float64) - spots, axis=1)
    median = here.assign(_away=away).groupby("frame")["_away"].median()
    series = median.reindex(np.arange(low, drop)).to_numpy(np.float64)
    # They stand at the end; before that, they came.
    still = runs(series < _STANDS_NEAR_FT, shortest=1, gap=second)
    at = still[-1][0] if still and still[-1][1] >= len(series) - second else len(series) - 1
    while at - second >= 0 and series[at - second] > series[at] + _NEARER_FT:
        at -= second
    return low + at


def _dot_name(dot: int, rink: Rink) -> str:
    if dot == 0:
        return "centre"
    x, y = (*rink.end_dots_ft, *rink.neutral_dots_ft)[dot - 1]
    side = "near" if y < rink.width_ft / 2 else "far"
    where = "end" if dot <= len(rink.end_dots_ft) else "neutral"
    return f"{'left' if x < rink.length_ft / 2 else 'right'} {where}, {side} side"
