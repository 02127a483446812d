"""How well a camera's videos are seen: one figure in [0, 1], with its parts and what it lacks.

Belongs here: what measures are worth. Does not belong here: the measures (``evidence``), what is
usual (``reference``), what follows from the figure (``policy``).

Each part is 1 while a video is as the reference's were, and falls towards 0; ``agreement`` alone
is absolute. The figure is their weighted geometric mean over the parts that the video supports: a
part that fails pulls it down, whatever the others say. A part without evidence is not guessed:
its weight goes to the others, and it is named. With less than half of the weight there is no
figure.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.adaptation.evidence import SCORE_EDGES
from jarvis_dagster.hockey.adaptation.looks import MEASURES
from jarvis_dagster.hockey.adaptation.reference import cumulated, measures_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.adaptation.evidence import Evidence
    from jarvis_dagster.hockey.adaptation.reference import Reference, Usual
    from jarvis_dagster.hockey.promotion import Interval

__all__ = [
    "WEIGHTS",
    "Part",
    "Performance",
    "agreement_interval",
    "mean_performance",
    "measure",
    "measure_across",
    "measure_reading",
]

WEIGHTS = {"agreement": 0.35, "detection": 0.3, "tracks": 0.15, "rules": 0.1, "image": 0.1}
"""What each part counts; ``docs/autopilot.md`` says why."""
_WEIGHTS_OF_READING = {"agreement": 0.35, "roles": 0.35, "tracks": 0.15, "rules": 0.15}
_LEAST_WEIGHT = 0.5
_LEAST_THINGS = 30
"""People that somebody must have looked at for agreement to count."""
_FLOOR = 0.02
_SCALE = {"brightness": 1.5, "contrast": 1.5, "sharpness": 1.0, "blue": 0.6, "red": 0.6}
"""How far beyond the usual a measure of the look must be for its part to fall to 37 %."""
_GRACE = {"births": 1.0, "deaths": 1.0, "filled": 0.1, "swaps": 0.3, "rules": 1.0, "unsure": 0.05}
_GRACE["crowded"] = 0.05
"""Rates this small are no failure, even where the reference had none at all."""


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of the figure; ``value`` None: not supported, and ``says`` why."""

    name: str
    value: float | None
    says: str


@dataclasses.dataclass(frozen=True)
class Performance:
    """How well one video was seen; ``value`` None where too little is known."""

    video: str
    value: float | None
    parts: tuple[Part, ...]

    @property
    def lacks(self) -> dict[str, str]:
        """The parts that are not supported, and why."""
        return {part.name: part.says for part in self.parts if part.value is None}

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Performance:
        """From a document."""
        return cls(
            content["video"], content["value"], tuple(Part(**part) for part in content["parts"])
        )


def measure(
    video: Evidence, reference: Reference | None, fitted: Mapping[str, Usual] | None = None
) -> Performance:
    """The figure of one video.

    Args:
        fitted: The looks as filmed that the video's parameters were found and proved for. What
            the detector then sees is no longer what it saw in the reference, and need not be; what
            counts is whether the light is still that for which they are right.
    """
    usual = {} if reference is None else reference.measures
    found = measures_of(video)
    none = "no reference yet" if reference is None else ""
    parts = (
        _agreement(video),
        _detection(video, reference, none),
        _rates("tracks", ("births", "deaths", "filled", "swaps"), found, usual, none),
        _rules(video, found, usual, none),
        _image(found, usual, none) if fitted is None else _fitted_image(video, fitted),
    )
    return Performance(video.video, _value(parts), parts)


def measure_across(
    video: Evidence, reference: Reference, looks: Mapping[str, Usual]
) -> tuple[Performance, Part]:
    """The figure of a video beside the reference of another detector, and the picture's part.

    Two detectors have their own scores, so of detection only the people count; and no detector
    makes the light, so the picture is no part of the figure.

    Args:
        looks: The pictures as filmed that the other detector saw.
    """
    found = measures_of(video)
    parts = (
        _agreement(video),
        _people(video, reference),
        _rates("tracks", ("births", "deaths", "filled", "swaps"), found, reference.measures, ""),
        _rules(video, found, reference.measures, ""),
    )
    image = _fitted_image(video, looks, "as the former detector saw it")
    return Performance(video.video, _value(parts), parts), image


def measure_reading(
    video: Evidence, reference: Reference, looks: Mapping[str, Usual]
) -> tuple[Performance, Part]:
    """As ``measure_across``, of who reads roles after a detector: it finds nobody and loses nobody.

    What it can do wrong is seen in roles that change from look to look or cannot be, in people who
    change their team, in rules that are broken, and in what people correct.
    """
    found, usual = measures_of(video), reference.measures
    parts = (
        _agreement(video),
        _rates("roles", ("unsure", "crowded"), found, usual, ""),
        _rates("tracks", ("swaps",), found, usual, ""),
        _rules(video, found, usual, ""),
    )
    image = _fitted_image(video, looks, "as it was before")
    return Performance(video.video, _value(parts, _WEIGHTS_OF_READING), parts), image


def _value(parts: Sequence[Part], weights: Mapping[str, float] = WEIGHTS) -> float | None:
    """The weighted geometric mean of what is known; None where that is too little."""
    known = [(weights[part.name], part.value) for part in parts if part.value is not None]
    weight = sum(w for w, _ in known)
    if weight < _LEAST_WEIGHT:
        return None
    return round(math.exp(sum(w * math.log(max(v, _FLOOR)) for w, v in known) / weight), 4)


