"""Whether found parameters are really better: a test on frozen videos that no search saw.

Belongs here: the split, the paired comparison by video, the verdict in words. Does not belong
here: the statistics (``hockey/promotion``), what follows (``policy``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jarvis_dagster.hockey.adaptation.material import Eyes, Material
    from jarvis_dagster.hockey.adaptation.parameters import Parameters

__all__ = ["Gain", "Verdict", "compare", "judge", "split_videos"]

_CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Gain:
    """Two sets of parameters on the same videos.

    Attributes:
        by_video: Figures of the current and of the candidate.
        low, high: The 95 % interval of the gain over videos; None with fewer than two.
        chance: Of a gain this high where there is none (sign-flip test).
    """

    basis: str
    by_video: dict[str, tuple[float, float]]
    current: float
    candidate: float
    gain: float
    low: float | None
    high: float | None
    chance: float | None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the candidate is better with confidence, and why."""

    better: bool
    reasons: tuple[str, ...]
    proof: Gain
    guard: Gain | None

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)


def split_videos(videos: Sequence[str], least: int) -> tuple[list[str], list[str]] | None:
    """Videos to search on and at least ``least`` others to judge on; None where too few.

    Two of three are for judging: that is what needs many.
    """
    ordered = sorted(videos)
    if len(ordered) < least + 2:
        return None
    some = ordered[::3]
    if len(ordered) - len(some) < least:
        some = some[: len(ordered) - least]
    return some, [name for name in ordered if name not in some]


def compare(material: Material, eyes: Eyes, current: Parameters, candidate: Parameters) -> Gain:
    """Both on every video of the material."""
    before = material.figures(eyes, current)
    after = material.figures(eyes, candidate)
    return gain_of(material.basis, {name: (before[name], after[name]) for name in material.videos})


def gain_of(basis: str, by_video: Mapping[str, tuple[float, float]]) -> Gain:
    """The gain of figures that were measured."""
    from jarvis_dagster.hockey.promotion import mean_interval, sign_flip

    table = np.array(list(by_video.values()), np.float64).reshape(-1, 2)
    differences = table[:, 1] - table[:, 0]
    low = high = chance = None
    if len(differences) >= 2:
        interval = mean_interval(differences, confidence=_CONFIDENCE)
        low, high, chance = interval.low, interval.high, sign_flip(differences)
    current, candidate = (float(v) for v in table.mean(0)) if len(table) else (0.0, 0.0)
    return Gain(basis, dict(by_video), current, candidate, candidate - current, low, high, chance)


def judge(proof: Gain, guard: Gain | None, *, min_videos: int, margin: float = 0.02) -> Verdict:
    """The verdict.

    Args:
        proof: On videos that the search did not see; a gain has to be sure there.
        guard: On the camera's own last pictures, without labels; there nothing may be lost.
        min_videos: Fewest videos of the proof that can tell a gain.
        margin: How far the guard's figure may fall.
    """
    against = []
    level = (1 - _CONFIDENCE) / 2
    videos = len(proof.by_video)
    if videos < min_videos or proof.low is None or proof.chance is None:
        against.append(
            f"Only {videos} videos were left to judge on; {min_videos} are needed to tell a gain"
            " from luck."
        )
    elif proof.low <= 0:
        against.append(
            f"The gain of {_points(proof.gain)} points is not sure: the 95 % interval over"
            f" {videos} videos reaches from {_points(proof.low)} to {_points(proof.high)}."
        )
    elif proof.chance > level:
        against.append(
            f"Equal parameters would show such a gain in {proof.chance:.1%} of cases, which is"
            f" more than {level:.1%}."
        )
    if guard is not None and guard.gain < -margin:
        against.append(
            f"On the camera's own last pictures fewer people are found again: {guard.current:.2f}"
            f" became {guard.candidate:.2f} of those usual."
        )
    if against:
        return Verdict(False, tuple(against), proof, guard)
    said = (
        f"The figure rises by {_points(proof.gain)} points on {videos} videos that the search did"
        f" not see (95 % interval from {_points(proof.low)} to {_points(proof.high)})."
    )
    return Verdict(True, (said,), proof, guard)


def _points(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:+.1f}"
