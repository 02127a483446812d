"""How sure a difference between two models is, with videos as the unit.

Belongs here: resampling of videos, intervals, the sign-flip test. Does not belong here: what
is measured on a video.

Frames of one video are near copies; resampling them would make any difference look sure. So
whole videos are drawn, with both models' results on them (a paired bootstrap).

The percentile interval of a few videos is too narrow. Its levels are therefore widened as in
Hesterberg, "What Teachers Should Know About the Bootstrap" (2015), section 4.2.2: the
"expanded percentile" interval, which for a mean is about as wide as Student's.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Interval", "draws", "expanded_interval", "mean_interval", "sign_flip"]

_EXACT_VIDEOS = 14
_FLIPS = 20_000


@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate and its interval."""

    estimate: float
    low: float
    high: float


def draws(videos: int, resamples: int, seed: int = 0) -> NDArray[np.int64]:
    """(resamples, videos): how often each video is drawn, of as many draws as videos."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(videos, np.full(videos, 1 / videos), size=resamples)


def expanded_interval(
    replicates: NDArray[np.float64], estimate: float, videos: int, confidence: float
) -> Interval:
    """The expanded percentile interval of bootstrap replicates."""
    from scipy import stats

    tail = (1 - confidence) / 2
    wider = stats.t.ppf(tail, videos - 1) * np.sqrt(videos / (videos - 1))
    level = float(stats.norm.cdf(wider))
    low, high = np.quantile(replicates, [level, 1 - level])
    return Interval(float(estimate), float(low), float(high))


def mean_interval(
    differences: NDArray[np.float64],
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """The mean of paired differences, one a video, and its interval.

    Args:
        differences: (V,) challenger minus champion; V >= 2.
    """
    videos = len(differences)
    replicates = draws(videos, resamples, seed) @ differences / videos
    return expanded_interval(replicates, float(differences.mean()), videos, confidence)


def sign_flip(differences: NDArray[np.float64], *, seed: int = 0) -> float:
    """How often a mean this high comes from models without a difference; one-sided.

    If the models are exchangeable, each video's difference has either sign with equal
    chance. The test is exact for up to 14 videos, and has 20,000 random flips above; either
    way it is at most its level under no difference, whatever the distribution.
    """
    videos = len(differences)
    least = differences.sum() - 1e-12 * max(1.0, float(np.abs(differences).sum()))
    if videos <= _EXACT_VIDEOS:
        every = np.arange(2**videos)[:, None] >> np.arange(videos)
        signs = 1.0 - 2.0 * (every & 1)
        return float((signs @ differences >= least).mean())
    signs = np.random.default_rng(seed).choice((1.0, -1.0), size=(_FLIPS, videos))
    return float((1 + (signs @ differences >= least).sum()) / (1 + _FLIPS))
