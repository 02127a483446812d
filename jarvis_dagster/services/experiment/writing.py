"""What is written to MLflow for a run.

Belongs here: one call each for parameters, metrics, tags and files; experiments by name.
Does not belong here: when that is done (``runs.py``, ``run_log.py``).
"""

from __future__ import annotations

import hashlib
import re
import time
from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.experiment.values import batches, number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlflow import MlflowClient

    from jarvis_dagster.services.experiment.client import Mlflow

__all__ = ["METRICS_AT_ONCE", "Point", "Writer"]

METRICS_AT_ONCE = 1000
"""MLflow's limit for one call."""
_AT_ONCE = 100  # parameters or tags, likewise

Point = tuple[str, float, int, int]
"""Name, value, time in ms, step."""


class Writer:
    """Writes to the runs of one server."""

    def __init__(self, mlflow: Mlflow) -> None:
        self._mlflow = mlflow

    def log_parameters(self, run_id: str, params: list[tuple[str, str]]) -> None:
        """Record parameters of a run; recorded again they are the same."""

        def log(client: MlflowClient) -> None:
            from mlflow.entities import Param

            for part in batches(params, _AT_ONCE):
                client.log_batch(run_id, params=[Param(name, value) for name, value in part])

        self._mlflow.call(f"the parameters of run {run_id}", log)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], step: int | None) -> None:
        """Record metrics at a step (None is 0), with the time of now."""
        now_ms = int(time.time() * 1000)
        points = [(name, number(name, value), now_ms, step or 0) for name, value in metrics.items()]
        self.send_metrics(run_id, points)

    def send_metrics(
        self, run_id: str, points: list[Point], *, attempts: int | None = None
    ) -> None:
        """Send points of metrics."""
        self._mlflow.call(
            f"the metrics of run {run_id}",
            lambda client: _send(client, run_id, points),
            attempts=attempts,
        )

    def set_tags(self, run_id: str, values: Mapping[str, str]) -> None:
        """Set tags of a run."""

        def tag(client: MlflowClient) -> None:
            from mlflow.entities import RunTag

            for part in batches(list(values.items()), _AT_ONCE):
                client.log_batch(run_id, tags=[RunTag(name, str(text)) for name, text in part])

        self._mlflow.call(f"the tags of run {run_id}", tag)

    def delete_tag(self, run_id: str, name: str) -> None:
        """Take a tag of a run away."""
        self._mlflow.call(f"the tag {name} of run {run_id}", lambda c: c.delete_tag(run_id, name))

    def keep_file(self, run_id: str, path: Path, folder: str | None) -> None:
        """Keep a file with a run."""
        self._mlflow.call(
            f"{path.name} of run {run_id}", lambda c: c.log_artifact(run_id, str(path), folder)
        )

    def experiment_id(self, name: str) -> str:
        """The id of an experiment, which is made where there is none."""

        def find_or_create(client: MlflowClient) -> str:
            from mlflow.exceptions import MlflowException

            found = client.get_experiment_by_name(name)
            if found is None:
                try:
                    return str(client.create_experiment(name, self._location(name)))
                except MlflowException as error:
                    if error.error_code != "RESOURCE_ALREADY_EXISTS":
                        raise
                    found = client.get_experiment_by_name(name)  # somebody was quicker
            if found is None or found.lifecycle_stage == "deleted":
                raise PermanentError(
                    f"The experiment {name} was deleted in MLflow.",
                    "Restore it there, or use another name.",
                )
            return str(found.experiment_id)

        return self._mlflow.call(f"the experiment {name}", find_or_create)

    def _location(self, name: str) -> str | None:
        """A folder of its own; MLflow reads it as an address, so it is of plain letters."""
        root = self._mlflow.config.artifact_root
        if root is None:
            return None
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        readable = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:60].strip("-")
        return f"{root.rstrip('/')}/{readable}-{digest}"


def _send(client: MlflowClient, run_id: str, points: list[Point]) -> None:
    """Send points, at most 1,000 a call; sent twice they are the same points."""
    from mlflow.entities import Metric

    for start in range(0, len(points), METRICS_AT_ONCE):
        part = points[start : start + METRICS_AT_ONCE]
        metrics = [Metric(name, value, at_ms, step) for name, value, at_ms, step in part]
        client.log_batch(run_id, metrics=metrics)
