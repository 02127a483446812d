"""How far the measures of the last videos are from the reference's.

Belongs here: distances, for people to read. Does not belong here: what performance is made
of (``performance``), acting (``policy``): drift alone changes nothing.

A video is one observation, since its frames are near copies, and a reference has a handful of
them: too few to test a dozen measures at every look. So a distance is told in the spreads of the
reference, as a measure and not as a proof. Population stability (PSI) and the Kolmogorov-Smirnov
distance of scores are told beside it.
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


_FAR = 3.0
_LEAST_SPREAD = 0.05
"""Of the mean: a few videos may agree by chance, and no camera's films agree better for long."""


@dataclasses.dataclass(frozen=True)
class Shift:
    """A measure of the last videos beside the reference's.

    Attributes:
        spreads: Difference of the means, in standard deviations between videos.
    """

    measure: str
    usual: float
    now: float
    spreads: float

    @property
    def is_far(self) -> bool:
        """Whether a person should look at it."""
        return abs(self.spreads) >= _FAR


@dataclasses.dataclass(frozen=True)
class Drift:
    """What differs, the furthest first.

    Attributes:
        psi: Population stability of the scores: below .1 nothing, above .25 another population.
        ks: Largest distance of the two distributions of scores.
    """

    shifts: tuple[Shift, ...]
    psi: float | None
    ks: float | None

    @property
    def far(self) -> tuple[Shift, ...]:
        """The shifts that a person should look at."""
        return tuple(one for one in self.shifts if one.is_far)

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        shifts = [{**dataclasses.asdict(one), "is_far": one.is_far} for one in self.shifts]
        return {"shifts": shifts, "psi": self.psi, "ks": self.ks}


def drift_of(videos: Sequence[Evidence], reference: Reference) -> Drift:
    """Compare the last videos (one or more) with the reference."""
    rows = [measures_of(video) for video in videos]
    shifts = []
    for name, usual in reference.measures.items():
        now = [row[name] for row in rows if name in row]
        if now:
            distance = _distance(np.array(usual.values), np.array(now))
            middle = round(float(np.median(now)), 4)
            shifts.append(Shift(name, round(usual.middle, 4), middle, round(distance, 2)))
    shifts.sort(key=lambda one: -abs(one.spreads))
    scores = np.array([video.scores for video in videos], np.float64)
    if not scores.sum():
        return Drift(tuple(shifts), None, None)
    share = (scores / np.maximum(scores.sum(1, keepdims=True), 1)).mean(0)
    ks = float(np.abs(cumulated(share) - cumulated(reference.scores)).max())
    return Drift(tuple(shifts), _psi(np.array(reference.scores), share), round(ks, 4))


def _distance(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Of the means, in spreads of the reference: one video has none of its own."""
    spread = float(before.std(ddof=1)) if len(before) > 1 else 0.0
    spread = max(spread, _LEAST_SPREAD * abs(float(before.mean())), 1e-3)
    return float((now.mean() - before.mean()) / spread)


def _psi(usual: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Over ten bins that hold a tenth of the reference each."""
    at = np.clip((cumulated(usual) * 10 - 1e-9).astype(int), 0, 9)
    a, b = (np.bincount(at, side, minlength=10) + 1e-4 for side in (usual, now))
    a, b = a / a.sum(), b / b.sum()
    return round(float(((b - a) * np.log(b / a)).sum()), 4)
