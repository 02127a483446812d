"""Champion against challenger: decided, recorded, moved.

Belongs here: the order of the steps, and where decisions are kept. Does not belong here: models,
games and figures (``arena``), the rule and its statistics (``hockey/promotion``), the registry
(``services``), commands and assets.
"""

from __future__ import annotations

import dataclasses
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.arena import COMPONENT, Arena, Contender, Games
from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.services.experiment.code_version import code_version
from jarvis_dagster.services.files import safe_name, sha256_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.hockey.promotion import Rule, Verdict, VideoFigures
    from jarvis_dagster.services.approval.approval import Approval, Figure
    from jarvis_dagster.services.experiment.moves import Move
    from jarvis_dagster.services.experiment.recipe import Recipe
    from jarvis_dagster.settings import PromotionSettings
    from jarvis_dagster.shadowing import Shadows

__all__ = ["Contender", "Decision", "Promoter", "rule_of"]

_EXPERIMENT = "promotion"


@dataclasses.dataclass(frozen=True)
class Decision:
    """A recorded decision: the record, its page, and the id of both in the store."""

    id: str
    promoted: bool
    record: dict[str, Any]
    page: str


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


class Promoter(Arena):
    """Decides for a model of these settings."""

    @property
    def rule(self) -> Rule:
        """What is agreed on for this model."""
        return rule_of(self.settings.promotion, of_roles=self.of_roles)

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
        champion, challenger = self.champion(), self.challenger(which)
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            games = self.games(Path(scratch))
            verdict, before, after = self._judge(champion, challenger, games)
            recipe = self._recipe(champion, challenger, games) if after else None
        shadows = self._shadows(champion, challenger)
        if verdict.promoted and shadows.against:
            verdict = dataclasses.replace(
                verdict, promoted=False, reasons=(shadows.against, *verdict.reasons)
            )
        record = {
            "model": self.model,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": by,
            "champion": _told(champion, before),
            "challenger": _told(challenger, after),
            "games": {
                "name": games.name,
                "version": games.version,
                "id": games.id,
                "sha256": games.frozen.sha256,
                "videos": len(games.frozen.videos),
                "pictures": len(games.frozen.frames),
            },
            "rule": dataclasses.asdict(self.rule),
            "verdict": verdict.to_json(),
            "shadow": shadows.to_json(),
            "code": code_version().to_json(),
        }
        return self._record(record, verdict, identity, recipe)

    def _judge(
        self, champion: Contender, challenger: Contender, games: Games
    ) -> tuple[Verdict, list[VideoFigures], list[VideoFigures]]:
        from jarvis_dagster.hockey.promotion import Verdict, decide

        def refused(reason: str) -> tuple[Verdict, list[VideoFigures], list[VideoFigures]]:
            return Verdict(False, (reason,), (), (), None), [], []

        if champion.sha256 == challenger.sha256:
            return refused("The challenger is the same file as the champion.")
        seen = sorted(set(challenger.trained_on) & set(games.frozen.videos))
        if seen:
            return refused(
                f"The challenger was trained on {', '.join(seen)}, which it would be judged on."
            )
        before = self.evaluate(champion, games)
        try:
            after = self.evaluate(challenger, games)
        except PermanentError as error:
            return refused(f"The challenger cannot be measured: {error.what}")
        except (RuntimeError, ValueError) as error:  # of a network that runs, but not on pictures
            return refused(f"The challenger cannot be measured: {error}"[:500])
        return decide(before, after, self.rule), before, after

    def _shadows(self, champion: Contender, challenger: Contender) -> Shadows:
        """What the challenger saw of new videos, beside this champion."""
        from jarvis_dagster.shadowing import Shadows, shadows_of

        if self.of_roles:  # `jarvis models shadow` shows what it says; nothing is kept of that
            return Shadows(0, ())
        registered = f"{self.model} {champion.version}" if champion.version else ""
        needed = self.settings.promotion.shadow_needed
        return shadows_of(self._storage, self.model, str(challenger.version), registered, needed)

    def _recipe(self, champion: Contender, challenger: Contender, games: Games) -> Recipe | None:
        """How the decision is made again; None where a file that nobody keeps had a part in it."""
        from jarvis_dagster.services.experiment.recipe import DataRef, Recipe, Tolerance

        archive = self._storage.resolve(
            f"{safe_name(games.name)}.tar", str(games.version), kind="datasets", component=COMPONENT
        )
        data = {
            name: DataRef("model", f"{self.model}/{one.version}", one.sha256, one.path.name)
            for name, one in (("champion", champion), ("challenger", challenger))
            if one.version is not None and one.path is not None
        }
        used = self.detector_in_use if self.of_roles else None
        if used is not None and used.path is not None:
            if not used.registered:
                return None
            name, _, version = used.registered.rpartition(" ")
            sha256 = sha256_file(used.path)
            data["detector"] = DataRef("model", f"{name}/{version}", sha256, used.path.name)
        data["games"] = DataRef("stored", games.id, archive.sha256, "games.tar")
        return Recipe(
            "jarvis_dagster.hockey.promotion.again:judge",
            {
                **{name: {"$data": name} for name in data},
                **({} if "champion" in data else {"champion": None}),
                **({"of_roles": True} if self.of_roles else {}),
                "rule": dataclasses.asdict(self.rule),
                "threads": self.settings.vision.threads,
            },
            data,
            # Another processor may round otherwise, and so order two boxes otherwise.
            tolerance=Tolerance(absolute=0.002),
        )

    def _record(
        self,
        record: dict[str, Any],
        verdict: Verdict,
        identity: Mapping[str, str] | None,
        recipe: Recipe | None,
    ) -> Decision:
        """Keep the record in the store, for good, and in MLflow."""
        from jarvis_dagster.hockey.promotion.again import numbers_of
        from jarvis_dagster.hockey.promotion.page import decision_page

        page = decision_page(record)
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            html = Path(scratch) / f"promotion-{self.model}.html"
            html.write_text(page, "utf-8")
            about = {"promoted": verdict.promoted, "games": record["games"]["sha256"]}
            decision = self._storage.store("reports", html, about, COMPONENT)
            self._storage.pin(decision)
            numbers = {
                key: record[side]["version"] or "packaged"
                for key, side in (("champion", "champion"), ("challenger", "challenger"))
            }
            with self._experiments.run(
                _EXPERIMENT,
                {"model": self.model, **numbers, "games": record["games"], "rule": record["rule"]},
                name=f"{self.model}: {numbers['challenger']} against {numbers['champion']}",
                identity=identity,
                component=COMPONENT,
            ) as log:
                log.metrics(numbers_of(verdict))
                if recipe is not None:
                    log.recipe(recipe)
                log.json("decision", {"id": decision, **record})
                log.file(html)
                run_id = log.run_id
        version = record["challenger"]["version"]
        word = "promote" if verdict.promoted else "keep the champion"
        self._experiments.tag_model(
            self.model,
            version,
            {
                "jarvis.decision": decision,
                "jarvis.decision_run": run_id,
                "jarvis.decision_says": f"{word}: {verdict.reasons[0]}"[:1000],
            },
        )
        return Decision(decision, verdict.promoted, record, page)

    def ask(self, decision: Decision, *, by: str) -> Approval:
        """Whether the challenger of a decision may become the champion; asks a person if needed.

        Raises:
            BadInputError: the decision was against it.
        """
        record = decision.record
        self._require_promoted(decision)
        return self._core.approval_service.ask(
            "deployment",
            self.model,
            {
                "model": self.model,
                "from": record["champion"]["version"],
                "to": record["challenger"]["version"],
                "sha256": record["challenger"]["sha256"],
                "games": record["games"]["sha256"],
                "decision": decision.id,
                "why": record["verdict"]["reasons"][0],
            },
            _asked_figures(record),
            title=f"Make {record['challenger']['label']} of {self.model} the champion in place of"
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
            raise BadInputError(f"{approval.id} promotes no model. {approval.words()}")
        content = approval.content
        champion = self._experiments.model(content["model"], "champion")
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
                f"{self.model} is not promoted: {' '.join(decision.record['verdict']['reasons'])}"
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
        model = model or self.model
        move = self._experiments.move_alias(
            model,
            "champion",
            version,
            by=by,
            why=why,
            how="promotion",
            expected=expected,
            decision=decision,
        )
        waiting = self._experiments.model(model, "challenger")
        if waiting is not None and waiting.version == version:
            self._experiments.move_alias(
                model, "challenger", None, by=by, why="It is the champion.", expected=version
            )
        return move


def _asked_figures(record: dict[str, Any]) -> list[Figure]:
    """What a person looks at, in percent."""
    from jarvis_dagster.services.approval.approval import Figure

    def one(name: str, both: dict[str, Any], change: dict[str, float]) -> Figure:
        low, high = (100 * change[end] for end in ("low", "high"))
        before, after = (round(100 * both[side], 1) for side in ("champion", "challenger"))
        return Figure(name, before, after, f"change {low:+.1f} to {high:+.1f}")

    verdict = record["verdict"]
    return [
        *(one(f"{f['name']}, %", f, f["gain"]) for f in verdict["figures"]),
        *(one(f"F1 of {r['role']}s, %", r, r["change"]) for r in verdict["roles"]),
    ]


def _told(contender: Contender, figures: list[VideoFigures]) -> dict[str, Any]:
    return {
        "label": contender.label,
        "version": contender.version,
        "sha256": contender.sha256,
        "by_video": [one.to_json() for one in figures],
    }
