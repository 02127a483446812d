"""Detectors in the object store, so that every worker looks with the very same one.

Belongs here: keeping a model under a name made of its content, and fetching it. Does not belong
here: which model looks (``champions.py``), what it finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.workflows.footage import fetched

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["fetched_model", "kept_model"]


def kept_model(storage: JarvisStorageService, path: Path | None) -> str:
    """The object key of a model, and of what describes it; None is the packaged detector."""
    from jarvis_dagster.hockey.detection.description import description_path
    from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
    from jarvis_dagster.services.files import sha256_file

    path = path or PACKAGED_WEIGHTS
    beside = description_path(path)
    home = f"artifacts/detectors/{sha256_file(path)}"
    if beside.is_file():
        home += f"-{sha256_file(beside)[:16]}"
        storage.put_file(f"{home}.yaml", beside)
    return storage.put_file(f"{home}.onnx", path).key


def fetched_model(storage: JarvisStorageService, key: str, folder: Path) -> Path:
    """The model under ``key`` on this machine, with its description beside it where it has one."""
    path, _ = fetched(storage, key, folder)
    described = f"{key.removesuffix('.onnx')}.yaml"
    if storage.exists(described):
        storage.get_file(described, path.with_suffix(".yaml"))
    return path
