"""Who looks like whom: colours of kits, weighed by what the video itself teaches.

Belongs here: how much likelier a difference of colours is between tracks of one person
than between two. Does not belong here: colours from pixels (``roles``), teams.

The video has examples of both without labels: halves of one track are one person, and
two tracks of one team in one frame are two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["likeness"]

_LEAST_ROWS = 20  # of a track whose halves are compared
_LEAST_EXAMPLES = 15
_MOST, _LEAST = 1.0, -2.0  # log-odds: colours alone settle nothing


def likeness(
    tracks: pd.DataFrame,
    kit: Floats | None,
    about: pd.DataFrame,
    together: NDArray[np.bool_],
) -> Floats:
    """(T, T) log-odds that two tracks are one person by their colours; 0 where not known.

    Args:
        tracks: TRACKS with ``detection_row``.
        kit: (N, D) colours by detection row, or ``None``.
        about: as ``claims.about_tracks`` gives it.
        together: (T, T) which share a frame.
    """
    none = np.zeros((len(about), len(about)))
    if kit is None or "detection_row" not in tracks or len(about) < 2:
        return none
    whole, first, second = _means(tracks, kit, about)
    usable = np.isfinite(whole).all(axis=1)
    scale = np.nanstd(whole[usable], axis=0) if usable.sum() > 2 else np.zeros(whole.shape[1])
    varies = scale > 1e-6
    if not varies.any():
        return none
    whole, first, second = (part[:, varies] / scale[varies] for part in (whole, first, second))
    squares = (whole**2).sum(axis=1)
    distance = _log_rms(squares[:, None] + squares[None] - 2 * whole @ whole.T, whole.shape[1])
    same = _log_rms(((first - second) ** 2).sum(axis=1), whole.shape[1])
    same = same[np.isfinite(same)]
    team = about["team"].to_numpy()
    pairs = together & (team[:, None] == team[None]) & (team != "")[:, None]
    different = distance[np.triu(pairs, 1)]
    different = different[np.isfinite(different)]
    if min(len(same), len(different)) < _LEAST_EXAMPLES:
        return none
    # Halves lie next to each other in time; tracks that are to be joined do not.
    middle = np.median(same) + 0.35 * max(0.0, np.median(different) - np.median(same))
    odds = _log_normal(distance, middle, same.std()) - _log_normal(
        distance, np.median(different), different.std()
    )
    # Nearer than usual is no worse than usual, farther no better.
    odds = np.where(distance < middle, np.maximum(odds, 0), odds)
    return np.asarray(np.nan_to_num(np.clip(odds, _LEAST, _MOST)))


def _means(tracks: pd.DataFrame, kit: Floats, about: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """(T, D) mean colours of each track, of its first and of its second half."""
    out = [np.full((len(about), kit.shape[1]), np.nan) for _ in range(3)]
    row = {int(track): index for index, track in enumerate(about.index)}
    seen = tracks[tracks["detection_row"] >= 0]
    for track, part in seen.groupby("track_id"):
        index = row.get(int(str(track)))
        if index is None:
            continue
        colours = kit[part["detection_row"].to_numpy(np.int64)]
        colours = colours[np.isfinite(colours).all(axis=1)]
        if len(colours) >= 2:
            out[0][index] = np.median(colours, axis=0)
        if len(colours) >= _LEAST_ROWS:
            half = len(colours) // 2
            out[1][index] = np.median(colours[:half], axis=0)
            out[2][index] = np.median(colours[half:], axis=0)
    return out[0], out[1], out[2]


def _log_rms(squares: Floats, columns: int) -> Floats:
    return np.asarray(0.5 * np.log(np.maximum(squares, 0) / columns + 1e-6))


def _log_normal(values: Floats, mean: float, deviation: float) -> Floats:
    spread = max(float(deviation), 0.2)
    return np.asarray(-0.5 * ((values - mean) / spread) ** 2 - np.log(spread))
