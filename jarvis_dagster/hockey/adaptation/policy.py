"""What to do about a camera: a pure function of what was seen and decided.

Belongs here: the rule, in the order in which it asks. Does not belong here: searching, judging,
keeping anything.

It never acts on drift, on one video, or on an estimate: only when the evidence that performance
is below the limit is strong, however often it looked (``sequential``).
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.adaptation.sequential import Fall, fallen

if TYPE_CHECKING:
    from jarvis_dagster.hockey.promotion import Interval

__all__ = ["ACTIONS", "Change", "Limits", "Plan", "Standing", "plan"]

ACTIONS = {
    "gather": "more must be known before anything can be said",
    "nothing": "performance is as it should be",
    "watch": "performance may be too low, but luck could explain it",
    "wait": "something should be done, and may not be done yet",
    "adapt": "performance is too low: better parameters are looked for",
    "rollback": "the last change made it worse: it is taken back",
}
"""What can be decided, and how it reads."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """What was agreed.

    Attributes:
        performance: Below it, something is done.
        evidence: False alarms are at least so many videos apart, on average.
        rollback_evidence: The same, for taking a change back.
        rollback_margin: How far below what it was before performance may be after a change.
        cooldown_videos, cooldown_hours: Least between an attempt and the next.
        changes_a_week: Most.
        cpu_minutes_a_day: That searches of all cameras may use together.
    """

    performance: float = 0.8
    evidence: float = 20.0
    rollback_evidence: float = 10.0
    rollback_margin: float = 0.02
    cooldown_videos: int = 3
    cooldown_hours: float = 6.0
    changes_a_week: int = 3
    cpu_minutes_a_day: float = 60.0


@dataclasses.dataclass(frozen=True)
class Change:
    """An attempt of the past: a search, or a change of parameters.

    Attributes:
        kind: ``adapted``, ``kept``, ``asked``, ``rolled_back`` …
        before: Mean performance before it, where it was known.
        videos_before: How many videos had been seen then.
    """

    at: datetime.datetime
    kind: str
    before: float | None
    videos_before: int

    @property
    def moved(self) -> bool:
        """Whether parameters changed by it."""
        return self.kind in {"adapted", "rolled_back", "set"}


@dataclasses.dataclass(frozen=True)
class Standing:
    """A camera as it stands.

    Attributes:
        figures: Performance of each video that was analysed with the parameters in force, since
            the last change, in order; those without a figure are left out.
        videos: All videos of the camera so far.
        has_reference: Whether there is one.
        adapted: Whether the parameters in force are other than neutral.
        past: Attempts, the oldest first.
        cpu_minutes_today: That searches used.
    """

    figures: tuple[float, ...]
    videos: int
    has_reference: bool
    adapted: bool
    past: tuple[Change, ...] = ()
    cpu_minutes_today: float = 0.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to do and why, with the figures that say so."""

    action: str
    why: str
    performance: Interval | None
    fall: Fall
    relapse: Fall | None

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)


def plan(standing: Standing, limits: Limits, now: datetime.datetime) -> Plan:
    """The next step for a camera."""
    from jarvis_dagster.hockey.adaptation.performance import mean_performance

    figures = standing.figures
    fall = fallen(figures, limits.performance, limits.evidence)
    last = next((one for one in reversed(standing.past) if one.moved), None)
    relapse = None
    if last is not None and last.kind == "adapted" and last.before is not None:
        floor = min(max(last.before - limits.rollback_margin, 0.05), 0.95)
        relapse = fallen(figures, floor, limits.rollback_evidence)
    level = mean_performance(figures)

    def chosen(action: str, why: str) -> Plan:
        return Plan(action, why, level, fall, relapse)

    if relapse is not None and relapse.is_sure and standing.adapted:
        return chosen(
            "rollback",
            f"Since the last change performance is below the {relapse.limit:.2f} that it must"
            f" hold (it was {last.before if last else 0:.2f} before): the evidence is"
            f" {relapse.now:.0f} to 1, and {relapse.needed:.0f} to 1 counts.",
        )
    if not figures:
        what = "no video was analysed" if standing.has_reference else "there is no reference yet"
        since = " since the last change" if last is not None and standing.has_reference else ""
        return chosen("gather", f"Performance is not known: {what}{since}.")
    if not fall.is_sure:
        if fall.now >= limits.evidence**0.5:
            return chosen(
                "watch",
                f"Performance may be below {limits.performance:.2f}: the evidence is"
                f" {fall.now:.1f} to 1, and {fall.needed:.0f} to 1 counts.",
            )
        return chosen("nothing", f"There is no evidence that performance is below {fall.limit:.2f}")
    sure = (
        f"Performance is below {limits.performance:.2f}: the evidence is {fall.now:.0f} to 1"
        f" after {len(figures)} videos."
    )
    stop = _not_yet(standing, limits, now)
    return chosen("wait", f"{sure} {stop}") if stop else chosen("adapt", sure)


def _not_yet(standing: Standing, limits: Limits, now: datetime.datetime) -> str:
    """Why nothing may be done now; "" where it may."""
    if standing.cpu_minutes_today >= limits.cpu_minutes_a_day:
        return (
            f"The {limits.cpu_minutes_a_day:g} CPU minutes that a day's searches may use are used."
        )
    week = now - datetime.timedelta(days=7)
    moves = sum(one.moved and one.at > week for one in standing.past)
    if moves >= limits.changes_a_week:
        return f"There were {moves} changes in seven days, and more are not allowed."
    if not standing.past:
        return ""
    last = standing.past[-1]
    videos = standing.videos - last.videos_before
    if videos < limits.cooldown_videos:
        return (
            f"Only {videos} videos came since the last attempt; {limits.cooldown_videos} are"
            " awaited."
        )
    hours = (now - last.at).total_seconds() / 3600
    if hours < limits.cooldown_hours:
        return f"The last attempt was {hours:.1f} hours ago; {limits.cooldown_hours:g} are awaited."
    return ""
