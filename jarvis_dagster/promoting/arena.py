"""What is judged, and on what: frozen games, registered models, their figures.

Belongs here: where models and games are kept, measuring each once. Does not belong here: the
decision (``promoter``), the measures (``hockey/promotion``).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.champions import chosen_detector, local_copy
from jarvis_dagster.errors import BadInputError, NotSupportedError
from jarvis_dagster.services.experiment.code_version import sources_sha256
from jarvis_dagster.services.files import safe_name, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from jarvis_dagster.champions import Chosen
    from jarvis_dagster.hockey.promotion import FrozenGames, VideoFigures
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.storage.records import Version
    from jarvis_dagster.settings import Settings

    Progress = Callable[[str, int, int], None]

__all__ = ["COMPONENT", "Arena", "Contender", "Games"]

COMPONENT = "toolchain"
TRAINING_VIDEOS = "training_videos.json"
"""A file of the model's run: what it was trained on."""


@dataclasses.dataclass(frozen=True)
class Contender:
    """A model that is judged; ``version`` is None for what ships with Jarvis.

    ``path`` is None where that is the detector's own roles.
    """

    label: str
    version: str | None
    path: Path | None
    sha256: str
    trained_on: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Games:
    """Frozen games as they are stored."""

    name: str
    version: int
    id: str
    frozen: FrozenGames


class Arena:
    """Frozen games and contenders of these settings: detectors, or networks that read roles.

    Those that read roles are judged on the people that the detector in use finds.

    Raises:
        NotSupportedError: ``model`` is neither.
    """

    def __init__(
        self,
        settings: Settings,
        core: JarvisCoreServices,
        progress: Progress | None = None,
        model: str | None = None,
    ) -> None:
        judged = (settings.promotion.model, settings.promotion.roles_model)
        if model not in (None, *judged):
            raise NotSupportedError(
                f"{model} cannot be judged: only {judged[0]} and {judged[1]} can.",
                "The product loads no other model from the registry.",
            )
        self.settings = settings
        self.experiments = core.experiment_service
        self.storage = core.storage_service
        self._progress = progress or (lambda *_: None)
        self.model = model or settings.promotion.model
        self.of_roles = self.model == settings.promotion.roles_model
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
            item = self.storage.store(
                *("datasets", archive, about, COMPONENT), name=f"{safe_name(name)}.tar"
            )
        self.storage.pin(item)  # decisions name it
        version = max(v.number for v in self.storage.history(item) if v.id == item)
        return Games(name, version, item, frozen)

    def games(self, folder: Path) -> Games:
        """The frozen games of the settings, opened in ``folder``.

        Raises:
            BadInputError: none were frozen under that name.
        """
        from jarvis_dagster.hockey.promotion import open_frozen

        name = self.settings.promotion.games
        try:
            found = self._stored_games()
        except BadInputError as error:
            raise BadInputError(
                f"There are no frozen games {name!r} to judge models on.",
                "Make them by `jarvis models freeze-games FOLDER`.",
            ) from error
        archive = folder / "games.tar"
        self.storage.retrieve(found.id, archive)
        return Games(name, found.number, found.id, open_frozen(archive, folder / "games"))

    @property
    def has_games(self) -> bool:
        """Whether any were frozen."""
        try:
            self._stored_games()
        except BadInputError:
            return False
        return True

    def _stored_games(self) -> Version:
        name = f"{safe_name(self.settings.promotion.games)}.tar"
        return self.storage.resolve(name, kind="datasets", component=COMPONENT)

    # -- contenders ----------------------------------------------------------------

    def contender(self, which: str) -> Contender | None:
        """The version that a number, alias or stage means; None where there is none."""
        found = self.experiments.model(self.model, which)
        if found is None:
            return None
        knows = TRAINING_VIDEOS in self.experiments.artifacts(found.run_id)
        videos = self.experiments.read_json(found.run_id, TRAINING_VIDEOS) if knows else []
        return Contender(
            label=f"version {found.version}",
            version=found.version,
            path=local_copy(self.experiments, found, self._folder),
            sha256=found.sha256,
            trained_on=tuple(videos),
        )

    def champion(self) -> Contender:
        """The champion; before the first promotion, what ships with Jarvis."""
        found = self.contender("champion")
        if found is not None:
            return found
        from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS

        if self.of_roles:
            used = self.detector_in_use.path or PACKAGED_WEIGHTS
            return Contender("the detector's own roles", None, None, sha256_file(used))
        return Contender(
            "the packaged detector", None, PACKAGED_WEIGHTS, sha256_file(PACKAGED_WEIGHTS)
        )

    @functools.cached_property
    def detector_in_use(self) -> Chosen:
        """Whose people are looked at by those that read roles."""
        return chosen_detector(self.settings, lambda: self.experiments)

    def files_of(self, contender: Contender) -> tuple[Path | None, Path | None]:
        """The detector and the network that reads roles, as ``load_detector`` takes them."""
        if self.of_roles:
            return self.detector_in_use.path, contender.path
        return contender.path, None

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
        detector, roles = self.files_of(contender)
        whose = [sha256_file(detector)[:16]] if self.of_roles and roles and detector else []
        which = [*whose, contender.sha256[:16], games.frozen.sha256[:16]]
        name = "-".join(["evaluation", *which, f"{code[:16]}.json"])
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            path = Path(scratch) / name
            if self._fetch("artifacts", name, path):
                return [VideoFigures.from_json(one) for one in json.loads(path.read_text("utf-8"))]
            figures = measured(
                detector,
                games.frozen,
                self.settings.vision.threads,
                lambda done, total: self._progress(f"Measuring {contender.label}", done, total),
                roles=roles,
            )
            path.write_text(json.dumps([one.to_json() for one in figures]), "utf-8")
            self.storage.store("artifacts", path, {"games": games.id}, COMPONENT)
        return figures

    def _fetch(self, kind: str, name: str, path: Path) -> bool:
        try:
            found = self.storage.resolve(name, kind=kind, component=COMPONENT)
        except BadInputError:
            return False
        return self.storage.retrieve(found.id, path)
