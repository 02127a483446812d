"""How a camera stands, from what is kept of it.

Belongs here: evidence and decisions put together. Does not belong here: what follows from it
(``hockey/adaptation/policy``).
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.adaptation import (
    Evidence,
    Limits,
    Parameters,
    Performance,
    Reference,
    Standing,
    measure,
    reference_of,
)
from jarvis_dagster.hockey.adaptation.looks import MEASURES
from jarvis_dagster.hockey.adaptation.policy import Change
from jarvis_dagster.hockey.adaptation.reference import Usual

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.autopilot.config import AutopilotConfig
    from jarvis_dagster.autopilot.library import Current, Library

__all__ = ["Camera", "limits_of"]

_ATTEMPTS = ("adapted", "kept", "asked", "rejected", "retraining", "rolled_back", "set")
_SHOWN = 12
_LEAST_LOOKS = 3


@dataclasses.dataclass(frozen=True)
class Camera:
    """A camera as it stands.

    Attributes:
        evidence: Of all its videos, in the order of analysis.
        recent: Of those analysed with what is in force, after the reference and the last change.
        figures: Performance of ``recent``.
        fitted: By the id of parameters, the looks as filmed that they were found for.
        references: By version of the detector.
    """

    name: str
    evidence: tuple[Evidence, ...]
    reference: Reference | None
    current: Current
    decisions: tuple[dict[str, Any], ...]
    recent: tuple[Evidence, ...]
    figures: tuple[Performance, ...]
    standing: Standing
    fitted: dict[str, dict[str, Usual]]
    references: dict[str, Reference]

    @classmethod
    def read(
        cls, library: Library, config: AutopilotConfig, name: str, now: datetime.datetime
    ) -> Camera:
        """Read it, and freeze its reference if that is due."""
        evidence = [one for one in library.evidence() if one.camera == name]
        decisions = library.decisions(name)
        current = library.current(name)
        reference = _reference(library, config, evidence)
        since = max((d["at"] for d in decisions if d["outcome"] in _MOVES), default="")
        known = set() if reference is None else set(reference.videos)
        recent = [
            one
            for one in evidence
            if one.at > since
            and one.parameters == current.parameters
            and one.video not in known
            and (reference is None or one.model_version == reference.model_version)
        ]
        fitted, every = _fitted(decisions), library.decisions()
        figures = [measure(one, reference, fitted.get(one.parameters.id)) for one in recent]
        standing = Standing(
            figures=tuple(one.value for one in figures if one.value is not None),
            videos=len(evidence),
            has_reference=reference is not None,
            adapted=not current.parameters.is_neutral,
            past=_past(decisions, every, evidence),
            cpu_minutes_today=_used(every, now),
        )
        return cls(
            name,
            tuple(evidence),
            reference,
            current,
            tuple(decisions),
            tuple(recent),
            tuple(figures),
            standing,
            fitted,
            {
                version: kept
                for version in sorted({one.model_version for one in evidence})
                if (kept := library.reference(name, version)) is not None
            },
        )

    def figure(self, video: Evidence) -> Performance:
        """Performance of a video, with whatever detector and parameters it was seen."""
        reference = self.references.get(video.model_version)
        return measure(video, reference, self.fitted.get(video.parameters.id))

    @property
    def training(self) -> dict[str, Any] | None:
        """The decision by which a training was started that has not been concluded."""
        settled = {one.get("settles") for one in self.decisions}
        begun = [one for one in self.decisions if one["outcome"] == "retraining"]
        return begun[-1] if begun and begun[-1]["number"] not in settled else None

    @property
    def pending(self) -> dict[str, Any] | None:
        """The last decision that a person was asked about, until it is settled."""
        settled = {one.get("settles") for one in self.decisions}
        asked = [one for one in self.decisions if one["outcome"] == "asked"]
        return asked[-1] if asked and asked[-1]["number"] not in settled else None

    def seen(self) -> dict[str, Any]:
        """What the decision rests on, as a document: the last videos, drift, what is missing."""
        from jarvis_dagster.hockey.adaptation.drift import drift_of

        drift = None
        if self.reference is not None and self.recent:
            drift = drift_of(self.recent[-3:], self.reference).to_json()
        names = {one.video: one.name for one in self.recent}
        last = self.figures[-1] if self.figures else None
        return {
            "videos": len(self.evidence),
            "reference": list(self.reference.videos) if self.reference else [],
            "recent": [
                {**one.to_json(), "name": names[one.video]} for one in self.figures[-_SHOWN:]
            ],
            "looks": _looks(self.recent[-_SHOWN:]),
            "drift": drift,
            "lacks": last.lacks if last is not None else {},
        }


def _looks(videos: Sequence[Evidence]) -> dict[str, list[float]]:
    """The measures of these videos as filmed; those of at least three."""
    looks = [one.raw_look.measures for one in videos if one.raw_look is not None]
    if len(looks) < _LEAST_LOOKS:
        return {}
    return {name: [look[name] for look in looks] for name in MEASURES}


def _fitted(decisions: Sequence[dict[str, Any]]) -> dict[str, dict[str, Usual]]:
    """See ``Camera.fitted``: what was seen when parameters were last found."""
    found = {}
    for one in decisions:
        looks = one["seen"].get("looks")
        if one["outcome"] == "adapted" and looks:
            name = Parameters.from_json(one["after"]["parameters"]).id
            found[name] = {measure: Usual(tuple(values)) for measure, values in looks.items()}
    return found


_MOVES = ("adapted", "rolled_back", "set", "promoted")
"""Outcomes after which videos are seen otherwise than before."""


def _reference(
    library: Library, config: AutopilotConfig, evidence: Sequence[Evidence]
) -> Reference | None:
    """The reference for the detector in use, frozen when enough videos are there."""
    if not evidence:
        return None
    version = evidence[-1].model_version
    known = library.reference(evidence[-1].camera, version)
    if known is not None:
        return known
    # Of one detector and one set of parameters: others find other people.
    first = [one for one in evidence if one.model_version == version]
    first = [one for one in first if one.parameters == first[0].parameters]
    if len(first) < config.reference_videos:
        return None
    made = reference_of(first[: config.reference_videos])
    library.keep_reference(made)
    return made


def _past(
    decisions: Sequence[dict[str, Any]],
    every: Sequence[dict[str, Any]],
    evidence: Sequence[Evidence],
) -> tuple[Change, ...]:
    """Attempts of a camera; a detector that was taken back is one of every camera."""
    made = [_change(one) for one in decisions if one["outcome"] in _ATTEMPTS]
    for one in every:
        if one["outcome"] == "model_rolled_back":
            at, seen = one["at"], sum(video.at <= one["at"] for video in evidence)
            made.append(Change(datetime.datetime.fromisoformat(at), one["outcome"], None, seen))
    return tuple(sorted(made, key=lambda change: change.at))


def _change(decision: dict[str, Any]) -> Change:
    level = (decision["plan"] or {}).get("performance")
    return Change(
        at=datetime.datetime.fromisoformat(decision["at"]),
        kind=decision["outcome"],
        before=None if level is None else float(level["estimate"]),
        videos_before=int(decision["seen"]["videos"]),
    )


def _used(decisions: Sequence[dict[str, Any]], now: datetime.datetime) -> float:
    """CPU minutes of searches in the last 24 hours."""
    since = now - datetime.timedelta(days=1)
    return sum(
        float(one["cpu_minutes"])
        for one in decisions
        if datetime.datetime.fromisoformat(one["at"]) > since
    )


def limits_of(config: AutopilotConfig) -> Limits:
    """What the settings agree on."""
    return Limits(
        performance=config.performance,
        evidence=config.evidence,
        rollback_evidence=config.rollback_evidence,
        cooldown_videos=config.cooldown_videos,
        cooldown_hours=config.cooldown_hours,
        changes_a_week=config.changes_a_week,
        cpu_minutes_a_day=config.cpu_minutes_a_day,
    )
