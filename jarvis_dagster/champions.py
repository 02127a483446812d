"""Which models look at footage: the packaged ones, files, or the registry's champions.

Belongs here: from ``vision.model`` and ``vision.roles`` to files, and the copies of champions on
this machine. Does not belong here: who becomes champion (``promoting``).
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.files import atomic_path, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.experiment import JarvisExperimentService
    from jarvis_dagster.services.experiment.registry import Registered
    from jarvis_dagster.settings import Settings

__all__ = ["Chosen", "chosen_detector", "local_copy"]


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A detector to load.

    Attributes:
        path: Its file; None is the packaged one.
        registered: Its name and version in the registry; empty where it is not from there.
        told: What people should know about the choice; empty where it went as set.
        roles: The network that reads roles once more; None: the detector's own stand.
        roles_registered: As ``registered``.
    """

    path: Path | None
    registered: str = ""
    told: str = ""
    roles: Path | None = None
    roles_registered: str = ""


def chosen_detector(
    settings: Settings, experiments: Callable[[], JarvisExperimentService]
) -> Chosen:
    """The detector that ``vision.model`` means, and who reads roles by ``vision.roles``.

    MLflow is asked only where one of them says ``champion``. When it is away, the champion that
    was used last on this machine is used again.

    Args:
        experiments: Makes the service to ask; called only where MLflow is asked.

    Raises:
        TransientError: MLflow is away, and no champion was ever used here.
    """
    vision, names = settings.vision, settings.promotion

    def one(given: Path | str | None, name: str, instead: str) -> tuple[Path | None, str, str]:
        if not isinstance(given, str):
            return given, "", ""
        return _champion(settings, experiments, name, instead)

    path, registered, told = one(vision.model, names.model, "the packaged detector is used")
    roles, label, more = one(vision.roles, names.roles_model, "the detector's own roles stand")
    return Chosen(path, registered, " ".join(filter(None, (told, more))), roles, label)


def _champion(
    settings: Settings,
    experiments: Callable[[], JarvisExperimentService],
    name: str,
    instead: str,
) -> tuple[Path | None, str, str]:
    """Its file, name and version, and what people should know."""
    folder = settings.data_dir / "models" / name
    try:
        registry = experiments()
        champion = registry.model(name, "champion")
        path = None if champion is None else local_copy(registry, champion, folder)
    except TransientError as error:
        return _last_used(folder, instead, error)
    label = "" if champion is None else f"{name} {champion.version}"
    note = {
        "file": path.name if path else None,
        "sha256": champion.sha256 if champion else None,
        "registered": label,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / "champion.json") as part:
        part.write_text(json.dumps(note), "utf-8")
    return path, label, "" if path else f"{name} has no champion yet; {instead}."


def local_copy(experiments: JarvisExperimentService, model: Registered, folder: Path) -> Path:
    """The file of a version on this machine, fetched once and verified each time."""
    path = folder / f"{model.sha256[:16]}.onnx"
    if not path.is_file() or sha256_file(path) != model.sha256:
        folder.mkdir(parents=True, exist_ok=True)
        experiments.fetch_model(model, path)
    return path


def _last_used(folder: Path, instead: str, error: TransientError) -> tuple[Path | None, str, str]:
    try:
        note = json.loads((folder / "champion.json").read_text("utf-8"))
        if note["file"] is None:
            return None, "", f"{error.what} There was no champion before; {instead}."
        path = folder / note["file"]
        intact = sha256_file(path) == note["sha256"]
    except (OSError, ValueError, KeyError):
        intact = False
    if not intact:
        raise TransientError(
            f"{error.what} No champion was used on this machine before.",
            f"{error.remedy} Or empty vision.model and vision.roles: what ships with Jarvis is"
            " used then.",
        ) from error
    return path, note["registered"], f"{error.what} The last champion known here is used."
