"""Which detector looks at footage: the packaged one, a file, or the registry's champion.

Belongs here: from the setting ``vision.model`` to a file, and the copy of the champion on this
machine. Does not belong here: who becomes champion (``promoting``).
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.files import atomic_path, sha256_file

if TYPE_CHECKING:
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
    """

    path: Path | None
    registered: str = ""
    told: str = ""


def chosen_detector(
    settings: Settings, experiments: JarvisExperimentService | None = None
) -> Chosen:
    """The detector that ``vision.model`` means.

    MLflow is asked only where it says ``champion``. When it is away, the champion that was
    used last on this machine is used again.

    Args:
        experiments: The service to ask; None makes one from the settings.

    Raises:
        TransientError: MLflow is away, and no champion was ever used here.
    """
    model = settings.vision.model
    if model != "champion":
        return Chosen(model)
    if experiments is None:
        from jarvis_dagster.wiring import core_services

        experiments = core_services(settings).experiment_service
    name = settings.promotion.model
    folder = settings.data_dir / "models" / name
    try:
        champion = experiments.model(name, "champion")
        if champion is None:
            return Chosen(None, told=f"{name} has no champion yet; the packaged detector is used.")
        path = local_copy(experiments, champion, folder)
    except TransientError as error:
        return _last_used(folder, error)
    label = f"{name} {champion.version}"
    note = {"file": path.name, "sha256": champion.sha256, "registered": label}
    with atomic_path(folder / "champion.json") as part:
        part.write_text(json.dumps(note), "utf-8")
    return Chosen(path, label)


def local_copy(experiments: JarvisExperimentService, model: Registered, folder: Path) -> Path:
    """The file of a version on this machine, fetched once and verified each time."""
    path = folder / f"{model.sha256[:16]}.onnx"
    if not path.is_file() or sha256_file(path) != model.sha256:
        folder.mkdir(parents=True, exist_ok=True)
        experiments.fetch_model(model, path)
    return path


def _last_used(folder: Path, error: TransientError) -> Chosen:
    try:
        note = json.loads((folder / "champion.json").read_text("utf-8"))
        path = folder / note["file"]
        intact = sha256_file(path) == note["sha256"]
    except (OSError, ValueError, KeyError):
        intact = False
    if not intact:
        raise TransientError(
            f"{error.what} No champion was used on this machine before.",
            f"{error.remedy} Or empty vision.model, to use the packaged detector.",
        ) from error
    return Chosen(path, note["registered"], f"{error.what} The last champion known here is used.")
