"""Champion against challenger: judged on frozen games, decided, recorded, moved.

Belongs here: the order of the steps, and where models, games and decisions are kept. Does not
belong here: the rule and its statistics (``hockey/promotion``), the registry and the store
(``services``), commands and assets.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.champions import local_copy
from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.services.experiment.code_version import code_version, sources_sha256
from jarvis_dagster.services.files import safe_name, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from jarvis_dagster.hockey.promotion import FrozenGames, Rule, Verdict, VideoFigures
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.experiment.moves import Move
    from jarvis_dagster.services.experiment.recipe import Recipe
    from jarvis_dagster.settings import PromotionSettings, Settings

    Progress = Callable[[str, int, int], None]

__all__ = ["Contender", "Decision", "Games", "Promoter", "rule_of"]

COMPONENT = "toolchain"
TRAINING_VIDEOS = "training_videos.json"
"""A file of the model's run: what it was trained on."""
_EXPERIMENT = "promotion"


@dataclasses.dataclass(frozen=True)
class Contender:
    """A detector that is judged; ``version`` is None for the packaged one."""

    label: str
    version: str | None
    path: Path
    sha256: str
    trained_on: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Games:
    """Frozen games as they are stored."""

    name: str
    version: int
    id: str
    frozen: FrozenGames


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


class Promoter:
    """Decides for the detector of these settings."""

    def __init__(
        self, settings: Settings, core: JarvisCoreServices, progress: Progress | None = None
    ) -> None:
        self.settings = settings
        self._experiments = core.experiment_service
        self._storage = core.storage_service
        self._progress = progress or (lambda *_: None)
        self.model = settings.promotion.model
        self._folder = settings.data_dir / "models" / safe_name(self.model)

    # -- frozen games --------------------------------------------------------------

    def freeze_games(
        self,
        export: Path,
        *,
        videos: Collection[str] | None = None,
        aspect: float | None = None,
    ) -> Games:
        """Freeze the labelled frames of an export as the games that models are judged on.

        The same content is the same version.

        Raises:
            BadInputError: see :func:`~jarvis_dagster.hockey.promotion.frozen.freeze`.
        """
        from jarvis_dagster.hockey.promotion import freeze

        name = self.settings.promotion.games
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            archive = Path(scratch) / f"{name}.tar"
            frozen = freeze(export, archive, videos=videos, aspect=aspect)
            about = {
                "sha256": frozen.sha256,
                "videos": frozen.videos,
                "pictures": len(frozen.frames),
            }
            item = self._storage.store(
                *("datasets", archive, about, COMPONENT), name=f"{safe_name(name)}.tar"
            )
        self._storage.pin(item)  # decisions name it
        version = max(v.number for v in self._storage.history(item) if v.id == item)
        return Games(name, version, item, frozen)

    def games(self, folder: Path) -> Games:
        """The frozen games of the settings, opened in ``folder``.

        Raises:
            BadInputError: none were frozen under that name.
        """
        from jarvis_dagster.hockey.promotion import open_frozen

        name = self.settings.promotion.games
        try:
            found = self._storage.resolve(
                f"{safe_name(name)}.tar", kind="datasets", component=COMPONENT
            )
        except BadInputError as error:
            raise BadInputError(
                f"There are no frozen games {name!r} to judge models on.",
                "Make them by `jarvis models freeze-games FOLDER`.",
            ) from error
        archive = folder / "games.tar"
        self._storage.retrieve(found.id, archive)
        return Games(name, found.number, found.id, open_frozen(archive, folder / "games"))

    # -- contenders ----------------------------------------------------------------

    def contender(self, which: str) -> Contender | None:
        """The version that a number, alias or stage means; None where there is none."""
        found = self._experiments.model(self.model, which)
        if found is None:
            return None
        knows = TRAINING_VIDEOS in self._experiments.artifacts(found.run_id)
        videos = self._experiments.read_json(found.run_id, TRAINING_VIDEOS) if knows else []
        return Contender(
            label=f"version {found.version}",
            version=found.version,
            path=local_copy(self._experiments, found, self._folder),
            sha256=found.sha256,
            trained_on=tuple(videos),
        )

    def champion(self) -> Contender:
        """The champion; before the first promotion, the packaged detector."""
        found = self.contender("champion")
        if found is not None:
            return found
        from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS

        return Contender(
            "the packaged detector", None, PACKAGED_WEIGHTS, sha256_file(PACKAGED_WEIGHTS)
        )

    def challenger(self, which: str = "challenger") -> Contender:
        """The version to be judged.

        Raises:
            BadInputError: there is none.
        """
        found = self.contender(which)
        if found is None:
            raise BadInputError(
                f"{self.model} has no {which if not which.isdigit() else f'version {which}'}.",
                "Register one by `jarvis models register FILE`; `jarvis models list` shows all.",
            )
        return found

    def evaluate(self, contender: Contender, games: Games) -> list[VideoFigures]:
        """Figures by video; measured once for the same model, games and code."""
        from jarvis_dagster.hockey import detection
        from jarvis_dagster.hockey.promotion import VideoFigures
        from jarvis_dagster.hockey.promotion.again import measured

        code = sources_sha256(Path(detection.__file__).parent)
        name = "-".join(
            ["evaluation", contender.sha256[:16], games.frozen.sha256[:16], f"{code[:16]}.json"]
        )
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            path = Path(scratch) / name
            if self._fetch("artifacts", name, path):
                return [VideoFigures.from_json(one) for one in json.loads(path.read_text("utf-8"))]
            figures = measured(
                contender.path,
                games.frozen,
                self.settings.vision.threads,
                lambda done, total: self._progress(f"Measuring {contender.label}", done, total),
            )
            path.write_text(json.dumps([one.to_json() for one in figures]), "utf-8")
            self._storage.store("artifacts", path, {"games": games.id}, COMPONENT)
        return figures

    def _fetch(self, kind: str, name: str, path: Path) -> bool:
        try:
            found = self._storage.resolve(name, kind=kind, component=COMPONENT)
        except BadInputError:
            return False
        return self._storage.retrieve(found.id, path)

    # -- the decision --------------------------------------------------------------

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
