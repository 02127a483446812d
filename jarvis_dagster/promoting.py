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
from jarvis_dagster.services.files import safe_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.hockey.promotion import Rule, Verdict, VideoFigures
    from jarvis_dagster.services.experiment.moves import Move
    from jarvis_dagster.services.experiment.recipe import Recipe
    from jarvis_dagster.settings import PromotionSettings

__all__ = ["Contender", "Decision", "Promoter", "rule_of"]

_EXPERIMENT = "promotion"


@dataclasses.dataclass(frozen=True)
class Decision:
    """A recorded decision: the record, its page, and the id of both in the store."""

    id: str
    promoted: bool
    record: dict[str, Any]
    page: str


def rule_of(settings: PromotionSettings) -> Rule:
    """The rule that the settings agree on."""
    from jarvis_dagster.hockey.promotion import Rule

    return Rule(
        figure=settings.figure,
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
    """Decides for the detector of these settings."""

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
            "rule": dataclasses.asdict(rule_of(self.settings.promotion)),
            "verdict": verdict.to_json(),
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
        return decide(before, after, rule_of(self.settings.promotion)), before, after

    def _recipe(self, champion: Contender, challenger: Contender, games: Games) -> Recipe:
        """How the decision is made again."""
        from jarvis_dagster.services.experiment.recipe import DataRef, Recipe, Tolerance

        archive = self._storage.resolve(
            f"{safe_name(games.name)}.tar", str(games.version), kind="datasets", component=COMPONENT
        )
        data = {
            name: DataRef("model", f"{self.model}/{one.version}", one.sha256, one.path.name)
            for name, one in (("champion", champion), ("challenger", challenger))
            if one.version is not None
        }
        data["games"] = DataRef("stored", games.id, archive.sha256, "games.tar")
        return Recipe(
            "jarvis_dagster.hockey.promotion.again:judge",
            {
                **{name: {"$data": name} for name in data},
                **({} if "champion" in data else {"champion": None}),
                "rule": dataclasses.asdict(rule_of(self.settings.promotion)),
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
        version = record["challenger"]["version"]
        word = "promote" if verdict.promoted else "keep the champion"
        self._experiments.tag_model(
            self.model,
            version,
            {
                "jarvis.decision": decision,
                "jarvis.decision_says": f"{word}: {verdict.reasons[0]}"[:1000],
            },
        )
        return Decision(decision, verdict.promoted, record, page)

    def apply(self, decision: Decision) -> Move:
        """Make the challenger of a decision the champion.

        Raises:
            BadInputError: the decision was against it.
            ConflictError: the champion is another by now.
        """
        if not decision.promoted:
            raise BadInputError(
                f"{self.model} is not promoted: {' '.join(decision.record['verdict']['reasons'])}"
            )
        version, by = decision.record["challenger"]["version"], decision.record["by"]
        move = self._experiments.move_alias(
            self.model,
            "champion",
            version,
            by=by,
            why=decision.record["verdict"]["reasons"][0],
            how="promotion",
            expected=decision.record["champion"]["version"],
            decision=decision.id,
        )
        waiting = self._experiments.model(self.model, "challenger")
        if waiting is not None and waiting.version == version:
            self._experiments.move_alias(
                self.model, "challenger", None, by=by, why="It is the champion.", expected=version
            )
        return move


def _told(contender: Contender, figures: list[VideoFigures]) -> dict[str, Any]:
    return {
        "label": contender.label,
        "version": contender.version,
        "sha256": contender.sha256,
        "by_video": [one.to_json() for one in figures],
    }
