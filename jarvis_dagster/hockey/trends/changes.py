"""Change points: from when on a figure is another.

Belongs here: finding steps, and how likely chance makes them. Does not belong here: slopes.
Places come from ``ruptures`` (Killick's PELT, 2012), on ranks, so that one wild game counts as
little as it should; whether there is any change is told by shuffling the games.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.trends.series import LEAST_FOR_CHANGE, Series, likeness

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Change", "changes", "changes_p_value"]

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


def changes_p_value(series: Series) -> float | None:
    """How often shuffled numbers have a stretch as unlike the rest; None for too few.

    The statistic is the clearest stretch of all, at either end or in the middle, so the search
    for it is paid for.
    """
    if len(series) < LEAST_FOR_CHANGE:
        return None
    ranks = _ranks(series.values)
    if not ranks.any():
        return 1.0
    return _p_value(ranks, middle=True)


def changes(series: Series, limit: float = 0.05) -> list[Change]:
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
        judged = [_judged(series, left, at, right) for left, at, right in _stretches(found, n)]
        weakest = max(judged, key=lambda one: one.p_value)
        if weakest.p_value <= limit:
            return judged
        found = [at for at in found if at != weakest.index]
    return []


def _stretches(found: list[int], n: int) -> list[tuple[int, int, int]]:
    edges = [0, *found, n]
    return list(zip(edges[:-2], edges[1:-1], edges[2:], strict=True))


def _judged(series: Series, left: int, at: int, right: int) -> Change:
    values = series.values[left:right]
    return Change(
        index=at,
        day=datetime.date(1970, 1, 1) + datetime.timedelta(days=int(series.days[at])),
        before=float(np.median(values[: at - left])),
        after=float(np.median(values[at - left :])),
        p_value=_p_value(_ranks(values), middle=False),
    )


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks with mean 0 and variance 1; zeros where all are equal."""
    from scipy import stats

    ranks = stats.rankdata(values)
    ranks -= ranks.mean()
    spread = ranks.std()
    return np.asarray(ranks / spread if spread else np.zeros_like(ranks), np.float64)


def _p_value(ranks: NDArray[np.float64], *, middle: bool) -> float:
    """By shuffling; where neighbours are alike beside the step, the shuffled ones are made so."""
    generator = np.random.default_rng(len(ranks))  # the same numbers, the same answer
    shuffled = generator.permuted(np.tile(ranks, (_SHUFFLES, 1)), axis=1)
    here, stretch = _clearest(ranks[None], middle=middle)
    left = ranks.copy()
    inside = np.zeros(len(ranks), bool)
    inside[slice(*stretch[0])] = True
    for part in (inside, ~inside):
        left[part] -= ranks[part].mean()
    alike = likeness(left)
    if alike:
        for at in range(1, len(ranks)):
            shuffled[:, at] = alike * shuffled[:, at - 1] + (
                np.sqrt(1 - alike**2) * shuffled[:, at]
            )
        shuffled -= shuffled.mean(axis=1, keepdims=True)
        shuffled /= shuffled.std(axis=1, keepdims=True)
    by_chance, _ = _clearest(shuffled, middle=middle)
    return float((1 + (by_chance >= here[0] - 1e-9).sum()) / (1 + _SHUFFLES))


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
