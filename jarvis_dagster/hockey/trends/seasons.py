"""This season and the one before.

Belongs here: which season a day is of, and the shift between two. Does not belong here: pages.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.trends.persistence import GRID, likely, weights
from jarvis_dagster.hockey.trends.series import LEAST_FOR_SEASON, Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Comparison", "compare", "likely_within_seasons", "season_of"]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two seasons.

    Attributes:
        now, then: Medians; ``games_now`` and ``games_then`` how many.
        shift: Median of all differences between a game of now and one of then (Hodges and
            Lehmann 1963); ``low`` and ``high`` are its interval.
        p_value: How often chance alone tells them apart as well (Mann and Whitney 1947);
            neighbours that are alike widen it and the interval.
        same_part: Whether only the same part of both seasons was compared.
    """

    now: float
    then: float
    games_now: int
    games_then: int
    shift: float
    low: float
    high: float
    p_value: float
    same_part: bool


def season_of(
    day: datetime.date, starts: tuple[int, int] = (8, 1)
) -> tuple[datetime.date, datetime.date]:
    """First day of the season of ``day``, and of the next one; ``starts`` is month and day."""
    first = datetime.date(day.year, *starts)
    if day < first:
        first = datetime.date(day.year - 1, *starts)
    return first, datetime.date(first.year + 1, *starts)


def compare(
    series: Series,
    today: datetime.date,
    starts: tuple[int, int] = (8, 1),
    confidence: float = 0.95,
    belief: Array | None = None,
) -> Comparison | None:
    """This season up to ``today`` with the one before; None for too few games.

    The last season counts up to the same day, or as a whole where it had too few games by then.

    Args:
        belief: How alike neighbours are in figures like this one; see :mod:`.persistence`.
    """
    from scipy import stats

    found = _both(series, today, starts)
    if found is None:
        return None
    now, then, same_part = found
    equal = np.ptp(np.concatenate([now, then])) == 0
    free = 1.0 if equal else float(stats.mannwhitneyu(now, then).pvalue)
    counts = weights(_likely(now) * _likely(then), belief)
    # Of a difference of means; that of ranks varies likewise.
    each = np.array(
        [
            np.sqrt(_fewer(len(now), a) / len(now) + _fewer(len(then), a) / len(then))
            / np.sqrt(1 / len(now) + 1 / len(then))
            for a in GRID
        ]
    )
    p_value = min(1.0, float(counts @ (2 * stats.norm.sf(stats.norm.isf(free / 2) / each))))
    differences = np.sort((now[:, None] - then[None]).ravel())
    pairs = len(differences)
    spread = np.sqrt(pairs * (len(now) + len(then) + 1) / 12) * np.sqrt(counts @ each**2)
    cut = int(max(0, np.floor(pairs / 2 - stats.norm.isf((1 - confidence) / 2) * spread)))
    return Comparison(
        now=float(np.median(now)),
        then=float(np.median(then)),
        games_now=len(now),
        games_then=len(then),
        shift=float(np.median(differences)),
        low=float(differences[cut]),
        high=float(differences[pairs - 1 - cut]),
        p_value=p_value,
        same_part=same_part,
    )


def likely_within_seasons(
    series: Series, today: datetime.date, starts: tuple[int, int] = (8, 1)
) -> Array | None:
    """How likely each likeness of neighbours is in both seasons; None where none is compared."""
    found = _both(series, today, starts)
    return None if found is None else _likely(found[0]) * _likely(found[1])


def _both(
    series: Series, today: datetime.date, starts: tuple[int, int]
) -> tuple[Array, Array, bool] | None:
    """The games of now and of then, and whether both are the same part of a season."""
    first, after = season_of(today, starts)
    before = datetime.date(first.year - 1, *starts)
    now = series.between(first, min(after, today + datetime.timedelta(days=1))).values
    part = series.between(before, before + (today - first) + datetime.timedelta(days=1)).values
    whole = series.between(before, first).values
    same_part = len(part) >= LEAST_FOR_SEASON
    then = part if same_part else whole
    if min(len(now), len(then)) < LEAST_FOR_SEASON:
        return None
    return now, then, same_part


def _likely(values: Array) -> Array:
    return np.ones(len(GRID)) if np.ptp(values) == 0 else likely(values, _levels_leave)


def _levels_leave(rows: Array) -> Array:
    """What the level leaves of each row: all but that, and correlations are of what varies."""
    return rows


def _fewer(games: int, alike: float) -> float:
    """How many times as far a mean of so many games varies where neighbours are alike."""
    apart = np.arange(1, games)
    return float(1 + 2 * ((1 - apart / games) * alike**apart).sum())
