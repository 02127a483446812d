"""The Autopilot's steps: collect, analyse, search, act.

Belongs here: the order within a step, and what is recorded. Does not belong here: the rule
(``hockey/adaptation/policy``), what is tried on what (``trying``), where things are kept
(``library``), when steps run (``workflows/autopilot``).

Each step takes and returns JSON, may run on any machine, and may be run again: what is done
already is not done twice.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.autopilot.collecting import collect
from jarvis_dagster.autopilot.detector import ModelWatch, is_subject
from jarvis_dagster.autopilot.library import COMPONENT, Library
from jarvis_dagster.autopilot.outcomes import (
    ANSWERS,
    ROUTINE,
    outcome_of,
    training_of,
    while_training,
)
from jarvis_dagster.autopilot.retraining import Retraining
from jarvis_dagster.autopilot.standing import Camera, limits_of
from jarvis_dagster.autopilot.trying import NOT_TRIED, Tryout
from jarvis_dagster.autopilot.watched import watched_models
from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.hockey.adaptation import NEUTRAL, Parameters, plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

    Progress = Callable[[str, int, int], None]
    Clock = Callable[[], datetime.datetime]

__all__ = ["Pilot"]


def _silent(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Pilot:
    """The steps, on the services of some settings.

    Args:
        progress: Called with what is done, how much of it, and how much in all.
    """

    def __init__(
        self,
        settings: Settings,
        core: JarvisCoreServices,
        *,
        progress: Progress = _silent,
        clock: Clock = _now,
    ) -> None:
        self.settings, self.core = settings, core
        self.config = settings.autopilot
        self.library = Library(core.storage_service)
        self.detector, self.roles = self.watches = tuple(
            ModelWatch(settings, core, self.library, one) for one in watched_models(settings)
        )
        self._progress, self._clock = progress, clock

    # -- steps ---------------------------------------------------------------------

    def collect(self) -> dict[str, Any]:
        """Read what is new; ``changed`` videos, and all ``cameras``.

        Promoted models that are on probation come last, as if they were cameras.
        """
        changed = collect(
            self.library,
            self.config,
            lambda done, total: self._progress("Reading videos", done, total),
        )
        return {"changed": changed, "cameras": [*self.cameras(), *self._watched()]}

    def cameras(self) -> list[str]:
        """Every camera that filmed a video so far."""
        return sorted({one.camera for one in self.library.evidence()})

    def camera(self, name: str) -> Camera:
        """A camera as it stands."""
        return Camera.read(self.library, self.config, name, self._clock())

    def analyse(self, camera: str, cycle: str) -> dict[str, Any]:
        """How a camera stands, and what to do; see ``act`` for what becomes of it.

        Args:
            cycle: What this round is known by, so that a step that is tried again is told.
        """
        if is_subject(camera):
            return self._watch(camera).analyse(cycle)
        found = self.camera(camera)
        made = plan(found.standing, limits_of(self.config), self._clock())
        action, why = made.action, made.why
        pending, begun, training = found.pending, found.training, None
        if pending is not None:
            action, why = self._answer(pending, action, why)
        elif begun is not None:
            training = Retraining(self.settings, self.core).look(begun["training"])
            action, why = while_training(training, action, why)
        settled = {"conclude": begun, **dict.fromkeys(ANSWERS, pending)}.get(action)
        if made.performance is not None:
            self.core.analytics_service.log_metric(
                "jarvis_autopilot_performance",
                made.performance.estimate,
                {"camera": camera},
                component=COMPONENT,
            )
        return {
            "camera": camera,
            "cycle": cycle,
            "number": len(found.decisions) + 1,
            "fingerprint": _digest([one.to_json() for one in found.evidence]),
            "action": action,
            "why": why,
            "plan": made.to_json(),
            "seen": found.seen(),
            "version": found.current.version,
            "before": found.current.parameters.to_json(),
            "settles": settled["number"] if settled else None,
            "training": training,
        }

    def search(self, analysed: dict[str, Any]) -> dict[str, Any]:
        """Look for better parameters and judge them on videos that the search did not see."""
        found = self.camera(analysed["camera"])
        trying = Tryout(self.settings, self.core, self.library, found, self._progress)
        try:
            return trying.run(Parameters.from_json(analysed["before"]))
        except PermanentError as error:  # an attempt too: it is not to be made again at once
            return {**NOT_TRIED, "material": "", "why": f"The search failed: {error}"}

    def act(
        self, analysed: dict[str, Any], tried: dict[str, Any] | None, waiter: str | None = None
    ) -> dict[str, Any]:
        """Do what was decided, and record it; returns the decision.

        A round that changes nothing and saw nothing new is not recorded.

        Args:
            waiter: The workflow that is told when a person decides.
        """
        camera, number = analysed["camera"], analysed["number"]
        if is_subject(camera):
            return self._settled(self._watch(camera).act(analysed, self._clock()))
        past = self.library.decisions(camera)
        if len(past) >= number:  # the step ran before, or somebody else was quicker
            return self._settled(past[number - 1])  # who may have died before it was counted
        outcome, why, after = outcome_of(analysed, tried, past)
        approval = None
        if outcome == "adapted" and analysed["settles"] is None and tried is not None:
            outcome, why, approval = self._asked(analysed, tried, after, why, waiter)
        last = past[-1] if past else None
        same = last is not None and last["fingerprint"] == analysed["fingerprint"]
        if outcome in ROUTINE and same and last is not None and last["outcome"] == outcome:
            return last
        decision = {
            **{key: analysed[key] for key in ("camera", "cycle", "number", "fingerprint")},
            **{key: analysed[key] for key in ("action", "seen", "plan")},
            "at": self._clock().isoformat(timespec="milliseconds"),
            "by": COMPONENT,
            "outcome": outcome,
            "why": why,
            "tried": tried,
            "before": {"version": analysed["version"], "parameters": analysed["before"]},
            "after": None,
            "training": training_of(analysed, outcome, past),
            "approval": approval,
            "settles": analysed["settles"],
            "cpu_minutes": 0.0 if tried is None else tried["cpu_minutes"],
        }
        if outcome in {"adapted", "rolled_back"}:
            moved = self.library.put_in_force(camera, after)
            decision["after"] = {"version": moved.version, "parameters": after.to_json()}
        elif outcome == "asked":
            decision["after"] = {"version": None, "parameters": after.to_json()}
        elif outcome == "retraining" and tried is not None:
            try:
                decision["training"] = Retraining(self.settings, self.core).start(tried["retrain"])
            except PermanentError as error:
                decision |= {"outcome": "kept", "why": f"{why} It cannot be started: {error}"}
        decision = self.library.record(decision)
        if outcome == "adapted" and analysed["action"] == "apply":
            asked = past[analysed["settles"] - 1]
            self.core.approval_service.applied(asked["approval"])
        return self._settled(decision)

    def look(self, cycle: str) -> list[dict[str, Any]]:
        """A whole round, here and now; the decisions of all cameras."""
        made = []
        for camera in self.collect()["cameras"]:
            analysed = self.analyse(camera, cycle)
            tried = self.search(analysed) if analysed["action"] == "adapt" else None
            made.append(self.act(analysed, tried))
        return made

    def set_version(self, camera: str, version: int, *, by: str, why: str) -> dict[str, Any]:
        """Put earlier parameters of a camera in force by hand, and record it.

        Raises:
            BadInputError: there is no such version.
        """
        found = self.camera(camera)
        versions = {0: NEUTRAL, **self.library.versions(camera)}
        if version not in versions or not found.evidence:
            raise BadInputError(
                f"Camera {camera} has no version {version}.",
                f"There are: {', '.join(str(number) for number in versions)}.",
            )
        moved = self.library.put_in_force(camera, versions[version])
        made = plan(found.standing, limits_of(self.config), self._clock())
        decision = {
            "camera": camera,
            "cycle": "by hand",
            "number": len(found.decisions) + 1,
            "fingerprint": "",
            "action": "set",
            "seen": found.seen(),
            "plan": made.to_json(),
            "at": self._clock().isoformat(timespec="milliseconds"),
            "by": by,
            "outcome": "set",
            "why": f"{by}: {why}",
            "tried": None,
            "before": {
                "version": found.current.version,
                "parameters": found.current.parameters.to_json(),
            },
            "after": {"version": moved.version, "parameters": moved.parameters.to_json()},
            "training": None,
            "approval": None,
            "settles": None,
            "cpu_minutes": 0.0,
        }
        return self._settled(self.library.record(decision))

    # -- within --------------------------------------------------------------------

    def _watched(self) -> list[str]:
        """The models that are on probation, or of which that is not known now."""

        def is_watched(one: ModelWatch) -> bool:
            try:
                return one.promotion() is not None
            except TransientError:  # the next step is tried again, and tells
                return True

        return [one.subject for one in self.watches if is_watched(one)]

    def _watch(self, subject: str) -> ModelWatch:
        for one in self.watches:
            if one.subject == subject:
                return one
        raise BadInputError(
            f"No model of these settings is kept as {subject}.",
            "promotion.model and promotion.roles_model name them.",
        )

    def _asked(
        self,
        analysed: dict[str, Any],
        tried: dict[str, Any],
        after: Parameters,
        why: str,
        waiter: str | None,
    ) -> tuple[str, str, str | None]:
        """Whether it may be done at once, or a person is asked: outcome, why, approval's id."""
        proof = tried["verdict"]["proof"]
        answer = self.core.approval_service.ask(
            "parameters",
            f"camera {analysed['camera']}",
            {"from": analysed["before"], "to": after.to_json(), "decision": analysed["number"]},
            {f"figure on {tried['material']}"[:120]: (proof["current"], proof["candidate"])},
            title=f"Look at videos of camera {analysed['camera']} with {after.words}",
            by=COMPONENT,
            waiter=waiter,
        )
        if answer.allowed:
            return "adapted", why, answer.id or None
        return "asked", f"{why} A person has to approve it.", answer.id

    def _answer(self, pending: dict[str, Any], action: str, why: str) -> tuple[str, str]:
        """What became of a question to a person: apply, drop, or go on with nothing new."""
        number = pending["number"]
        answer = self.core.approval_service.get(pending["approval"])
        said = f" {answer.reason}" if answer.reason else ""
        if answer.allowed:
            return "apply", f"{answer.decided_by} approved decision {number}.{said}"
        if answer.state != "waiting":
            by = f" by {answer.decided_by}" if answer.decided_by else ""
            return "drop", f"Decision {number} was {answer.state}{by}.{said}"
        if action in {"adapt", "nothing", "watch", "wait"}:
            return "wait", f"Decision {number} waits for a person's approval. {why}"
        return action, why

    def _settled(self, decision: dict[str, Any]) -> dict[str, Any]:
        """Count a decision, however often it is told."""
        analytics, camera = self.core.analytics_service, {"camera": decision["camera"]}
        once = f"{decision['camera']} {decision['number']} {decision['outcome']}"
        analytics.log_counter(
            "jarvis_autopilot_decisions",
            labels={**camera, "outcome": decision["outcome"]},
            component=COMPONENT,
            event_id=once,
        )
        if decision["outcome"] == "adapted":
            analytics.log_counter(
                "autonomous_adaptation", labels=camera, component=COMPONENT, event_id=once
            )
        return decision


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
