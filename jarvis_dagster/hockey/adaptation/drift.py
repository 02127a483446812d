"""Which measures of the last videos differ from the reference by more than luck explains.

Belongs here: tests of drift, for people to read. Does not belong here: what performance is made
of (``performance``), acting (``policy``): drift alone changes nothing.

A video is one observation, since its frames are near copies. The last videos are held against
the reference's: Student's interval for another mean, which a handful of videos allows. All
measures are asked together, and at every look. So the p values are corrected by Benjamini and
Yekutieli's method, which holds whatever hangs together with what, and each look counts with a
share of the level that shrinks (alpha spending, ``1 / (k (k + 1))``): all looks together err as
often as the level says. Population stability (PSI) and the Kolmogorov-Smirnov distance of scores
are told beside it, as measures.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.adaptation.reference import cumulated, measures_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.adaptation.evidence import Evidence
    from jarvis_dagster.hockey.adaptation.reference import Reference

__all__ = ["Drift", "Shift", "drift_of"]


@dataclasses.dataclass(frozen=True)
class Shift:
    """A measure of the last videos beside the reference's; ``p`` corrected."""

    measure: str
    usual: float
    now: float
    p: float
    is_real: bool


@dataclasses.dataclass(frozen=True)
class Drift:
    """What differs.

    Attributes:
        level: That this look may err with.
        psi: Population stability of the scores: below .1 nothing, above .25 another population.
        ks: Largest distance of the two distributions of scores.
    """

    look: int
    level: float
    shifts: tuple[Shift, ...]
    psi: float | None
    ks: float | None

    @property
    def real(self) -> tuple[Shift, ...]:
        """The shifts that luck does not explain."""
        return tuple(one for one in self.shifts if one.is_real)

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)


def drift_of(
    videos: Sequence[Evidence], reference: Reference, look: int, alpha: float = 0.05
) -> Drift:
    """Compare the last videos (one or more) with the reference.

    Args:
        look: How often this was asked of this reference, from 1.
        alpha: The chance that any look errs where nothing changes.
    """
    from scipy import stats

    level = alpha / (look * (look + 1))
    rows = [measures_of(video) for video in videos]
    named, values = [], []
    for name, usual in reference.measures.items():
        now = [row[name] for row in rows if name in row]
        if now:
            named.append((name, usual.middle, float(np.median(now))))
            values.append(_another_mean(np.array(usual.values), np.array(now)))
    corrected = stats.false_discovery_control(values, method="by") if values else []
    shifts = tuple(
        Shift(name, round(usual, 4), round(now, 4), float(p), bool(p <= level))
        for (name, usual, now), p in zip(named, corrected, strict=True)
    )
    scores = np.array([video.scores for video in videos], np.float64)
    if not scores.sum():
        return Drift(look, level, shifts, None, None)
    now = (scores / np.maximum(scores.sum(1, keepdims=True), 1)).mean(0)
    ks = float(np.abs(cumulated(now) - cumulated(reference.scores)).max())
    return Drift(look, level, shifts, _psi(np.array(reference.scores), now), round(ks, 4))


def _another_mean(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Two-sided p of the mean of ``now`` coming from where ``before`` does.

    The spread is the reference's: one video has none of its own.
    """
    from scipy import stats

    n, m = len(before), len(now)
    spread = float(before.std(ddof=1))
    # A measure that never varied would make any change a miracle.
    spread = max(spread, 0.01 * abs(float(before.mean())), 1e-3)
    t = (now.mean() - before.mean()) / (spread * np.sqrt(1 / n + 1 / m))
    return float(2 * stats.t.sf(abs(t), n - 1))


def _psi(usual: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Over ten bins that hold a tenth of the reference each."""
    at = np.clip((cumulated(usual) * 10 - 1e-9).astype(int), 0, 9)
    a, b = (np.bincount(at, side, minlength=10) + 1e-4 for side in (usual, now))
    a, b = a / a.sum(), b / b.sum()
    return round(float(((b - a) * np.log(b / a)).sum()), 4)
