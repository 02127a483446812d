"""What one analysed video tells of how well it was seen: the evidence.

Belongs here: measures of one video from its tables. Does not belong here: what they are worth
(``performance``), reading tables.

Rates are a person-minute or a minute, so that videos of any length compare. What a video cannot
tell is None, never a guess.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.adaptation.looks import Look
from jarvis_dagster.hockey.adaptation.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.events.integrity import Record

__all__ = ["SCORE_EDGES", "Evidence", "Reviewed", "score_counts", "stability", "violations"]

SCORE_EDGES = np.linspace(0.0, 1.0, 41)
"""Of the histogram of detection scores."""
_RIM = 0.03
"""Share of the picture in which people come and go by walking."""
_AFTER_CUT_S = 0.5
_PART_S = 1.0
_LEAST_PARTS = 4


@dataclasses.dataclass(frozen=True)
class Reviewed:
    """What people said of it: of ``things`` that they looked at, how many were ``right``."""

    what: str
    things: int
    right: float

    @property
    def agreement(self) -> float:
        """The share that was right."""
        return self.right / self.things


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One video as it was analysed.

    Attributes:
        video: Its partition.
        at: When it was analysed, ISO 8601 in UTC.
        parameters: That were in force.
        model_version: Of the detector.
        minutes: Its length.
        look: The pictures as the detector saw them, corrected; ``raw_look`` as filmed. None
            where there are none.
        scores: Counts of detection scores by :data:`SCORE_EDGES`.
        people_per_look: People found on a picture that shows a rink, or on any where none
            seems to; None without one.
        tracks: By name, ``births``, ``deaths`` in the middle of the picture and ``swaps`` of the
            kit, a person-minute; ``filled``, the share of boxes that tracking filled in;
            ``person_minutes``; and how roles were read (``reading``). None without tracks.
        broken_rules: How often each integrity rule is broken; None where they were not asked.
        reviewed: What people said; empty where nobody looked.
    """

    video: str
    name: str
    camera: str
    at: str
    parameters: Parameters
    model_version: str
    minutes: float
    raw_look: Look | None
    look: Look | None
    scores: tuple[int, ...]
    people_per_look: float | None
    tracks: dict[str, float] | None
    broken_rules: dict[str, int] | None
    reviewed: tuple[Reviewed, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Evidence:
        """From a document."""

        def look(value: Mapping[str, Any] | None) -> Look | None:
            return None if value is None else Look.from_json(value)

        return cls(
            **{
                **content,
                "parameters": Parameters.from_json(content["parameters"]),
                "raw_look": look(content["raw_look"]),
                "look": look(content["look"]),
                "scores": tuple(int(n) for n in content["scores"]),
                "reviewed": tuple(Reviewed(**one) for one in content["reviewed"]),
            }
        )


def score_counts(detections: pd.DataFrame) -> tuple[int, ...]:
    """Counts of the scores of people by :data:`SCORE_EDGES`."""
    people = detections.loc[detections["class"] != "puck", "score"].to_numpy(np.float64)
    counts, _ = np.histogram(people, SCORE_EDGES)
    return tuple(int(n) for n in counts)


def violations(record: Record) -> dict[str, int]:
    """How often each integrity rule is broken, of those that are."""
    from jarvis_dagster.hockey.events.integrity import broken

    return {name: len(sentences) for name, sentences in broken(record).items()}


def stability(
    tracks: pd.DataFrame,
    scan: pd.DataFrame,
    *,
    width_px: int,
    height_px: int,
    fps: float,
    kit: pd.DataFrame | None = None,
) -> dict[str, float] | None:
    """How steadily people are followed; see ``Evidence.tracks``.

    ``swaps`` needs ``kit``, row-aligned with the detections, and is left out without it.
    """
    people = tracks[tracks["class"] != "puck"]
    if people.empty:
        return None
    observed = people["observed"].to_numpy(bool)
    minutes = len(people) / fps / 60
    seen = people[observed].sort_values(["track_id", "frame"], kind="stable")
    ends = seen.groupby("track_id", sort=False)
    figures = {
        "births": _inner(ends.head(1), scan, (width_px, height_px), fps, first=True) / minutes,
        "deaths": _inner(ends.tail(1), scan, (width_px, height_px), fps, first=False) / minutes,
        "filled": float(1 - observed.mean()),
        "person_minutes": minutes,
    }
    if kit is not None and "detection_row" in people.columns:
        swaps = _swaps(seen, kit, fps)
        if swaps is not None:
            figures["swaps"] = swaps / minutes
    return {name: round(float(value), 5) for name, value in figures.items()}


def _inner(
    rows: pd.DataFrame, scan: pd.DataFrame, size: tuple[int, int], fps: float, *, first: bool
) -> int:
    """Tracks that begin (or end) where nobody can: off the rim, and not where a shot does."""
    width, height = size
    x1, y1, x2, y2 = (rows[c].to_numpy(np.float64) for c in ("x1_px", "y1_px", "x2_px", "y2_px"))
    off = (x1 > _RIM * width) & (x2 < (1 - _RIM) * width)
    off &= (y1 > _RIM * height) & (y2 < (1 - _RIM) * height)
    cuts = scan.loc[scan["is_cut"], "frame"].to_numpy(np.int64)
    last = int(scan["frame"].max()) if len(scan) else int(rows["frame"].max())
    starts = np.unique(np.r_[0, cuts])
    stops = np.unique(np.r_[cuts - 1, last])
    frames, near = rows["frame"].to_numpy(np.int64), _AFTER_CUT_S * fps
    if first:
        away = frames - starts[np.searchsorted(starts, frames, side="right") - 1]
    else:
        away = stops[np.minimum(np.searchsorted(stops, frames), len(stops) - 1)] - frames
    return int((off & (away > near)).sum())


def _swaps(seen: pd.DataFrame, kit: pd.DataFrame, fps: float) -> int | None:
    """How often a track goes over from one team's colours to the other's; None without teams.

    The torso's lightness and colour, a second at a time, are held against the medians of both
    teams; two seconds on the other side after two on this one are a swap.
    """
    columns = ["torso_l", "torso_a", "torso_b"]
    rows = seen["detection_row"].to_numpy(np.int64)
    team = seen["team"].to_numpy(str)
    colour = np.full((len(seen), 3), np.nan)
    known = rows >= 0
    colour[known] = kit[columns].to_numpy(np.float64)[rows[known]]
    good = np.isfinite(colour).all(axis=1)
    of = [good & (team == name) for name in ("A", "B")]
    if min(int(mask.sum()) for mask in of) < 10:
        return None
    a, b = (np.median(colour[mask], axis=0) for mask in of)
    axis = b - a
    side = (colour - (a + b) / 2) @ axis  # below 0 it looks like team A
    swaps = 0
    ids = seen["track_id"].to_numpy(np.int64)
    part = (seen["frame"].to_numpy(np.int64) / (fps * _PART_S)).astype(np.int64)
    for track in np.unique(ids[of[0] | of[1]]):
        mine = good & (ids == track)
        parts, at = np.unique(part[mine], return_inverse=True)
        if len(parts) < _LEAST_PARTS:
            continue
        mean = np.bincount(at, side[mine]) / np.bincount(at)
        swaps += _changes(mean > 0)
    return swaps


def _changes(sides: NDArray[np.bool_]) -> int:
    """Changes of side with two parts on either side of the change."""
    a, b, c, d = sides[:-3], sides[1:-2], sides[2:-1], sides[3:]
    return int(((a == b) & (b != c) & (c == d)).sum())


def reviewed_labels(figures: Mapping[str, Any]) -> Reviewed | None:
    """What the agreement of corrected labels says (``review.agreement.Agreement.figures``)."""
    kept = int(figures["kept"]) + int(figures["moved"])
    changed = sum(figures["renamed"].values())
    added, removed = sum(figures["added"].values()), sum(figures["removed"].values())
    things = kept + changed + added + removed
    agreement = figures["agreement"]
    if not things or agreement is None:
        return None
    return Reviewed("labels", things, float(agreement) * things)


def reviewed_tracks(tracks: pd.DataFrame, corrected: Sequence[int]) -> Reviewed | None:
    """What corrections of results say: of the people followed, how many were right as they were.

    A video without corrections says nothing: nobody may have looked.
    """
    people = set(tracks.loc[tracks["class"] != "puck", "track_id"].astype(int))
    wrong = people & set(corrected)
    if not wrong:
        return None
    return Reviewed("tracks", len(people), float(len(people) - len(wrong)))
