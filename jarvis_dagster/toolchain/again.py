"""A training made again from its dataset and its job.

Belongs here: the recipe that a training records, and the entry point that it names. Does not
belong here: the pipelines.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.datasets import open_dataset
from jarvis_dagster.hockey.datasets.unpack import unpack
from jarvis_dagster.services.experiment.recipe import DataRef, Recipe, Tolerance
from jarvis_dagster.toolchain.job import Job
from jarvis_dagster.toolchain.kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.toolchain.store import StoredDataset

__all__ = ["recipe_of", "train_again"]

_TOLERANCE = Tolerance(absolute=0.005)
"""Half a point: sums of 32-bit numbers depend on the processor and its threads."""


def recipe_of(job: Job, stored: StoredDataset, storage: JarvisStorageService) -> Recipe:
    """How the figures of a job are made again."""
    version = next(v for v in storage.history(stored.item_id) if v.id == stored.item_id)
    archive = DataRef("stored", stored.item_id, version.sha256, "dataset.zip")
    seed = int(job.options.get("seed", 0))
    return Recipe(
        "jarvis_dagster.toolchain.again:train_again",
        {"dataset": {"$data": "dataset"}, "job": job.to_json(), "folder": {"$folder": "training"}},
        {"dataset": archive},
        {"python": seed, "numpy": seed, "torch": seed},
        _TOLERANCE,
    )


def train_again(dataset: str, job: dict[str, Any], folder: str) -> dict[str, float]:
    """Train and measure: what the first time recorded as ``test/…``."""
    wanted, out = Job.from_json(job), Path(folder)
    kind = kind_of(wanted.pipeline)
    unpacked = unpack(Path(dataset), out / "dataset")
    data = open_dataset(unpacked)
    (out / "model").mkdir()
    made = kind.train(wanted, data, out / "model", report=_silent_report, progress=_silent)
    figures = kind.evaluate(made, data.of(wanted.judged_on), progress=_silent)
    return {f"test/{name}": value for name, value in figures.metrics.items()}


def _silent(_done: int, _total: int) -> None:
    """Nobody watches."""


def _silent_report(_metrics: Mapping[str, float], _step: int) -> None:
    """Nobody watches."""
