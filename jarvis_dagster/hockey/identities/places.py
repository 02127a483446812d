"""Who can be whom by place and time: nobody is in two places, nobody skates at 50 mph.

Belongs here: pairs of tracks that cannot be one person, and those that one ends where
the other begins. Does not belong here: numbers, teams, looks.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Skating", "Succession", "seen_together", "succession"]

_END_S = 0.5  # of a track, for its place and speed at an end


@dataclasses.dataclass(frozen=True)
class Skating:
    """How far people get; feet and seconds."""

    error_ft: float = 4.0  # of a position
    spread_ftps: float = 8.0  # by which a velocity changes while nobody looks
    fastest_ftps: float = 40.0
    longest_s: float = 4.0  # after which a person may be anywhere
    rink_sqft: float = 200.0 * 85.0


def seen_together(tracks: pd.DataFrame, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(T, T) which of ``ids`` are in one frame at least once."""
    from scipy.sparse import csr_matrix

    rows = np.searchsorted(ids, tracks["track_id"].to_numpy(np.int64))
    rows = np.minimum(rows, max(len(ids) - 1, 0))
    mine = ids[rows] == tracks["track_id"].to_numpy(np.int64) if len(ids) else np.zeros(0, bool)
    _, frame = np.unique(tracks["frame"].to_numpy(np.int64)[mine], return_inverse=True)
    shape = (len(ids), int(frame.max()) + 1 if len(frame) else 1)
    there = csr_matrix((np.ones(len(frame), np.float32), (rows[mine], frame)), shape=shape)
    together = np.asarray((there @ there.T).toarray() > 0)
    np.fill_diagonal(together, False)
    return together


@dataclasses.dataclass(frozen=True)
class Succession:
    """Pairs of tracks of which one begins soon after the other ends; row numbers."""

    before: NDArray[np.intp]  # (P,)
    after: NDArray[np.intp]
    log_odds: Floats  # that it is one person, by place; minus infinity: impossible

    def matrix(self, rows: NDArray[np.intp]) -> Floats:
        """(R, R) log-odds among ``rows``, both ways; 0 where nothing is known."""
        count = int(max(rows.max(initial=0), self.before.max(initial=0), self.after.max(initial=0)))
        at = np.full(count + 1, -1, dtype=np.intp)
        at[rows] = np.arange(len(rows))
        first, second = at[self.before], at[self.after]
        inside = (first >= 0) & (second >= 0)
        out = np.zeros((len(rows), len(rows)))
        out[first[inside], second[inside]] = self.log_odds[inside]
        out[second[inside], first[inside]] = self.log_odds[inside]
        return out


def succession(
    positions: pd.DataFrame | None, about: pd.DataFrame, fps: float, skating: Skating | None = None
) -> Succession:
    """How well one track goes on as another, by place.

    Where several may go on from one place, each of them is the less likely for it.

    Args:
        positions: POSITIONS; only valid ones count. ``None``: not supported.
        about: as ``claims.about_tracks`` gives it.
        fps: frames a second.
        skating: see :class:`Skating`.
    """
    skating = skating or Skating()
    none = np.zeros(0, np.intp)
    if positions is None or about.empty:
        return Succession(none, none, np.zeros(0))
    starts, ends = _ends(positions[positions["valid"].astype(bool)], about, fps)
    before, after = _pairs(about, fps, skating.longest_s)
    placed = np.isfinite(ends[before, 0]) & np.isfinite(starts[after, 0])
    before, after = before[placed], after[placed]
    seconds = (about["first"].to_numpy()[after] - about["last"].to_numpy()[before]) / fps
    plain = starts[after, :2] - ends[before, :2]
    missed = plain - ends[before, 2:] * np.minimum(seconds, 1.0)[:, None]
    variance = 2 * skating.error_ft**2 + (skating.spread_ftps * seconds) ** 2
    density = np.exp(-0.5 * (missed**2).sum(axis=1) / variance) / (2 * np.pi * variance)
    ratio = density * skating.rink_sqft
    rivals = np.bincount(before, ratio, len(about))[before] - ratio
    rivals += np.bincount(after, ratio, len(about))[after] - ratio
    log = np.log(np.maximum(ratio, 1e-3)) - np.log1p(np.maximum(rivals, 0))
    # Far from where he was expected says little: he may have turned. Too far is impossible.
    log = np.maximum(log, -2.0)
    log[np.hypot(*plain.T) > 2 * skating.error_ft + skating.fastest_ftps * seconds] = -np.inf
    return Succession(before, after, log)


def _pairs(
    about: pd.DataFrame, fps: float, longest_s: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of which the second begins at most ``longest_s`` after the first ends."""
    first, last = about["first"].to_numpy(), about["last"].to_numpy()
    order = np.argsort(first, kind="stable")
    low = np.searchsorted(first[order], last, side="right")
    high = np.searchsorted(first[order], last + longest_s * fps, side="right")
    count = np.maximum(high - low, 0)
    before = np.repeat(np.arange(len(first)), count)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return before, order[np.repeat(low, count) + offset]


def _ends(valid: pd.DataFrame, about: pd.DataFrame, fps: float) -> tuple[Floats, Floats]:
    """(T, 4) place and velocity where each track begins and ends; NaN where not known."""
    starts = np.full((len(about), 4), np.nan)
    ends = np.full((len(about), 4), np.nan)
    row = {int(track): index for index, track in enumerate(about.index)}
    reach = max(1, round(_END_S * fps))
    for track, part in valid.groupby("track_id"):
        index = row.get(int(str(track)))
        if index is None:
            continue
        frame = part["frame"].to_numpy(np.int64)
        place = part[["x_ft", "y_ft"]].to_numpy(np.float64)
        for out, edge in ((starts, about["first"].iloc[index]), (ends, about["last"].iloc[index])):
            close = np.abs(frame - edge) <= reach
            if close.any():
                out[index] = _state(frame[close], place[close], edge, fps)
    return starts, ends


def _state(frame: NDArray[np.int64], place: Floats, at: int, fps: float) -> Floats:
    """Place at frame ``at`` and velocity, by a straight line where there are enough frames."""
    seconds = (frame - at) / fps
    if len(frame) < 4 or np.ptp(seconds) <= 0:
        return np.append(place[np.abs(seconds).argmin()], [0.0, 0.0])
    speed, here = np.polyfit(seconds, place, 1)
    return np.append(here, speed)
