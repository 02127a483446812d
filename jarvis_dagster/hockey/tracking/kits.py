"""Colours of people, made comparable.

Belongs here: the units in which colours of one person vary. Does not belong here:
colours from pixels (roles), what a difference costs (first_pass, linking, returns).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["alike", "in_own_units"]

_LEAST = 4  # detections of a tracklet that tells how colours of one person vary
_UNLIKE = 3.0  # squared distance of colours, in units of that within a chain


def in_own_units(
    kit: NDArray[np.float64], pieces: list[NDArray[np.intp]]
) -> NDArray[np.float64] | None:
    """``kit`` divided by the standard deviation that it has within ``pieces``.

    Args:
        kit: (N, D) colours; NaN where unknown.
        pieces: tracklets, indices into ``kit``.

    Returns:
        (N, D) without the columns that do not vary; ``None`` when too few
        tracklets last for the spread to be known.
    """
    known = np.asarray(np.isfinite(kit).all(axis=1))
    runs = [piece[known[piece]] for piece in pieces]
    runs = [run for run in runs if len(run) >= _LEAST]
    free = sum(len(run) - 1 for run in runs)
    if free < 10 * _LEAST:
        return None
    within = np.sum([((kit[run] - kit[run].mean(axis=0)) ** 2).sum(axis=0) for run in runs], axis=0)
    spread = np.sqrt(within / free)
    varies = spread > 1e-6 * (1 + np.abs(kit[known]).max(axis=0))
    return np.asarray(kit[:, varies] / spread[varies]) if varies.any() else None


def alike(first: NDArray[np.float64], second: NDArray[np.float64], least: float = 1e-6) -> bool:
    """Whether mean colours are as near as the colours within each chain suggest.

    ``least`` is the variance that they have at least: a few looks in a row vary too little.
    """
    first = first[np.isfinite(first).all(axis=1)]
    second = second[np.isfinite(second).all(axis=1)]
    if len(first) < 2 or len(second) < 2:
        return True
    spread = np.maximum((first.var(axis=0) + second.var(axis=0)) / 2, least)
    apart = (first.mean(axis=0) - second.mean(axis=0)) ** 2 / spread
    return bool(apart.mean() <= _UNLIKE)
