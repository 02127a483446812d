"""When a challenger replaces the champion.

Belongs here: the rule, and the verdict with its reasons. Does not belong here: statistics
(``bootstrap``), measuring (``figures``), moving an alias.

A challenger is promoted if and only if, on the same videos,

1. there are enough of them,
2. the interval of its mean gain on the agreed figure, over videos, is above zero,
3. the sign-flip test agrees, which bounds how often equal models are promoted, and
4. for no role the pooled F1 may have fallen by more than the role's margin: the low end of
   its interval is above minus the margin.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.labels import ROLES
from jarvis_dagster.hockey.promotion.bootstrap import (
    Interval,
    draws,
    expanded_interval,
    mean_interval,
    sign_flip,
)
from jarvis_dagster.hockey.promotion.figures import FIGURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.promotion.figures import VideoFigures

__all__ = ["FigureGain", "RoleChange", "Rule", "Verdict", "decide"]

_MARGINS = {"player": 0.02, "goalkeeper": 0.05, "referee": 0.05}


@dataclasses.dataclass(frozen=True)
class Rule:
    """What was agreed before anybody looked.

    Attributes:
        figure: One of ``FIGURES``.
        confidence: Of the two-sided intervals; equal models are promoted at most half of
            what is left to one.
        margins: How far the F1 of each role may fall.
    """

    figure: str = "ap50"
    confidence: float = 0.95
    min_videos: int = 6
    margins: Mapping[str, float] = dataclasses.field(default_factory=lambda: dict(_MARGINS))
    resamples: int = 10_000
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class FigureGain:
    """A figure of both models, each the mean over the videos that can tell it."""

    name: str
    videos: int
    champion: float
    challenger: float
    gain: Interval


@dataclasses.dataclass(frozen=True)
class RoleChange:
    """F1 of a role, pooled over videos; ``holds`` unless it may have fallen by the margin."""

    role: str
    videos: int
    people: int
    champion: float
    challenger: float
    change: Interval
    margin: float
    holds: bool


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The decision with everything that it follows from."""

    promoted: bool
    reasons: tuple[str, ...]
    figures: tuple[FigureGain, ...]
    roles: tuple[RoleChange, ...]
    sign_flip_p: float | None

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)


def decide(
    champion: Sequence[VideoFigures], challenger: Sequence[VideoFigures], rule: Rule
) -> Verdict:
    """The verdict on two models that were measured on the same videos.

    Raises:
        BadInputError: they were not, or the figure is unknown.
    """
    if rule.figure not in FIGURES:
        raise BadInputError(
            f"{rule.figure!r} is not a figure.", f"Use one of {', '.join(FIGURES)}."
        )
    pairs = _paired(champion, challenger)
    gains = [g for name in FIGURES if (g := _gain(name, pairs, rule)) is not None]
    roles = [r for role in ROLES if (r := _role(role, pairs, rule)) is not None]
    agreed = next((g for g in gains if g.name == rule.figure), None)
    differences = _differences(rule.figure, pairs)
    p = sign_flip(differences, seed=rule.seed) if len(differences) else None
    against = [
        *_against_gain(agreed, len(differences), p, rule),
        *_against_roles(roles, pairs, rule),
    ]
    reasons = against or [_praise(agreed, rule)]
    return Verdict(not against, tuple(reasons), tuple(gains), tuple(roles), p)


def _paired(
    champion: Sequence[VideoFigures], challenger: Sequence[VideoFigures]
) -> list[tuple[VideoFigures, VideoFigures]]:
    first, second = ({one.video: one for one in side} for side in (champion, challenger))
    if first.keys() != second.keys() or any(first[v].pictures != second[v].pictures for v in first):
        raise BadInputError(
            "The two models were not measured on the same games.", "Evaluate both again."
        )
    return [(first[video], second[video]) for video in sorted(first)]


