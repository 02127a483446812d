"""Deciding who is champion, and moving the alias.

Belongs here: the order of the steps. Does not belong here: models, games and figures (``arena``),
what a decision is written down as (``decisions``).
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.promoting.arena import Arena
from jarvis_dagster.promoting.decisions import Judged, asked_figures, keep, recipe_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.hockey.promotion import Rule
    from jarvis_dagster.promoting.arena import Contender, Games, Progress
    from jarvis_dagster.promoting.decisions import Decision
    from jarvis_dagster.promoting.shadows import Shadows
    from jarvis_dagster.services.approval.approval import Approval
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.experiment.moves import Move
    from jarvis_dagster.settings import PromotionSettings, Settings

__all__ = ["Promoter", "rule_of"]


def rule_of(settings: PromotionSettings, *, of_roles: bool = False) -> Rule:
    """The rule that the settings agree on; what reads roles has to raise their macro-F1."""
    from jarvis_dagster.hockey.promotion import Rule

    return Rule(
        figure="role_macro_f1" if of_roles else settings.figure,
        confidence=settings.confidence,
        min_videos=settings.min_videos,
        margins={
            "player": settings.player_margin,
            "goalkeeper": settings.goalkeeper_margin,
            "referee": settings.referee_margin,
        },
        resamples=settings.resamples,
    )


class Promoter:
    """Decides for a model of these settings, in an arena of its own.

    Raises:
        NotSupportedError: see :class:`Arena`.
    """

    def __init__(
        self,
        settings: Settings,
        core: JarvisCoreServices,
        progress: Progress | None = None,
        model: str | None = None,
    ) -> None:
        self.arena = Arena(settings, core, progress, model)
        self._settings = settings.promotion
        self._core = core

    @property
    def rule(self) -> Rule:
        """What is agreed on for this model."""
        return rule_of(self._settings, of_roles=self.arena.of_roles)

    def decide(
        self, which: str = "challenger", *, by: str, identity: Mapping[str, str] | None = None
    ) -> Decision:
        """Judge a version against the champion, and record the decision; nothing is moved.

        Args:
            by: For whom it is decided.
            identity: See ``JarvisExperimentService.run``.

        Raises:
            BadInputError: there is no such version, or no games.
        """
        arena = self.arena
        champion, challenger = arena.champion(), arena.challenger(which)
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            judged = self._judge(champion, challenger, arena.games(Path(scratch)))
            recipe = recipe_of(arena, self.rule, judged) if judged.after else None
        verdict, shadows = judged.verdict, self._shadows(champion, challenger)
        if verdict.promoted and shadows.against:
            verdict = dataclasses.replace(
                verdict, promoted=False, reasons=(shadows.against, *verdict.reasons)
            )
            judged = dataclasses.replace(judged, verdict=verdict)
        record = judged.to_json(arena.model, self.rule, shadows, by)
        return keep(arena, record, verdict, identity, recipe)

    def _judge(self, champion: Contender, challenger: Contender, games: Games) -> Judged:
        from jarvis_dagster.hockey.promotion import Verdict, decide

        def refused(reason: str) -> Judged:
            verdict = Verdict(False, (reason,), (), (), None)
            return Judged(champion, challenger, games, verdict, [], [])

        if champion.sha256 == challenger.sha256:
            return refused("The challenger is the same file as the champion.")
        seen = sorted(set(challenger.trained_on) & set(games.frozen.videos))
        if seen:
            return refused(
                f"The challenger was trained on {', '.join(seen)}, which it would be judged on."
            )
        before = self.arena.evaluate(champion, games)
        try:
            after = self.arena.evaluate(challenger, games)
        except PermanentError as error:
            return refused(f"The challenger cannot be measured: {error.what}")
        except (RuntimeError, ValueError) as error:  # of a network that runs, but not on pictures
            return refused(f"The challenger cannot be measured: {error}"[:500])
        verdict = decide(before, after, self.rule)
        return Judged(champion, challenger, games, verdict, before, after)

    def _shadows(self, champion: Contender, challenger: Contender) -> Shadows:
        """What the challenger saw of new videos, beside this champion."""
        from jarvis_dagster.promoting.shadows import shadows_of

        model = self.arena.model
        registered = f"{model} {champion.version}" if champion.version else ""
        needed = self._settings.shadow_needed
        return shadows_of(self.arena.storage, model, str(challenger.version), registered, needed)

    def ask(self, decision: Decision, *, by: str) -> Approval:
        """Whether the challenger of a decision may become the champion; asks a person if needed.

        Raises:
            BadInputError: the decision was against it.
        """
        record, model = decision.record, self.arena.model
        self._require_promoted(decision)
        return self._core.approval_service.ask(
            "deployment",
            model,
            {
                "model": model,
                "from": record["champion"]["version"],
                "to": record["challenger"]["version"],
                "sha256": record["challenger"]["sha256"],
                "games": record["games"]["sha256"],
                "decision": decision.id,
                "why": record["verdict"]["reasons"][0],
            },
            asked_figures(record),
            title=f"Make {record['challenger']['label']} of {model} the champion in place of"
            f" {record['champion']['label']}",
            by=by,
        )

    def settle(self, decision: Decision, *, by: str) -> tuple[Approval, Move | None]:
        """Make the challenger of a decision the champion, or ask a person who has to say yes.

        Raises:
            BadInputError: the decision was against it.
            ConflictError: the champion is another by now.
        """
        answer = self.ask(decision, by=by)
        if not answer.allowed:
            return answer, None
        move = self.apply(decision)
        if answer.id:
            self._core.approval_service.applied(answer.id)
        return answer, move

    def apply_approved(self, approval_id: str) -> Approval:
        """Make the model of an approval the champion; done before, it is only noted.

        Raises:
            BadInputError: it is not approved.
            ConflictError: the champion is another by now; the approval ends.
        """
        service = self._core.approval_service
        approval = service.get(approval_id)
        if not approval.allowed or approval.kind != "deployment":
            raise BadInputError(
                f"{approval.id} promotes no model. {approval.words()}",
                "`jarvis approvals list` shows what waits and what is due.",
            )
        content = approval.content
        champion = self.arena.experiments.model(content["model"], "champion")
        now = champion.version if champion else None
        if now != content["to"] and now != content["from"]:
            service.void(approval.id, f"The champion is {now or 'what ships with Jarvis'} by now.")
        if now != content["to"]:
            self._move(
                content["to"],
                model=content["model"],
                by=approval.decided_by,
                why=content["why"],
                expected=content["from"],
                decision=content["decision"],
            )
        service.applied(approval.id)
        return service.get(approval.id)

    def apply(self, decision: Decision) -> Move:
        """Make the challenger of a decision the champion.

        Raises:
            BadInputError: the decision was against it.
            ConflictError: the champion is another by now.
        """
        self._require_promoted(decision)
        return self._move(
            decision.record["challenger"]["version"],
            by=decision.record["by"],
            why=decision.record["verdict"]["reasons"][0],
            expected=decision.record["champion"]["version"],
            decision=decision.id,
        )

    def _require_promoted(self, decision: Decision) -> None:
        if not decision.promoted:
            raise BadInputError(
                f"{self.arena.model} is not promoted:"
                f" {' '.join(decision.record['verdict']['reasons'])}",
                "`jarvis models show` tells its figures; train another.",
            )

    def _move(
        self,
        version: str,
        *,
        by: str,
        why: str,
        expected: str | None,
        decision: str,
        model: str | None = None,
    ) -> Move:
        model = model or self.arena.model
        move = self.arena.experiments.move_alias(
            model,
            "champion",
            version,
            by=by,
            why=why,
            how="promotion",
            expected=expected,
            decision=decision,
        )
        waiting = self.arena.experiments.model(model, "challenger")
        if waiting is not None and waiting.version == version:
            self.arena.experiments.move_alias(
                model, "challenger", None, by=by, why="It is the champion.", expected=version
            )
        return move
