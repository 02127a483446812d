"""Groups of tracks that are one person: the surest joint first, while it is sure enough.

Belongs here: agglomeration under what forbids it, and how sure each member is. Does not
belong here: where the evidence comes from (claims, places, looks).

The odds of a joint compare two explanations of all that is told of both groups: one
identity made both, or two did. (Heller and Ghahramani, Bayesian hierarchical clustering,
ICML 2005, with a finite space of identities.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["join", "membership", "together"]


def join(
    told: Floats, prior: Floats, again: Floats, pairs: Floats, *, threshold: float
) -> list[list[int]]:
    """Groups of rows, each in ascending order, by their first row.

    Args:
        told: (T, H) how likely what is told of each track is, under each identity.
        prior: (H,) of the identities.
        again: (H,) how likely another track of the same team and role is the same person.
        pairs: (T, T) further log-odds of each pair, minus infinity where impossible.
        threshold: probability above which two groups are joined.
    """
    count = len(told)
    groups: dict[int, list[int]] = {index: [index] for index in range(count)}
    if count < 2:
        return list(groups.values())
    least = float(np.log(threshold / (1 - threshold)))
    told = told / told.max(axis=1, keepdims=True)
    pairs = pairs.copy()
    odds = _odds(told, told, prior, again) + pairs
    np.fill_diagonal(odds, -np.inf)
    best, where = odds.max(axis=1), odds.argmax(axis=1)
    while True:
        one = int(best.argmax())
        if not best[one] > least:
            return sorted((sorted(rows) for rows in groups.values()), key=lambda rows: rows[0])
        other = int(where[one])
        groups[one] += groups.pop(other)
        told[one] *= told[other]
        told[one] /= told[one].max()
        pairs[one] += pairs[other]
        pairs[:, one] = pairs[one]
        pairs[other] = pairs[:, other] = -np.inf
        row = _odds(told[one : one + 1], told, prior, again)[0] + pairs[one]
        row[one] = -np.inf
        odds[one] = odds[:, one] = row
        odds[other] = odds[:, other] = -np.inf
        stale = np.unique(np.append(np.flatnonzero((where == one) | (where == other)), one))
        gained = row > best
        best[gained], where[gained] = row[gained], one
        best[stale], where[stale] = odds[stale].max(axis=1), odds[stale].argmax(axis=1)
        best[other] = -np.inf


def together(told: Floats) -> Floats:
    """(H,) how likely all that is told of some tracks is, up to a factor; the most likely is 1."""
    log = np.log(np.maximum(told, 1e-300)).sum(axis=0)
    return np.asarray(np.exp(log - log.max()))


def membership(
    told: Floats, prior: Floats, again: Floats, pairs: Floats, rows: list[int]
) -> NDArray[np.float64]:
    """How likely each of ``rows`` belongs to the person of the others; 1 for a single one."""
    if len(rows) < 2:
        return np.ones(len(rows))
    log = np.log(np.maximum(told[rows], 1e-300))
    rest = log.sum(axis=0) - log
    rest = np.exp(rest - rest.max(axis=1, keepdims=True))
    odds = _log((told[rows] * rest) @ (prior * again))
    odds -= _log(told[rows] @ prior) + _log(rest @ prior)
    odds += pairs[np.ix_(rows, rows)].sum(axis=1)
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -50, 50))))


def _log(values: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(values, 1e-300)))


def _odds(one: Floats, other: Floats, prior: Floats, again: Floats) -> Floats:
    """(A, B) log-odds that what is told of two comes from one person."""
    shared = (one * (prior * again)) @ other.T
    apart = (one @ prior)[:, None] * (other @ prior)[None]
    return _log(shared) - _log(apart)
