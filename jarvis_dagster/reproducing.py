"""What a run was made from, fetched from where it is kept.

Belongs here: files of a recipe from the object store and the registry. Does not belong here:
making the figures again (``services/experiment``), entry points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.experiment.recipe import DataRef

__all__ = ["fetcher"]


def fetcher(core: JarvisCoreServices) -> Callable[[DataRef, Path], None]:
    """A function that writes a file of a recipe to a path; it does not check the hash."""

    def fetch(ref: DataRef, path: Path) -> None:
        if ref.kind == "stored":
            there = core.storage_service.retrieve(ref.id, path)
        elif ref.kind == "object":
            core.storage_service.get_file(ref.id, path, ref.bucket or None)
            there = True
        elif ref.kind == "model":
            name, _, version = ref.id.rpartition("/")
            model = core.experiment_service.model(name, version)
            there = model is not None and core.experiment_service.fetch_model(model, path) == path
        else:
            raise BadInputError(f"{ref.kind!r} is not where files of a run are kept.")
        if not there:
            raise BadInputError(
                f"{ref.name} ({ref.kind} {ref.id}) is gone, so the run cannot be made again.",
                "Restore it from the trash or from a backup.",
            )

    return fetch
