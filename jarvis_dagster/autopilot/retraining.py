"""Retraining: a training that the Autopilot started, and what became of it.

Belongs here: what is asked of the Toolchain, and reading how it ended. Does not belong here: when
a training is worth it (``trying``), training and deciding themselves (``toolchain``,
``promoting``).

The Toolchain trains by Dagster on what people corrected, registers the challenger, and has it
judged on the frozen games; the registry and the approvals say how that went.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import JarvisError

if TYPE_CHECKING:
    from jarvis_dagster.services.approval import Approval
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.experiment.registry import Registered
    from jarvis_dagster.settings import Settings

__all__ = ["CONCLUDED", "Retraining"]

CONCLUDED = ("promoted", "not_promoted", "training_failed")
"""How a training can end."""
_PIPELINE = "hockey-detection"


class Retraining:
    """Trainings of the detector, on the services of some settings."""

    def __init__(self, settings: Settings, core: JarvisCoreServices) -> None:
        self._settings, self._core = settings, core

    def start(self, request: dict[str, Any]) -> dict[str, Any]:
        """Start the training of ``Tryout``'s request; the same one twice is one.

        Raises:
            PermanentError: it cannot be started.
        """
        from jarvis_dagster.components import Toolchain

        config = {
            "dataset": request["dataset"],
            "options": self._settings.autopilot.training,
            "by": "dagster",
            "decide": True,
        }
        workflow_id = Toolchain(self._core).run_hockey_detection_pipeline(config)
        return {**request, "workflow_id": workflow_id}

    def look(self, training: dict[str, Any]) -> dict[str, Any]:
        """How a training goes.

        Returns:
            ``outcome``, one of :data:`CONCLUDED` or None while it goes on, and ``why``. Where
            it was decided, also ``version``, ``decision`` (the record's id), ``figures`` and
            ``approval``.
        """
        try:
            return self._look(training)
        except JarvisError as error:  # it goes on, whoever is away
            return {"outcome": None, "why": f"How the training goes is not known: {error}"}

    def _look(self, training: dict[str, Any]) -> dict[str, Any]:
        workflow_id = training["workflow_id"]
        status = self._core.workflow_service.get_workflow_status(workflow_id)
        if status["status"] == "running":
            share = f"{status['progress']:.0%} done"
            return {"outcome": None, "why": f"The training {workflow_id} goes on, {share}."}
        if status["status"] != "completed":
            said = status["error"] or status["status"]
            return {"outcome": "training_failed", "why": f"The training ended: {said}"}
        model = self._made(training)
        if model is None or "decision" not in model.metadata:
            return {
                "outcome": "training_failed",
                "why": f"The training {workflow_id} left no model that was judged.",
            }
        return self._judged(model)

    def _made(self, training: dict[str, Any]) -> Registered | None:
        """The version that the training registered."""
        versions = self._core.experiment_service.versions(self._settings.promotion.model)
        wanted = (_PIPELINE, training["dataset"])
        return next(
            (
                one
                for one in versions
                if (one.metadata.get("pipeline"), one.metadata.get("dataset")) == wanted
            ),
            None,
        )

    def _judged(self, model: Registered) -> dict[str, Any]:
        decision = model.metadata["decision"]
        told: dict[str, Any] = {
            "version": model.version,
            "decision": decision,
            "approval": None,
            "figures": self._figures(model),
        }
        says = f"Version {model.version}: {model.metadata.get('decision_says', '')}"
        moves = self._core.experiment_service.moves(model.name)
        if any(move.decision == decision and move.to == model.version for move in moves):
            return {**told, "outcome": "promoted", "why": f"The training was worth it. {says}"}
        asked = self._asked(decision)
        if asked is None:
            why = f"The trained model stays a challenger. {says}"
            return {**told, "outcome": "not_promoted", "why": why}
        told["approval"] = asked.id
        if asked.applied_at is not None:
            return {**told, "outcome": "promoted", "why": f"{asked.words()} {says}"}
        if asked.waiting or asked.allowed:
            why = f"The trained model is better and waits for a person's approval ({asked.id})."
            return {**told, "outcome": None, "why": why}
        return {**told, "outcome": "not_promoted", "why": f"{says} But {asked.words()}"}

    def _asked(self, decision: str) -> Approval | None:
        """The approval that a promotion was asked for."""
        found = self._core.approval_service.approvals(kind="deployment")
        return next((one for one in found if one.content["decision"] == decision), None)

    def _figures(self, model: Registered) -> list[dict[str, Any]]:
        """Champion and challenger on the frozen games, as it was decided."""
        run = model.metadata.get("decision_run")
        if not run:
            return []
        verdict = self._core.experiment_service.read_json(run, "decision.json")["verdict"]
        return [
            {
                "name": name,
                "champion": round(both["champion"], 4),
                "challenger": round(both["challenger"], 4),
                "low": round(change["low"], 4),
                "high": round(change["high"], 4),
            }
            for name, both, change in (
                *((one["name"], one, one["gain"]) for one in verdict["figures"]),
                *((f"F1 of {one['role']}s", one, one["change"]) for one in verdict["roles"]),
            )
        ]
