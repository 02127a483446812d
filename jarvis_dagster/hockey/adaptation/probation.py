"""A new model on probation: whether videos are seen worse than before it, beyond luck.

Belongs here: figures before and after, and the rule. Does not belong here: which model was
promoted and when, taking it back (``jarvis_dagster.autopilot``).

A detector's own reference cannot tell that it is worse than another: it is made of what the
detector itself finds. So videos before and after are held against the *former* detector's
reference, in what two detectors share (``performance.measure_across``); likewise who reads roles
(``measure_reading``). Each camera has its own
limit, what it was before; evidence is gathered over the videos of all cameras in the order in
which they came, since there is one detector for all of them. What the light did is not the
detector's doing: a video that was filmed in other light counts for nothing.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.adaptation.looks import MEASURES
from jarvis_dagster.hockey.adaptation.performance import mean_performance, measure_across
from jarvis_dagster.hockey.adaptation.reference import Usual, reference_of
from jarvis_dagster.hockey.adaptation.sequential import evidence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jarvis_dagster.hockey.adaptation.evidence import Evidence
    from jarvis_dagster.hockey.adaptation.performance import Part, Performance
    from jarvis_dagster.hockey.adaptation.reference import Reference
    from jarvis_dagster.hockey.promotion import Interval

__all__ = ["LEAST_BEFORE", "Seen", "Trial", "judge", "seen_by_both"]

LEAST_BEFORE = 3
"""Videos of a camera before the promotion that a comparison needs."""
_LEAST_LEFT = 3
_SAME_LIGHT = 0.9
_FLOOR, _CEILING = 0.05, 0.95


@dataclasses.dataclass(frozen=True)
class Seen:
    """What one camera shows of both detectors.

    Attributes:
        before: Figures of the last videos of the former detector.
        after: Of each video of the new one: when it was analysed, and its figure.
        other_light: How many videos of the new one were filmed in other light.
        lacks: Why nothing can be compared; empty where it can.
    """

    camera: str
    before: tuple[float, ...]
    after: tuple[tuple[str, float], ...]
    other_light: int
    lacks: str = ""

    def limit(self, margin: float) -> float:
        """What performance must hold: less than it was, and less than luck explains.

        What it was is an estimate from few videos, so its interval counts too.
        """
        level = self.level
        held = min(level.estimate - margin, level.low)
        return min(max(held, _FLOOR), _CEILING)

    @property
    def level(self) -> Interval:
        """Performance before, with its interval."""
        level = mean_performance(self.before)
        if level is None:
            raise AssertionError("it lacks nothing")
        return level


@dataclasses.dataclass(frozen=True)
class Trial:
    """How the probation goes.

    Attributes:
        action: ``gather``, ``watch``, ``rollback``, ``warn`` or ``confirm``.
        videos: That count, of all cameras.
        evidence: That it is worse than before, over all cameras, as `n` to 1.
        cameras: By name: ``before``, ``limit``, ``after`` (means), ``videos``, ``other_light``,
            ``evidence``, and ``lacks``.
        worse_on: Cameras on which it surely is.
    """

    action: str
    why: str
    videos: int
    evidence: float
    needed: float
    cameras: dict[str, dict[str, Any]]
    worse_on: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)


def seen_by_both(
    camera: str,
    reference: Sequence[Evidence],
    before: Sequence[Evidence],
    after: Sequence[Evidence],
    figure: Callable[
        [Evidence, Reference, Mapping[str, Usual]], tuple[Performance, Part]
    ] = measure_across,
) -> Seen:
    """Figures of a camera's videos on both sides of a promotion.

    Args:
        reference: The videos of the former detector's reference; those before, where it has none.
        before, after: The last videos of the former model, and those of the new one.
        figure: Of a video beside the reference, with the picture's part.
    """
    usual = list(reference) if len(reference) > _LEAST_LEFT else list(before)
    if len(before) < LEAST_BEFORE or len(usual) <= _LEAST_LEFT:
        lacks = (
            f"the former one saw {max(len(before), len(usual))} videos of this camera;"
            f" {_LEAST_LEFT + 1} are needed"
        )
        return Seen(camera, (), (), 0, lacks)
    looks = _looks([*usual, *before])
    whole = reference_of(usual)
    known = []
    for one in before:
        # A video that the reference was made of would be held against itself.
        others = [other for other in usual if other.video != one.video]
        held = whole if len(others) == len(usual) else reference_of(others)
        known.append(figure(one, held, looks)[0].value)
    figures = [value for value in known if value is not None]
    if len(figures) < LEAST_BEFORE:
        lacks = f"the figure is known of {len(figures)} videos before; {LEAST_BEFORE} are needed"
        return Seen(camera, (), (), 0, lacks)
    there, other_light = [], 0
    for one in after:
        made, image = figure(one, whole, looks)
        if image.value is not None and image.value < _SAME_LIGHT:
            other_light += 1
        elif made.value is not None:
            there.append((one.at, made.value))
    return Seen(camera, tuple(figures), tuple(there), other_light)


def judge(seen: Sequence[Seen], *, margin: float, needed: float, videos: int) -> Trial:
    """What the figures of all cameras say of the new detector.

    Args:
        margin: How far below what it was performance may be.
        needed: Evidence that counts; for one camera alone, as many times as there are cameras.
        videos: After so many the probation is over.
    """
    limits = {one.camera: one.limit(margin) for one in seen if not one.lacks}
    falls = sorted(
        (at, one.camera, limits[one.camera] - value) for one in seen for at, value in one.after
    )
    # On one scale, so that what one camera wins and another loses is weighed against each other.
    room = max((1 - limit for limit in limits.values()), default=1.0)
    path = evidence_of(fall / room for _, _, fall in falls)
    now = path[-1] if path else 1.0
    cameras = {one.camera: _told(one, limits, falls) for one in seen}
    sure = needed * max(len(limits), 1)
    worse = tuple(name for name, told in cameras.items() if told["evidence"] >= sure)

    def chosen(action: str, why: str) -> Trial:
        return Trial(action, why, len(falls), now, needed, cameras, worse)

    if not limits:
        lacks = "; ".join(f"{one.camera}: {one.lacks}" for one in seen) or "no camera is known"
        return chosen("gather", f"Before and after cannot be compared: {lacks}.")
    if not falls:
        return chosen("gather", "No video was seen by the new one yet that can be compared.")
    if now >= needed:
        return chosen(
            "rollback",
            f"Videos are seen worse than by the former one: the evidence is {now:.0f} to 1"
            f" after {len(falls)} videos, and {needed:.0f} to 1 counts. {_said(cameras)}",
        )
    if worse:
        return chosen(
            "warn",
            f"On {', '.join(worse)} videos are seen worse than by the former one, on the whole"
            f" they are not: a person has to decide. {_said(cameras)}",
        )
    if len(falls) >= videos:
        return chosen(
            "confirm",
            f"{len(falls)} videos are not seen worse than before: the evidence is {now:.1f} to 1."
            f" {_said(cameras)}",
        )
    watched = f"{len(falls)} of {videos} videos: the evidence that they are seen worse than before"
    return chosen("watch", f"{watched} is {now:.1f} to 1, and {needed:.0f} to 1 counts.")


def _looks(videos: Sequence[Evidence]) -> dict[str, Usual]:
    """The pictures as filmed, of at least three videos."""
    looks = {one.video: one.raw_look.measures for one in videos if one.raw_look is not None}
    if len(looks) < _LEAST_LEFT:
        return {}
    return {name: Usual(tuple(look[name] for look in looks.values())) for name in MEASURES}


def _told(
    one: Seen, limits: Mapping[str, float], falls: Sequence[tuple[str, str, float]]
) -> dict[str, Any]:
    """A camera's part of a trial, as a document."""
    if one.lacks:
        return {"lacks": one.lacks, "evidence": 1.0, "videos": 0}
    room = 1 - limits[one.camera]
    path = evidence_of(fall / room for _, camera, fall in falls if camera == one.camera)
    values = [value for _, value in one.after]
    return {
        "lacks": "",
        "before": round(one.level.estimate, 4),
        "limit": round(limits[one.camera], 4),
        "after": round(sum(values) / len(values), 4) if values else None,
        "videos": len(values),
        "other_light": one.other_light,
        "evidence": path[-1] if path else 1.0,
    }


def _said(cameras: Mapping[str, dict[str, Any]]) -> str:
    """Before and after, camera by camera."""
    said = [
        f"{name} {told['before']:.2f} → {told['after']:.2f} ({told['videos']} videos)"
        for name, told in cameras.items()
        if not told["lacks"] and told["after"] is not None
    ]
    return f"Performance before and after: {', '.join(said)}."
