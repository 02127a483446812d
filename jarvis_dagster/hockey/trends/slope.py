"""A robust slope, with its interval.

Belongs here: Theil and Sen's slope, Mann and Kendall's test. Does not belong here: steps
(:mod:`.changes`), several series at once (:mod:`.analysis`).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.trends.persistence import GRID, alike_series, likely, weights
from jarvis_dagster.hockey.trends.series import LEAST_FOR_TREND, Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["DAYS_PER_MONTH", "Slope", "likely_beside_slope", "slope"]

DAYS_PER_MONTH = 30.4375


@dataclasses.dataclass(frozen=True)
class Slope:
    """How a figure moves.

    Attributes:
        per_month: The median of the slopes between all pairs (Sen 1968); ``low`` and ``high``
            are the bounds of its interval.
        start, end: The line's values at the first and the last day.
        p_value: How often chance alone gives as clear an order (Mann 1945, Kendall 1975).
        correlation: Between neighbours, as far as is known; widens interval and p-value.
    """

    per_month: float
    low: float
    high: float
    start: float
    end: float
    p_value: float
    correlation: float


def slope(series: Series, confidence: float = 0.95, belief: Array | None = None) -> Slope | None:
    """The slope; None for too few numbers, or where all are of one day.

    Neighbours that are alike make chance look like a trend: Kendall's statistic then varies more
    (Hamed and Rao 1998), by as much as simulated series of this length say.

    Args:
        belief: How alike neighbours are in figures like this one; see :mod:`.persistence`.
    """
    from scipy import stats

    n, days, values = len(series), series.days, series.values
    if n < LEAST_FOR_TREND or days[-1] == days[0]:
        return None
    if np.ptp(values) == 0:
        level = float(values[0])
        return Slope(0.0, 0.0, 0.0, level, level, 1.0, 0.0)
    found = stats.theilslopes(values, days, alpha=confidence)
    line = float(found.slope) * days
    level = float(np.median(values - line))
    counts = weights(likely(values - line - level, _lines_leave), belief)
    each = _wider(n)
    free = float(stats.kendalltau(days, values).pvalue)
    p_value = free
    if free < 1:
        far = stats.norm.isf(free / 2) / each
        far[0] = stats.norm.isf(free / 2)  # by Kendall's exact distribution
        p_value = min(1.0, float(counts @ (2 * stats.norm.sf(far))))
    fewer = float(np.sqrt(counts @ each**2))
    low, high = (
        float(found.slope + (bound - found.slope) * fewer)
        for bound in (found.low_slope, found.high_slope)
    )
    return Slope(
        per_month=float(found.slope) * DAYS_PER_MONTH,
        low=low * DAYS_PER_MONTH,
        high=high * DAYS_PER_MONTH,
        start=float(level + line[0]),
        end=float(level + line[-1]),
        p_value=p_value,
        correlation=float(counts @ GRID),
    )


def likely_beside_slope(series: Series) -> Array | None:
    """How likely each likeness of neighbours is beside a slope; None where none is asked for."""
    n, days, values = len(series), series.days, series.values
    if n < LEAST_FOR_TREND or days[-1] == days[0] or np.ptp(values) == 0:
        return None
    from scipy import stats

    line = float(stats.theilslopes(values, days).slope) * days
    return likely(values - line - np.median(values - line), _lines_leave)


def _lines_leave(rows: Array) -> Array:
    """What Theil and Sen's line leaves of each row."""
    games = rows.shape[1]
    first, second = np.triu_indices(games, 1)
    per_game = np.median((rows[:, second] - rows[:, first]) / (second - first), axis=1)
    return rows - per_game[:, None] * np.arange(games)


@functools.lru_cache(maxsize=128)
def _wider(games: int) -> Array:
    """(G,): how many times as far Kendall's statistic varies where neighbours are alike."""
    first, second = np.triu_indices(games, 1)
    spread = []
    for alike in GRID:
        rows = alike_series(_SIMULATED, games, float(alike), 2)
        spread.append(float(np.sign(rows[:, second] - rows[:, first]).sum(axis=1).std()))
    return np.maximum(np.array(spread) / spread[0], 1.0)


_SIMULATED = 800