def _people(video: Evidence, reference: Reference) -> Part:
    """How many people are found, whatever their scores; more than usual is not held against it."""
    people = reference.measures.get("people")
    if people is None or video.people_per_look is None:
        return Part("detection", None, "no picture was looked at")
    seen = video.people_per_look
    said = f"{seen:.1f} people a picture (usual {people.low:.1f} to {people.high:.1f})"
    return Part("detection", round(min(1.0, seen / max(people.low, 1e-9)), 4), said)


def _agreement(video: Evidence) -> Part:
    things = sum(one.things for one in video.reviewed)
    if things < _LEAST_THINGS:
        return Part(
            "agreement",
            None,
            f"people looked at {things} labels and tracks; {_LEAST_THINGS} are needed",
        )
    share = sum(one.right for one in video.reviewed) / things
    low, high = agreement_interval(share, things)
    said = f"{share:.0%} of {things} were right as they were ({low:.0%} to {high:.0%})"
    return Part("agreement", round(share, 4), said)


def agreement_interval(share: float, things: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z2 = 1.96**2
    middle = (share + z2 / (2 * things)) / (1 + z2 / things)
    half = math.sqrt(z2 * (share * (1 - share) / things + z2 / (4 * things**2)))
    half /= 1 + z2 / things
    return max(0.0, middle - half), min(1.0, middle + half)


def _detection(video: Evidence, reference: Reference | None, none: str) -> Part:
    """How many people are found, and how sure the detector is of them."""
    if reference is None:
        return Part("detection", None, none)
    if video.model_version != reference.model_version:
        return Part("detection", None, "another detector made the reference")
    people = reference.measures.get("people")
    if people is None or video.people_per_look is None:
        return Part("detection", None, "no picture was looked at")
    first = _first_bin(video, reference)
    mine, theirs = (_from(first, counts) for counts in (video.scores, reference.scores))
    seen, low = video.people_per_look * mine[1], people.low * theirs[1]
    found = min(1.0, seen / max(low, 1e-9))
    distance = float(np.abs(cumulated(mine[0]) - cumulated(theirs[0])).max())
    usual = reference.score_distances.high
    alike = min(1.0, (1 - distance) / max(1 - usual, 1e-9))
    if not mine[1]:
        alike = 0.0
    said = (
        f"{seen:.1f} people a picture (usual {low:.1f} to {people.high * theirs[1]:.1f}), scores"
        f" {distance:.2f} from the reference (usual up to {usual:.2f})"
    )
    if first:
        said += f", both from a score of {SCORE_EDGES[first]:.2f} on"
    return Part("detection", round(found * alike, 4), said)


def _first_bin(video: Evidence, reference: Reference) -> int:
    """The bin of scores from which on both tell of the same people.

    Where the least score was adapted, one of them lacks the people that the other was not to see.
    """
    own = video.parameters.score_threshold
    if own is None:
        return 0
    known = np.flatnonzero(np.array(reference.scores) > 0)
    least = int(known[0]) if len(known) else 0
    return max(least, int(np.searchsorted(SCORE_EDGES, own - 1e-9)))


def _from(first: int, counts: Sequence[float]) -> tuple[NDArray[np.float64], float]:
    """A histogram without its first bins, and the share that is left of it."""
    values = np.array(counts, np.float64)
    return values[first:], float(values[first:].sum() / max(float(values.sum()), 1e-12))


def _rules(
    video: Evidence, found: Mapping[str, float], usual: Mapping[str, Usual], none: str
) -> Part:
    """Rules broken, against the usual: one more is luck, however short the video is."""
    grace = max(_GRACE["rules"], 1 / video.minutes) if video.minutes > 0 else _GRACE["rules"]
    return _rates("rules", ("rules",), found, usual, none, {**_GRACE, "rules": grace})


def _rates(
    part: str,
    names: Sequence[str],
    found: Mapping[str, float],
    usual: Mapping[str, Usual],
    none: str,
    graces: Mapping[str, float] = _GRACE,
) -> Part:
    """Rates that should be low, against the usual: the geometric mean of their ratios."""
    both = [name for name in names if name in found and name in usual]
    if not both:
        missing = "the tables do not tell" if any(name in usual for name in names) else none
        return Part(part, None, missing or "the reference does not tell")
    ratios = [
        min(1.0, (usual[name].high + graces[name]) / (found[name] + graces[name])) for name in both
    ]
    value = math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))
    said = ", ".join(
        f"{name} {found[name]:.2f} (usual up to {usual[name].high:.2f})" for name in both
    )
    return Part(part, round(value, 4), said)


def _fitted_image(
    video: Evidence,
    fitted: Mapping[str, Usual],
    same: str = "in the light that the parameters were found for",
) -> Part:
    """The picture as filmed, beside those that the parameters were found for."""
    found = {} if video.raw_look is None else video.raw_look.measures
    return _image(found, fitted, "", same)


def _image(
    found: Mapping[str, float],
    usual: Mapping[str, Usual],
    none: str,
    same: str = "as in the reference",
) -> Part:
    both = [name for name in MEASURES if name in found and name in usual]
    if not both:
        return Part("image", None, none or "no picture was looked at")
    beyond = {name: usual[name].beyond(found[name]) / _SCALE[name] for name in both}
    said = (
        ", ".join(
            f"{name} {found[name] - usual[name].middle:+.2f}" for name in both if beyond[name] > 0
        )
        or same
    )
    return Part("image", round(math.exp(-sum(beyond.values())), 4), said)


def mean_performance(figures: Sequence[float], confidence: float = 0.95) -> Interval | None:
    """The mean over videos and its interval; None with fewer than two."""
    from jarvis_dagster.hockey.promotion import mean_interval

    if len(figures) < 2:
        return None
    return mean_interval(np.array(figures), confidence=confidence, resamples=4000)
