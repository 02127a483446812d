"""A robust slope, with its interval.

Belongs here: Theil and Sen's slope, Mann and Kendall's test. Does not belong here: steps
(:mod:`.changes`), several series at once (:mod:`.analysis`).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from jarvis_dagster.hockey.trends.series import LEAST_FOR_TREND, Series, likeness

__all__ = ["DAYS_PER_MONTH", "Slope", "slope"]

DAYS_PER_MONTH = 30.4375


@dataclasses.dataclass(frozen=True)
class Slope:
    """How a figure moves.

    Attributes:
        per_month: The median of the slopes between all pairs (Sen 1968); ``low`` and ``high``
            are the bounds of its interval.
        start, end: The line's values at the first and the last day.
        p_value: How often chance alone gives as clear an order (Mann 1945, Kendall 1975).
        correlation: Between neighbours, of what the line leaves; widens interval and p-value.
    """

    per_month: float
    low: float
    high: float
    start: float
    end: float
    p_value: float
    correlation: float


def slope(series: Series, confidence: float = 0.95) -> Slope | None:
    """The slope; None for too few numbers, or where all are of one day.

    Neighbours that are alike, as of a team in form, make chance look like a trend: the test
    counts them as fewer numbers (Yue and Wang 2004), and the interval is widened likewise.
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
    left = values - line - level
    alike = likeness(left)
    fewer = np.sqrt((1 + alike) / (1 - alike))
    p_value = float(stats.kendalltau(days, values).pvalue)
    if fewer > 1:
        p_value = float(2 * stats.norm.sf(stats.norm.isf(p_value / 2) / fewer))
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
        correlation=alike,
    )
