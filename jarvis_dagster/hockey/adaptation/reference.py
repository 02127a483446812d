"""The frozen reference of a camera: what its videos are like while all is well.

Belongs here: the reference, made once of the first videos. Does not belong here: comparing with
it (``performance``, ``drift``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.adaptation.looks import MEASURES, Look

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.adaptation.evidence import Evidence

__all__ = ["Reference", "Usual", "cumulated", "measures_of", "middle_look", "reference_of"]


@dataclasses.dataclass(frozen=True)
class Usual:
    """A measure of the reference's videos."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median."""
        return float(np.median(self.values))

    @property
    def low(self) -> float:
        """The lowest quarter begins here."""
        return float(np.quantile(self.values, 0.25))

    @property
    def high(self) -> float:
        """The highest quarter begins here."""
        return float(np.quantile(self.values, 0.75))

    def beyond(self, value: float) -> float:
        """How far a value is outside of all that was seen, in the measure's unit."""
        return max(0.0, value - max(self.values), min(self.values) - value)


@dataclasses.dataclass(frozen=True)
class Reference:
    """What a camera's videos are like while all is well.

    Attributes:
        videos: That it was made of.
        model_version: Of the detector; another one finds other scores.
        measures: By name: the measures of the look, ``people``, ``rules`` (a minute), and those
            of ``Evidence.tracks``. One that fewer than three videos can tell is left out.
        scores: Histogram of all scores, as shares.
        score_distances: Of each video's scores from those of the others.
        look: The middle of the looks; None where no video has one.
    """

    camera: str
    videos: tuple[str, ...]
    model_version: str
    measures: dict[str, Usual]
    scores: tuple[float, ...]
    score_distances: Usual
    look: Look | None

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Reference:
        """From a document."""
        return cls(
            content["camera"],
            tuple(content["videos"]),
            content["model_version"],
            {name: Usual(tuple(one["values"])) for name, one in content["measures"].items()},
            tuple(content["scores"]),
            Usual(tuple(content["score_distances"]["values"])),
            None if content["look"] is None else Look.from_json(content["look"]),
        )


def measures_of(video: Evidence) -> dict[str, float]:
    """Every measure that a video can tell, by the names of ``Reference.measures``."""
    found: dict[str, float] = {}
    if video.look is not None:
        found |= video.look.measures
    if video.people_per_look is not None:
        found["people"] = video.people_per_look
    if video.broken_rules is not None and video.minutes > 0:
        found["rules"] = sum(video.broken_rules.values()) / video.minutes
    if video.tracks is not None:
        found |= {k: v for k, v in video.tracks.items() if k != "person_minutes"}
    return found


def cumulated(counts: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The distribution function of a histogram, at the upper edges."""
    values = np.cumsum(np.asarray(counts, np.float64))
    return np.asarray(values / max(float(values[-1]), 1e-12), np.float64)


def reference_of(videos: Sequence[Evidence]) -> Reference:
    """The reference of a camera's first videos; at least three, of one detector."""
    rows = [measures_of(video) for video in videos]
    names = sorted({name for row in rows for name in row})
    measures = {
        name: Usual(tuple(row[name] for row in rows if name in row))
        for name in names
        if sum(name in row for row in rows) >= 3
    }
    scores = np.array([video.scores for video in videos], np.float64)
    shares = scores / np.maximum(scores.sum(1, keepdims=True), 1)  # each video counts the same
    distances = []
    for number in range(len(videos)):
        others = np.delete(shares, number, axis=0).mean(0)
        distances.append(float(np.abs(cumulated(shares[number]) - cumulated(others)).max()))
    looks = [video.look for video in videos if video.look is not None]
    return Reference(
        camera=videos[0].camera,
        videos=tuple(video.video for video in videos),
        model_version=videos[0].model_version,
        measures=measures,
        scores=tuple(float(v) for v in shares.mean(0)),
        score_distances=Usual(tuple(distances)),
        look=middle_look(looks) if looks else None,
    )


def middle_look(looks: Sequence[Look]) -> Look:
    """The median of looks, measure by measure and level by level."""
    levels = np.median([look.levels for look in looks], axis=0)
    return Look(
        sum(look.pictures for look in looks),
        {
            name: round(float(np.median([look.measures[name] for look in looks])), 4)
            for name in MEASURES
        },
        tuple(tuple(round(float(v), 2) for v in channel) for channel in levels),
    )
