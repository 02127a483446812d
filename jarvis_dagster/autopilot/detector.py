"""Models on probation: what becomes of a promotion once it looks at real videos.

Belongs here: which promotion is watched, which videos tell of it, taking it back and telling
people. Does not belong here: the models (``watched``), the figures and the rule
(``hockey/adaptation/probation``), deciding a promotion (``promoting``).

The state is in the registry (the last move of the champion), in the evidence and in the log of
decisions; a step that is tried again does nothing twice. A champion that a person set or rolled
back is nobody's to judge here.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from jarvis_dagster.autopilot.library import COMPONENT
from jarvis_dagster.errors import ConflictError, PermanentError
from jarvis_dagster.hockey.adaptation import Limits
from jarvis_dagster.hockey.adaptation.probation import Trial, judge, seen_by_both

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from jarvis_dagster.autopilot.library import Library
    from jarvis_dagster.autopilot.watched import WatchedModel
    from jarvis_dagster.hockey.adaptation import Evidence
    from jarvis_dagster.hockey.adaptation.probation import Seen
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.experiment.moves import Move
    from jarvis_dagster.settings import Settings

__all__ = ["BEGIN", "ModelWatch", "Probation", "is_subject"]

BEGIN = "model."
"""How the name begins under which decisions about a model are kept; no camera has a dot."""
_BEFORE = 12
"""Last videos of the former model, a camera."""
_OVER = ("model_rolled_back", "model_confirmed", "model_kept")
_OUTCOMES = {
    "rollback": "model_rolled_back",
    "warn": "model_warned",
    "confirm": "model_confirmed",
}


def is_subject(name: str) -> bool:
    """Whether decisions under that name are about a model, not a camera."""
    return name.startswith(BEGIN)


@dataclasses.dataclass(frozen=True)
class Probation:
    """A promotion that is watched, as it stands."""

    move: Move
    trial: Trial


class ModelWatch:
    """Watches the champion of one model.

    Attributes:
        of: The model.
        subject: The name under which decisions about it are kept.
    """

    def __init__(
        self, settings: Settings, core: JarvisCoreServices, library: Library, of: WatchedModel
    ) -> None:
        self._core, self._library = core, library
        self._config = settings.autopilot
        self.of, self._model = of, of.name
        self.subject = f"{BEGIN}{self._model}"

    @property
    def watches(self) -> bool:
        """Whether these settings have promotions watched at all."""
        return self.of.is_used and self._config.probation_videos > 0

    def promotion(self) -> Move | None:
        """The promotion that is on probation; None where there is none.

        Raises:
            TransientError: MLflow is away.
        """
        if not self.watches:
            return None
        moves = [m for m in self._core.experiment_service.moves(self._model) if m.alias == _ALIAS]
        if not moves or moves[-1].how != "promotion":
            return None
        over = any(
            one["move"] == moves[-1].at and one["outcome"] in _OVER
            for one in self._library.decisions(self.subject)
        )
        return None if over else moves[-1]

    def stands(self) -> Probation | None:
        """How the probation goes; None where there is none."""
        move = self.promotion()
        if move is None:
            return None
        trial = judge(
            self._seen(move),
            margin=Limits.rollback_margin,
            needed=self._config.rollback_evidence,
            videos=self._config.probation_videos,
        )
        return Probation(move, trial)

    def analyse(self, cycle: str) -> dict[str, Any]:
        """How it goes and what to do, as ``Pilot.analyse`` tells of a camera."""
        found, past = self.stands(), self._library.decisions(self.subject)
        known: dict[str, Any] = {
            "camera": self.subject,
            "cycle": cycle,
            "number": len(past) + 1,
            "action": "nothing",
            "why": "No promotion is watched.",
            "move": None,
            "trial": None,
            "from": None,
            "to": None,
        }
        if found is None:
            return known
        move, trial = found.move, found.trial
        return {
            **known,
            "action": trial.action,
            "why": trial.why,
            "move": move.at,
            "trial": trial.to_json(),
            "from": move.to,
            "to": move.came_from,
        }

    def act(self, analysed: dict[str, Any], now: datetime.datetime) -> dict[str, Any]:
        """Do it and record it; returns the decision. Rounds that do nothing are not recorded."""
        past = self._library.decisions(self.subject)
        if len(past) >= analysed["number"]:
            return past[analysed["number"] - 1]
        decision = {
            **{key: analysed[key] for key in ("camera", "cycle", "number", "action", "why")},
            **{key: analysed[key] for key in ("move", "trial", "from", "to")},
            "at": now.isoformat(timespec="milliseconds"),
            "by": COMPONENT,
            "outcome": _OUTCOMES.get(analysed["action"], analysed["action"]),
            "settles": None,
            "cpu_minutes": 0.0,
        }
        if analysed["action"] not in _OUTCOMES or self._was_said(analysed, past):
            return decision
        if analysed["action"] == "rollback":
            decision |= self._taken_back(analysed)
        if decision["outcome"] != "model_confirmed":
            self._tell(decision)  # before it is recorded: rather twice than never
        return self._library.record(decision)

    # -- within --------------------------------------------------------------------

    def _was_said(self, analysed: dict[str, Any], past: Sequence[dict[str, Any]]) -> bool:
        """Whether people were warned of the same cameras before."""
        worse = set(analysed["trial"]["worse_on"])
        return analysed["action"] == "warn" and any(
            one["move"] == analysed["move"] and worse <= set(one["trial"]["worse_on"])
            for one in past
            if one["outcome"] == "model_warned"
        )

    def _taken_back(self, analysed: dict[str, Any]) -> dict[str, str]:
        """Make the former champion the champion, unless somebody was quicker."""
        registry, why = self._core.experiment_service, analysed["why"]
        try:
            registry.move_alias(
                self._model,
                _ALIAS,
                analysed["to"],
                by=COMPONENT,
                why=why,
                how="rollback",
                expected=analysed["from"],
            )
        except ConflictError:
            last = [m for m in registry.moves(self._model) if m.alias == _ALIAS][-1]
            mine = (last.by, last.how, last.to) == (COMPONENT, "rollback", analysed["to"])
            if not mine:  # else this step did it, and was stopped before it said so
                said = f"{why} But {last.by} moved the champion meanwhile."
                return {"outcome": "model_kept", "why": said}
        except PermanentError as error:  # the former version is gone
            return {"outcome": "model_kept", "why": f"{why} It cannot be taken back: {error}"}
        return {}

    def _tell(self, decision: dict[str, Any]) -> None:
        from jarvis_dagster.services.notification.notice import Notice

        before, after = (self.of.label(decision[key]) for key in ("to", "from"))
        done, again = decision["outcome"] == "model_rolled_back", decision["to"] or "packaged"
        summary = (
            f"{after[0].upper()}{after[1:]} of {self._model} was taken back: what looks at videos"
            f" again is {before}."
            if done
            else f"Videos are seen worse since {after} of {self._model} was promoted."
        )
        remedy = (
            "`jarvis autopilot log` shows the videos. Correct some of them, so that a training"
            " learns from what was missed."
            if done
            else "Look at the videos by `jarvis autopilot log`; `jarvis models rollback` takes the"
            " promotion back."
        )
        trial = decision["trial"]
        self._core.notification_service.notify(
            Notice(
                event=decision["outcome"],
                summary=summary,
                severity="warning",
                remedy=remedy,
                details={"Why": decision["why"], "Videos": str(trial["videos"])},
                component=COMPONENT,
                cause=f"{decision['outcome']}:{self._model}:{again}:{decision['move']}",
            )
        )

    def _seen(self, move: Move) -> list[Seen]:
        """The videos of each camera on both sides of the promotion."""
        former, new = self._digest(move.came_from), self._digest(move.to)
        cameras: dict[str, list[Evidence]] = {}
        for one in self._library.evidence():
            cameras.setdefault(one.camera, []).append(one)
        return [
            self._of_camera(name, videos, move.at, former, new) for name, videos in cameras.items()
        ]

    def _of_camera(
        self, name: str, videos: Sequence[Evidence], when: str, former: str, new: str
    ) -> Seen:
        # A version names the files of the detector, and of whoever reads roles after it.
        before = [v for v in videos if v.at <= when and self.of.saw(v, former)]
        after = [v for v in videos if v.at > when and self.of.saw(v, new)]
        if before:  # other parameters see otherwise, whatever the model
            in_force = before[-1].parameters
            before = [v for v in before if v.parameters == in_force][-_BEFORE:]
            after = [v for v in after if v.parameters == in_force]
        kept = self._library.reference(name, before[-1].model_version) if before else None
        usual = [
            v
            for v in videos
            if kept is not None
            and v.video in kept.videos
            and v.model_version == kept.model_version  # not if it was analysed again
        ]
        return seen_by_both(name, usual, before, after, self.of.figure)

    def _digest(self, version: str | None) -> str:
        """What stands in tables for a registered model, or for what looks without one."""
        if version is None:
            if self.of.prefix:
                return ""
            from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
            from jarvis_dagster.services.files import sha256_file

            return sha256_file(PACKAGED_WEIGHTS)[:_DIGITS]
        found = self._core.experiment_service.model(self._model, version)
        return "gone" if found is None else found.sha256[:_DIGITS]


_ALIAS = "champion"
_DIGITS = 8
