"""What a run was made from, fetched from where it is kept.

Belongs here: files of a recipe from the object store and the registry. Does not belong here:
making the figures again (``reproduction.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.experiment.models import ModelRegistry
    from jarvis_dagster.services.experiment.recipe import DataRef
    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["fetcher"]


def fetcher(
    registry: ModelRegistry, storage: Callable[[], JarvisStorageService] | None
) -> Callable[[DataRef, Path], None]:
    """A function that writes a file of a recipe to a path; it does not check the hash.

    Args:
        storage: Makes the storage service; None where there is none.
    """

    def fetch(ref: DataRef, path: Path) -> None:
        if ref.kind == "model":
            name, _, version = ref.id.rpartition("/")
            model = registry.model(name, version)
            there = model is not None and registry.fetch_model(model, path) == path
        elif ref.kind not in {"stored", "object"}:
            raise BadInputError(f"{ref.kind!r} is not where files of a run are kept.")
        elif storage is None:
            raise NotSupportedError(
                f"{ref.name} is in an object store, and this service has none.",
                "Use the experiment service of JarvisCoreServices, or pass fetch.",
            )
        elif ref.kind == "stored":
            there = storage().retrieve(ref.id, path)
        else:
            there = storage().get_file(ref.id, path, ref.bucket or None).size >= 0
        if not there:
            raise BadInputError(
                f"{ref.name} ({ref.kind} {ref.id}) is gone, so the run cannot be made again.",
                "Restore it from the trash or from a backup.",
            )

    return fetch
