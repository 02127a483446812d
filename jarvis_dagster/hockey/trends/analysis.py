"""Several figures at once: which of them say something.

Belongs here: the judgement over all figures of a report, with the care that many questions need.
Does not belong here: one figure's statistics, words (:mod:`.wording`).

Ask twenty questions of pure chance and one is answered "yes". So the p-values of all questions of
a report are adjusted together (Benjamini and Hochberg 1995): of what is called out, at most one
in twenty is expected to be chance.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.trends.changes import (
    Change,
    changes,
    changes_p_value,
    likely_beside_steps,
)
from jarvis_dagster.hockey.trends.persistence import is_in_doubt, together, without_usual
from jarvis_dagster.hockey.trends.seasons import (
    Comparison,
    compare,
    likely_within_seasons,
    season_of,
)
from jarvis_dagster.hockey.trends.slope import Slope, likely_beside_slope, slope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.trends.series import Series

    Array = NDArray[np.float64]

__all__ = ["Finding", "analyse"]

_FEW_FIGURES, _FEW_GAMES = 4, 12


@dataclasses.dataclass(frozen=True)
class Finding:
    """What is known of one figure.

    Attributes:
        series: Of this season alone; ``earlier`` is the season before.
        kind: ``slope`` (it moves), ``step`` (it changed at once), ``none`` (nothing that chance
            would not do), ``few`` (too few numbers to say).
        slope, steps, season: What was found, whether it says something or not.
        season_differs: Whether the seasons differ by more than chance.
        may_be_form: Whether too little is known of how alike games in a row are to tell this from
            a run of form.
    """

    series: Series
    earlier: Series
    kind: str
    slope: Slope | None
    steps: tuple[Change, ...]
    season: Comparison | None
    season_differs: bool
    may_be_form: bool = False

    @property
    def says_something(self) -> bool:
        """Whether it is worth a person's time."""
        return self.kind in {"slope", "step"} or self.season_differs


def analyse(
    every: Sequence[Series],
    today: datetime.date,
    *,
    season_starts: tuple[int, int] = (8, 1),
    limit: float = 0.05,
) -> tuple[list[Finding], int]:
    """Judge all figures together.

    Args:
        every: Each over all seasons that are known.
        today: The last day that counts.
        season_starts: Month and day.
        limit: Of what is called out, the share that may be chance.

    Returns:
        One finding for each series, and how many questions were asked.
    """
    from scipy import stats

    first, _ = season_of(today, season_starts)
    before = datetime.date(first.year - 1, *season_starts)
    tomorrow = today + datetime.timedelta(days=1)
    now = [series.between(first, tomorrow) for series in every]
    # What is left beside a line, a step or a season's level looks alike by other amounts.
    lines = _Likeness([likely_beside_slope(series) for series in now], now)
    steady = _Likeness([likely_beside_steps(series) for series in now], now)
    level = _Likeness([likely_within_seasons(one, today, season_starts) for one in every], now)
    slopes = [slope(one, belief=lines.of(at)) for at, one in enumerate(now)]
    stepped = [changes_p_value(one, steady.of(at)) for at, one in enumerate(now)]
    seasons = [
        compare(one, today, season_starts, belief=level.of(at)) for at, one in enumerate(every)
    ]
    asked = [
        *(None if one is None else one.p_value for one in slopes),
        *stepped,
        *(None if one is None else one.p_value for one in seasons),
    ]
    known = [p for p in asked if p is not None]
    adjusted = iter(stats.false_discovery_control(known) if known else [])
    clear = [p is not None and float(next(adjusted)) <= limit for p in asked]
    count = len(now)
    findings = []
    for at, series in enumerate(now):
        rises, steps, differs = clear[at], clear[count + at], clear[2 * count + at]
        found = changes(series, limit, steady.of(at)) if steps else []
        kind = _kind(series, slopes[at], found, rises=rises)
        by = {"slope": lines, "step": steady}.get(kind, level)
        findings.append(
            Finding(
                series=series,
                earlier=every[at].between(before, first),
                kind=kind,
                slope=slopes[at],
                steps=tuple(found),
                season=seasons[at],
                season_differs=differs,
                may_be_form=by.in_doubt[at],
            )
        )
    return findings, len(known)


class _Likeness:
    """How alike games in a row are beside one kind of fit, by all figures of a report together.

    Few games hardly tell, and few figures hardly help: then what is usual is no argument, and
    where likeness remains in doubt every amount of it counts.
    """

    def __init__(self, each: Sequence[Array | None], now: Sequence[Series]) -> None:
        known = [one for one in each if one is not None]
        self._belief = together(known)
        self.in_doubt = [one is not None and is_in_doubt(one, self._belief) for one in each]
        self._is_thin = [len(known) < _FEW_FIGURES or len(one) < _FEW_GAMES for one in now]

    def of(self, at: int) -> Array:
        """Where a figure starts from."""
        thin = self._is_thin[at] and self.in_doubt[at]
        return without_usual(self._belief) if thin else self._belief


def _kind(series: Series, line: Slope | None, steps: list[Change], *, rises: bool) -> str:
    if line is None:
        return "few"
    if not steps:
        return "slope" if rises else "none"
    if not rises:
        return "step"
    # A slope looks like steps and a step like a slope: which leaves less, for its parameters?
    drawn = np.interp(series.days, series.days[[0, -1]], [line.start, line.end])
    edges = [0, *(step.index for step in steps), len(series)]
    held = np.concatenate(
        [
            np.full(stop - start, np.median(series.values[start:stop]))
            for start, stop in itertools.pairwise(edges)
        ]
    )
    cost = np.log(len(series)) / len(series)

    def score(fit: np.ndarray, parameters: int) -> float:
        off = float(np.abs(series.values - fit).mean())
        return 2 * float(np.log(max(off, 1e-12))) + parameters * cost

    by_line, by_steps = score(drawn, 2), score(held, 1 + 2 * len(steps))
    return "slope" if by_line <= by_steps else "step"
