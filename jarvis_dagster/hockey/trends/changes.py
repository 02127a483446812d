"""Change points: from when on a figure is another.

Belongs here: finding steps, and how likely chance makes them. Does not belong here: slopes.
Places come from ``ruptures`` (Killick's PELT, 2012), on ranks, so that one wild game counts as
little as it should; whether there is any change is told by shuffling the games.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.trends.persistence import GRID, alike_series, likely, weights
from jarvis_dagster.hockey.trends.series import LEAST_FOR_CHANGE, Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Change", "changes", "changes_p_value", "likely_beside_steps"]

_LEAST = LEAST_FOR_CHANGE // 2
_SHUFFLES = 999


@dataclasses.dataclass(frozen=True)
class Change:
    """A step.

    Attributes:
        index: Of the first number after it; ``day`` is that number's.
        before, after: Medians of the stretches on both sides.
        p_value: How often a shuffled order of both stretches has as clear a step.
    """

    index: int
    day: datetime.date
    before: float
    after: float
    p_value: float


def changes_p_value(series: Series, belief: Array | None = None) -> float | None:
    """How often chance has a stretch as unlike the rest; None for too few numbers.

    The statistic is the clearest stretch of all, at either end or in the middle, so the search
    for it is paid for. Chance is the same numbers shuffled, and series whose neighbours are alike.

    Args:
        belief: How alike neighbours are in figures like this one; see :mod:`.persistence`.
    """
    if len(series) < LEAST_FOR_CHANGE:
        return None
    ranks = _ranks(series.values)
    if not ranks.any():
        return 1.0
    return _p_value(ranks, belief, middle=True)


def likely_beside_steps(series: Series) -> Array | None:
    """How likely each likeness of neighbours is beside steps; None for too few numbers."""
    if len(series) < LEAST_FOR_CHANGE:
        return None
    ranks = _ranks(series.values)
    return likely(_steps_leave(ranks[None])[0], _steps_leave) if ranks.any() else None


def changes(series: Series, limit: float = 0.05, belief: Array | None = None) -> list[Change]:
    """The steps, in the order of time; each clear at ``limit`` between its neighbours.

    Ask for them only where :func:`changes_p_value` says that there is a change.
    """
    import ruptures

    n = len(series)
    if n < LEAST_FOR_CHANGE:
        return []
    ranks = _ranks(series.values)
    if not ranks.any():
        return []
    search = ruptures.Pelt(model="l2", min_size=_LEAST, jump=1).fit(ranks)
    found = search.predict(pen=1.5 * np.log(n))[:-1]
    while found:
        judged = [_judged(series, belief, *edges) for edges in _stretches(found, n)]
        weakest = max(judged, key=lambda one: one.p_value)
        if weakest.p_value <= limit:
            return judged
        found = [at for at in found if at != weakest.index]
    return []


def _stretches(found: list[int], n: int) -> list[tuple[int, int, int]]:
    edges = [0, *found, n]
    return list(zip(edges[:-2], edges[1:-1], edges[2:], strict=True))


def _judged(series: Series, belief: Array | None, left: int, at: int, right: int) -> Change:
    values = series.values[left:right]
    return Change(
        index=at,
        day=datetime.date(1970, 1, 1) + datetime.timedelta(days=int(series.days[at])),
        before=float(np.median(values[: at - left])),
        after=float(np.median(values[at - left :])),
        p_value=_p_value(_ranks(values), belief, middle=False),
    )


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks with mean 0 and variance 1; zeros where all are equal."""
    from scipy import stats

    ranks = stats.rankdata(values)
    ranks -= ranks.mean()
    spread = ranks.std()
    return np.asarray(ranks / spread if spread else np.zeros_like(ranks), np.float64)


def _p_value(ranks: Array, belief: Array | None, *, middle: bool) -> float:
    """The mean over how alike neighbours may be, each as often as chance has as clear a step."""
    generator = np.random.default_rng(len(ranks))  # the same numbers, the same answer
    shuffled = generator.permuted(np.tile(ranks, (_SHUFFLES, 1)), axis=1)
    here = _clearest(ranks[None], middle=middle)[0][0]
    free = _clearest(shuffled, middle=middle)[0]
    leave = _steps_leave if middle else _step_leaves
    counts = weights(likely(leave(ranks[None])[0], leave), belief)
    by_chance = [np.sort(free), *_alike_gains(len(ranks), middle)]
    each = [(1 + len(g) - np.searchsorted(g, here - 1e-9)) / (1 + len(g)) for g in by_chance]
    return min(1.0, float(counts @ np.array(each)))


@functools.lru_cache(maxsize=128)
def _alike_gains(games: int, middle: bool) -> tuple[Array, ...]:
    """What the clearest stretch explains by chance, sorted, where neighbours are alike."""
    return tuple(
        np.sort(_clearest(_standard(games, float(alike)), middle=middle)[0]) for alike in GRID[1:]
    )


def _standard(games: int, alike: float) -> Array:
    """Rows of ranks with mean 0 and variance 1."""
    rows = alike_series(_SHUFFLES, games, alike, 3)
    ranks = rows.argsort(axis=1).argsort(axis=1).astype(np.float64)
    ranks -= ranks.mean(axis=1, keepdims=True)
    return np.asarray(ranks / ranks.std(axis=1, keepdims=True), np.float64)


def _steps_leave(rows: Array) -> Array:
    """What the clearest stretch leaves of each row, and of the rest."""
    return _leaves(rows, middle=True)


def _step_leaves(rows: Array) -> Array:
    """What the clearest step leaves of each row."""
    return _leaves(rows, middle=False)


def _leaves(rows: Array, *, middle: bool) -> Array:
    stretch = _clearest(rows - rows.mean(axis=1, keepdims=True), middle=middle)[1]
    at = np.arange(rows.shape[1])
    inside = (at >= stretch[:, [0]]) & (at < stretch[:, [1]])
    left = rows.astype(np.float64)
    for part in (inside, ~inside):
        count = np.maximum(part.sum(axis=1, keepdims=True), 1)
        left -= np.where(part, (rows * part).sum(axis=1, keepdims=True) / count, 0.0)
    return left


def _clearest(
    ranks: NDArray[np.float64], *, middle: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of each row (R, N): the most that a stretch's mean explains, and that stretch (R, 2).

    Args:
        middle: Whether the stretch may lie between two others, or only at the beginning.
    """
    count, n = ranks.shape
    sums = np.concatenate([np.zeros((count, 1)), np.cumsum(ranks, axis=1)], axis=1)
    best = np.full(count, -1.0)
    stretch = np.zeros((count, 2), np.int64)
    for start in range(n - _LEAST + 1) if middle else (0,):
        stops = np.arange(start + _LEAST, n + 1)
        stops = stops[n - (stops - start) >= _LEAST]
        if not len(stops):
            continue
        inside = stops - start
        gain = (sums[:, stops] - sums[:, [start]]) ** 2 / (inside * (1 - inside / n))
        at = gain.argmax(axis=1)
        most = gain[np.arange(count), at]
        stretch[most > best] = np.stack([np.full(count, start), stops[at]], axis=1)[most > best]
        best = np.maximum(best, most)
    return best, stretch
