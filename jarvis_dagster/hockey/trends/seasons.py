"""This season and the one before.

Belongs here: which season a day is of, and the shift between two. Does not belong here: pages.
"""

from __future__ import annotations

import dataclasses
import datetime

import numpy as np

from jarvis_dagster.hockey.trends.series import LEAST_FOR_SEASON, Series

__all__ = ["Comparison", "compare", "season_of"]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two seasons.

    Attributes:
        now, then: Medians; ``games_now`` and ``games_then`` how many.
        shift: Median of all differences between a game of now and one of then (Hodges and
            Lehmann 1963); ``low`` and ``high`` are its interval.
        p_value: How often chance alone tells them apart as well (Mann and Whitney 1947).
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
) -> Comparison | None:
    """This season up to ``today`` with the one before; None for too few games.

    The last season counts up to the same day, or as a whole where it had too few games by then.
    """
    from scipy import stats

    first, after = season_of(today, starts)
    before = datetime.date(first.year - 1, *starts)
    now = series.between(first, min(after, today + datetime.timedelta(days=1))).values
    part = series.between(before, before + (today - first) + datetime.timedelta(days=1)).values
    whole = series.between(before, first).values
    same_part = len(part) >= LEAST_FOR_SEASON
    then = part if same_part else whole
    if min(len(now), len(then)) < LEAST_FOR_SEASON:
        return None
    equal = np.ptp(np.concatenate([now, then])) == 0
    p_value = 1.0 if equal else float(stats.mannwhitneyu(now, then).pvalue)
    differences = np.sort((now[:, None] - then[None]).ravel())
    pairs = len(differences)
    spread = np.sqrt(pairs * (len(now) + len(then) + 1) / 12)
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
