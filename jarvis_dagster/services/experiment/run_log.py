"""What is written into one run while it goes on.

Belongs here: parameters, metrics in batches, files, pictures, models of one run. Does not
belong here: opening and ending it (``runs.py``).
"""

from __future__ import annotations

import json
import logging
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, TransientError
from jarvis_dagster.services.experiment.values import flat, metric_name, number
from jarvis_dagster.services.experiment.writing import METRICS_AT_ONCE
from jarvis_dagster.services.files import readable_file, safe_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jarvis_dagster.services.experiment.models import ModelRegistry
    from jarvis_dagster.services.experiment.recipe import Recipe
    from jarvis_dagster.services.experiment.writing import Point, Writer

__all__ = ["CONFUSION", "GALLERIES", "RunLog"]

_LOG = logging.getLogger(__name__)

CONFUSION = "confusion"
GALLERIES = "errors"
_SEND_EVERY_S = 5.0
_WAIT_AFTER_OUTAGE_S = 15.0
_MOST_WAITING = 100_000
_MOST_PICTURES = 48


class RunLog:
    """One run, open for writing. Thread-safe.

    Metrics are gathered and sent together. While MLflow is away they wait, so that an outage
    does not stop a training; what is not sent by the end of the run is an error.

    Attributes:
        run_id: MLflow's id of the run.
        continued: Whether an earlier attempt at the same work began it.
    """

    def __init__(
        self, writer: Writer, registry: ModelRegistry, run_id: str, *, continued: bool
    ) -> None:
        self.run_id = run_id
        self.continued = continued
        self._writer = writer
        self._registry = registry
        self._waiting: list[Point] = []
        self._due = time.monotonic() + _SEND_EVERY_S
        self._lock = threading.Lock()

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters; nested dictionaries become ``outer.inner``."""
        self._writer.log_parameters(self.run_id, flat(values))

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record values at a step.

        Raises:
            BadInputError: a value is no number. NaN and infinite ones are kept, and are
                never the best.
            TransientError: MLflow has been away for so long that too many wait.
        """
        now_ms = int(time.time() * 1000)
        points = [
            (metric_name(name), number(name, value), now_ms, step or 0)
            for name, value in values.items()
        ]
        with self._lock:
            self._waiting += points
            due = len(self._waiting) >= METRICS_AT_ONCE or time.monotonic() >= self._due
        if due:
            self._send_if_possible()

    def _send_if_possible(self) -> None:
        with self._lock:
            if time.monotonic() < self._due and len(self._waiting) < METRICS_AT_ONCE:
                return  # another thread was quicker
        try:
            self.flush(attempts=1)
        except TransientError as error:
            with self._lock:
                self._due = time.monotonic() + _WAIT_AFTER_OUTAGE_S
                if len(self._waiting) > _MOST_WAITING:
                    raise
            _LOG.warning("%s The metrics wait.", error.what)

    def flush(self, *, attempts: int | None = None) -> None:
        """Send what waits.

        Raises:
            TransientError: MLflow is away; what waits goes on waiting.
        """
        with self._lock:
            points = list(self._waiting)
            if points:
                self._writer.send_metrics(self.run_id, points, attempts=attempts)
                del self._waiting[: len(points)]
            self._due = time.monotonic() + _SEND_EVERY_S

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags of the run."""
        self._writer.set_tags(self.run_id, values)

    def file(self, path: str | Path, folder: str | None = None) -> None:
        """Keep a file with the run, under its own name."""
        self._writer.keep_file(self.run_id, readable_file(path), folder)

    def json(self, name: str, content: Any, folder: str | None = None) -> None:
        """Keep a document as ``{name}.json`` with the run."""
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            path = Path(scratch) / f"{safe_name(name)}.json"
            path.write_text(json.dumps(content, indent=1, default=str), "utf-8")
            self.file(path, folder)

    def confusion(self, name: str, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Keep a confusion matrix, ``counts[true][said]``; comparisons show it."""
        self.json(name, {true: dict(said) for true, said in counts.items()}, CONFUSION)

    def gallery(self, name: str, pictures: Iterable[tuple[Path, str]]) -> None:
        """Keep pictures of errors, each with a caption; comparisons show them.

        Raises:
            BadInputError: more than 48 pictures, which nobody looks at.
        """
        shown = list(pictures)
        if len(shown) > _MOST_PICTURES:
            raise BadInputError(
                f"{len(shown)} pictures are too many for the gallery {name}.",
                f"Choose at most {_MOST_PICTURES}.",
            )
        folder = f"{GALLERIES}/{safe_name(name)}"
        for path, _ in shown:
            self.file(path, folder)
        captions = [{"picture": path.name, "caption": caption} for path, caption in shown]
        self.json("gallery", captions, folder)

    def recipe(self, recipe: Recipe) -> None:
        """Record how the figures are made again, with the code and packages that made them.

        Raises:
            BadInputError: its entry point does not exist.
        """
        from jarvis_dagster.services.experiment.recipe import FOLDER, recorded

        document, changes = recorded(recipe)
        self.json("recipe", document, FOLDER)
        if changes:
            with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
                patch = Path(scratch) / "changes.patch"
                patch.write_bytes(changes.encode("utf-8", "surrogateescape"))
                self.file(patch, FOLDER)
        code = document["code"]
        self.tags(
            {"jarvis.code": code["commit"] or code["version"], "jarvis.sources": code["sha256"]}
        )

    def model(self, path: str | Path, name: str, metadata: Mapping[str, Any] | None = None) -> str:
        """Keep a model file and register it as a version of ``name``; returns the version."""
        return self._registry.log_model(self.run_id, path, name, metadata or {})