def _values(
    name: str, pairs: list[tuple[VideoFigures, VideoFigures]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    both = [(a.figures[name], b.figures[name]) for a, b in pairs]
    known = np.array([p for p in both if None not in p], np.float64).reshape(-1, 2)
    return known[:, 0], known[:, 1]


def _differences(name: str, pairs: list[tuple[VideoFigures, VideoFigures]]) -> NDArray[np.float64]:
    before, after = _values(name, pairs)
    return after - before


def _gain(
    name: str, pairs: list[tuple[VideoFigures, VideoFigures]], rule: Rule
) -> FigureGain | None:
    before, after = _values(name, pairs)
    if len(before) < 2:
        return None
    gain = mean_interval(
        after - before, confidence=rule.confidence, resamples=rule.resamples, seed=rule.seed
    )
    return FigureGain(name, len(before), float(before.mean()), float(after.mean()), gain)


def _role(
    role: str, pairs: list[tuple[VideoFigures, VideoFigures]], rule: Rule
) -> RoleChange | None:
    """None where nobody of that role is in the games, or in one video alone."""
    having = [p for p in pairs if p[0].roles[role][0] + p[0].roles[role][2]]
    if len(having) < 2:
        return None
    # All videos are drawn: naming somebody a goalkeeper where there is none is an error too.
    counts = np.array([[a.roles[role], b.roles[role]] for a, b in pairs], np.float64)
    replicates = np.tensordot(draws(len(pairs), rule.resamples, rule.seed), counts, axes=1)
    drawn = _f1(replicates)
    before, after = _f1(counts.sum(0))
    change = expanded_interval(
        drawn[:, 1] - drawn[:, 0], after - before, len(having), rule.confidence
    )
    margin = float(rule.margins.get(role, 0.0))
    return RoleChange(
        role=role,
        videos=len(having),
        people=int(sum(sum(p[0].roles[role][::2]) for p in having)),
        champion=float(before),
        challenger=float(after),
        change=change,
        margin=margin,
        holds=change.low >= -margin,
    )


def _f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    right, wrongly, missed = counts[..., 0], counts[..., 1], counts[..., 2]
    return 2 * right / np.maximum(2 * right + wrongly + missed, 1e-9)


def _against_gain(agreed: FigureGain | None, videos: int, p: float | None, rule: Rule) -> list[str]:
    name = FIGURES[rule.figure]
    if agreed is None or videos < rule.min_videos:
        return [
            f"Only {videos} videos can tell the {name}; {rule.min_videos} are needed to tell a"
            " gain from luck."
        ]
    gain = agreed.gain
    if agreed.champion == agreed.challenger and gain.low == gain.high == 0:
        return [f"The {name} is the same on every video: there is no difference."]
    level = (1 - rule.confidence) / 2
    if gain.low <= 0:
        return [
            f"The gain in {name}, {_points(gain.estimate)}, is not sure: the"
            f" {rule.confidence:.0%} interval reaches from {_points(gain.low)} to"
            f" {_points(gain.high)} points."
        ]
    if p is not None and p > level:
        return [
            f"Equal models would show such a gain in {name} in {p:.1%} of cases, which is more"
            f" than the {level:.1%} that were agreed."
        ]
    return []


def _against_roles(
    roles: list[RoleChange], pairs: list[tuple[VideoFigures, VideoFigures]], rule: Rule
) -> list[str]:
    judged = {role.role for role in roles}
    alone = [
        role
        for role in ROLES
        if role not in judged and any(p[0].roles[role][0] + p[0].roles[role][2] for p in pairs)
    ]
    against = [
        f"Only one video shows a {role}, so it cannot be told whether that role loses."
        for role in alone
    ]
    for role in roles:
        if role.holds:
            continue
        word = "falls" if role.change.high < -role.margin else "may fall"
        against.append(
            f"The F1 of {role.role}s {word} by more than {100 * role.margin:.1f} points: it"
            f" changes by {_points(role.change.estimate)}, {rule.confidence:.0%} interval from"
            f" {_points(role.change.low)} to {_points(role.change.high)}."
        )
    return against


def _praise(agreed: FigureGain | None, rule: Rule) -> str:
    assert agreed is not None
    gain = agreed.gain
    return (
        f"The {FIGURES[rule.figure]} rises by {_points(gain.estimate)} points on"
        f" {agreed.videos} videos ({rule.confidence:.0%} interval from {_points(gain.low)} to"
        f" {_points(gain.high)}), and no role loses."
    )


def _points(share: float) -> str:
    """A change in points of 100."""
    return f"{100 * share:+.1f}"
