"""JarvisExperimentService: experiments, their runs, and versions of models.

Belongs here: what is recorded and found. Does not belong here: how MLflow is
called (``client.py``), how runs are compared (``comparison.py``).
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.experiment.client import Mlflow
from jarvis_dagster.services.experiment.comparison import compare
from jarvis_dagster.services.experiment.registry import register, version_of
from jarvis_dagster.services.experiment.values import batches, flat, number
from jarvis_dagster.services.files import readable_file, sha256_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlflow import MlflowClient
    from mlflow.entities import Run

    from jarvis_dagster.services.experiment.config import ExperimentConfig

__all__ = ["JarvisExperimentService"]

_STATUSES = ("FINISHED", "FAILED", "KILLED")
_BATCH = {"params": 100, "metrics": 1000, "tags": 100}  # MLflow's limits


class JarvisExperimentService:
    """Experiments in MLflow. Nothing connects before the first call."""

    def __init__(self, config: ExperimentConfig) -> None:
        self.config = config
        self._mlflow = Mlflow(config)
        self._open: list[str] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Forget the connection; open runs stay open."""
        self._mlflow.close()

    def check(self) -> None:
        """Return when MLflow answers; otherwise raise with a remedy."""
        self._mlflow.call("a look", lambda c: c.search_experiments(max_results=1), again=False)

    # -- runs --------------------------------------------------------------------

    def start_experiment(
        self,
        experiment_name: str,
        parameters: Mapping[str, Any] | None = None,
        component: str | None = None,
    ) -> str:
        """Start a run of an experiment; it stays open until ``end_experiment``.

        Args:
            parameters: Nested dictionaries become ``outer.inner``.

        Returns:
            The run's id.

        Raises:
            BadInputError: a name or parameter that MLflow cannot keep.
        """
        params = flat(parameters or {})
        experiment_id = self._experiment(experiment_name)
        tags = {"jarvis.component": component} if component else {}
        run = self._mlflow.call(
            f"a run of {experiment_name}",
            lambda client: client.create_run(experiment_id, tags=tags),
            again=False,  # a second one would stay open for ever
        )
        run_id = str(run.info.run_id)
        try:
            self._log_params(run_id, params)
        except Exception:
            self._terminate(run_id, "FAILED")
            raise
        with self._lock:
            self._open.append(run_id)
        return run_id

    def log_metrics(
        self,
        metrics: Mapping[str, float],
        step: int | None = None,
        run_id: str | None = None,
    ) -> None:
        """Log metrics of a run, up to 1,000 in one call to the server.

        Args:
            run_id: None means the one run that this service has open.

        Raises:
            BadInputError: a value is not a number, or there is not exactly one
                open run to mean.
        """
        run_id = self._run(run_id)
        now_ms = int(time.time() * 1000)
        values = [(name, number(name, value)) for name, value in metrics.items()]

        def log(client: MlflowClient) -> None:
            from mlflow.entities import Metric

            for part in batches(values, _BATCH["metrics"]):
                batch = [Metric(name, value, now_ms, step or 0) for name, value in part]
                client.log_batch(run_id, metrics=batch)

        self._mlflow.call(f"the metrics of run {run_id}", log)

    def end_experiment(self, run_id: str, status: str = "FINISHED") -> None:
        """End a run as ``FINISHED``, ``FAILED`` or ``KILLED``; ending it twice is harmless."""
        if status.upper() not in _STATUSES:
            raise BadInputError(
                f"{status!r} is not how a run ends.", f"Use {', '.join(_STATUSES)}."
            )
        self._terminate(run_id, status.upper())

    def _terminate(self, run_id: str, status: str) -> None:
        self._mlflow.call(f"the end of run {run_id}", lambda c: c.set_terminated(run_id, status))
        with self._lock:
            self._open = [other for other in self._open if other != run_id]

    def _experiment(self, name: str) -> str:
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
        root = self.config.artifact_root
        if root is None:
            return None
        from jarvis_dagster.services.files import safe_name

        return f"{root.rstrip('/')}/{safe_name(name)}"

    def _log_params(self, run_id: str, params: list[tuple[str, str]]) -> None:
        def log(client: MlflowClient) -> None:
            from mlflow.entities import Param

            for part in batches(params, _BATCH["params"]):
                client.log_batch(run_id, params=[Param(name, value) for name, value in part])

        self._mlflow.call(f"the parameters of run {run_id}", log)

    def _run(self, run_id: str | None) -> str:
        if run_id is not None:
            return run_id
        with self._lock:
            if len(self._open) == 1:
                return self._open[0]
            number = len(self._open)
        raise BadInputError(
            f"{number} runs are open, so it is not clear which one is meant.", "Pass run_id."
        )

    # -- models ------------------------------------------------------------------

    def log_model(
        self,
        model_path: str | Path,
        model_name: str,
        model_metadata: Mapping[str, Any] | None = None,
        run_id: str | None = None,
    ) -> str:
        """Keep a model file with a run and register it as a new version.

        The same file under the same name and run is the same version.

        Returns:
            The version: ``1``, ``2``, …
        """
        run_id = self._run(run_id)
        path = readable_file(model_path)
        tags = {"sha256": sha256_file(path), "file": path.name, "size": str(path.stat().st_size)}
        tags |= {f"jarvis.{name}": value for name, value in flat(model_metadata or {})}

        def log(client: MlflowClient) -> str:
            known = version_of(client, model_name, run_id, tags["sha256"])
            if known is not None:
                return known
            folder = f"models/{tags['sha256'][:16]}"
            client.log_artifact(run_id, str(path), folder)
            kept = {item.path: item.file_size for item in client.list_artifacts(run_id, folder)}
            if kept.get(f"{folder}/{path.name}") != path.stat().st_size:
                raise TransientError(
                    f"MLflow did not keep all of {path.name} for run {run_id}.",
                    "Check the space where MLflow keeps its files.",
                )
            register(client, model_name)
            uri = client.get_run(run_id).info.artifact_uri
            version = client.create_model_version(
                model_name, f"{uri}/{folder}", run_id, tags=tags, await_creation_for=60
            )
            return str(version.version)

        return self._mlflow.call(f"the model {model_name} of run {run_id}", log)

    def get_best_model(
        self, experiment_name: str, metric: str, higher_is_better: bool = True
    ) -> str | None:
        """The finished run with the best last value of ``metric``; None if there is none."""
        best: tuple[float, str] | None = None
        for run in self._runs(experiment_name):
            value = run.data.metrics.get(metric)
            if value is None or math.isnan(value):
                continue
            rank = value if higher_is_better else -value
            if best is None or rank > best[0]:
                best = (rank, str(run.info.run_id))
        return best[1] if best else None

    def _runs(self, experiment_name: str) -> Iterator[Run]:
        """The finished runs, oldest first."""
        found = self._mlflow.call(
            f"the experiment {experiment_name}", lambda c: c.get_experiment_by_name(experiment_name)
        )
        if found is None:
            return
        token: str | None = None
        while True:
            page = self._mlflow.call(
                f"the runs of {experiment_name}",
                lambda client, token=token: client.search_runs(  # type: ignore[misc]
                    [found.experiment_id],
                    filter_string="attributes.status = 'FINISHED'",
                    order_by=["attributes.start_time ASC"],
                    max_results=500,
                    page_token=token,
                ),
            )
            yield from page
            token = page.token
            if not token:
                return

    def compare_experiments(
        self, run_ids: Sequence[str], lower_is_better: Collection[str] | None = None
    ) -> dict[str, Any]:
        """What differs between runs; the first one is what the others are compared with.

        Args:
            lower_is_better: Metrics whose least value is best; None decides by
                name (``loss``, ``error``, ``seconds`` and the like).

        Returns:
            ``parameters``: for each that differs, its value by run id (None
            where a run has none). ``metrics``: for each, ``values`` and
            ``deltas`` to the first run by run id, ``best`` run id and
            ``higher_is_better``. ``artifacts``: paths by run id.

        Raises:
            BadInputError: fewer than two runs, or a run that does not exist.
        """
        if len(set(run_ids)) < 2:
            raise BadInputError("There are not two runs to compare.", "Name at least two run ids.")
        ids = list(dict.fromkeys(run_ids))
        runs = {
            run_id: self._mlflow.call(f"run {run_id}", lambda c, i=run_id: c.get_run(i))  # type: ignore[misc]
            for run_id in ids
        }
        artifacts = {run_id: sorted(self._artifacts(run_id, "")) for run_id in ids}
        return compare(
            {run_id: dict(run.data.params) for run_id, run in runs.items()},
            {run_id: dict(run.data.metrics) for run_id, run in runs.items()},
            artifacts,
            lower_is_better,
        )

    def _artifacts(self, run_id: str, folder: str) -> Iterator[str]:
        for item in self._mlflow.call(
            f"the files of run {run_id}", lambda c: c.list_artifacts(run_id, folder or None)
        ):
            if item.is_dir:
                yield from self._artifacts(run_id, item.path)
            else:
                yield item.path
