"""Runs: opened, written to, ended.

Belongs here: making and ending runs. Does not belong here: runs as blocks (``service.py``),
what a run is made of (``writing.py``), comparing runs (``comparing.py``).
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.experiment.identity import (
    IDENTITY,
    find_run,
    identity_tags,
    reopen,
    settle,
)
from jarvis_dagster.services.experiment.values import flat, number
from jarvis_dagster.services.experiment.writing import Writes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient

    from jarvis_dagster.services.experiment.config import ExperimentConfig

__all__ = ["Runs"]

_STATUSES = ("FINISHED", "FAILED", "KILLED")


class Runs(Writes):
    """Experiments and their runs."""

    def __init__(self, config: ExperimentConfig) -> None:
        super().__init__(config)
        self._open: list[str] = []
        self._lock = threading.Lock()
        self._finding = threading.Lock()

    def _make(
        self,
        experiment_name: str,
        parameters: Mapping[str, Any] | None,
        name: str | None,
        identity: Mapping[str, str] | None,
        component: str | None,
        parent: str | None,
    ) -> tuple[str, bool]:
        """The id of the run, and whether it goes on from an earlier attempt."""
        params = flat(parameters or {})
        experiment_id = self._experiment(experiment_name)
        tags = {} if identity is None else identity_tags(identity)
        tags |= {"jarvis.component": component} if component else {}
        tags |= {"mlflow.parentRunId": parent} if parent else {}
        digest = tags.get(IDENTITY)

        def find(client: MlflowClient) -> str | None:
            found = find_run(client, experiment_id, digest) if digest else None
            if found is not None:
                reopen(client, found)
            return str(found.info.run_id) if found else None

        def make(client: MlflowClient) -> str:
            made = client.create_run(experiment_id, tags=tags, run_name=name)
            return settle(client, made, digest) if digest else str(made.info.run_id)

        what = f"a run of {experiment_name}"
        with self._finding if digest else contextlib.nullcontext():
            earlier = self._mlflow.call(what, find) if digest else None
            # Without an identity a second one would stay open for ever.
            made = earlier or self._mlflow.call(what, make, attempts=None if digest else 1)
        try:
            self.log_parameters(made, params)
        except Exception:
            self._terminate(made, "FAILED")
            raise
        return made, earlier is not None

    # -- the specification's calls -------------------------------------------------

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
        run_id, _ = self._make(experiment_name, parameters, None, None, component, None)
        with self._lock:
            self._open.append(run_id)
        return run_id

    def log_metrics(
        self,
        metrics: Mapping[str, float],
        step: int | None = None,
        run_id: str | None = None,
    ) -> None:
        """Log metrics of a run at once, up to 1,000 in one call to the server.

        Args:
            run_id: None means the one run that this service has open.

        Raises:
            BadInputError: a value is not a number, or there is not exactly one
                open run to mean.
        """
        run_id = self._run(run_id)
        now_ms = int(time.time() * 1000)
        points = [(name, number(name, value), now_ms, step or 0) for name, value in metrics.items()]
        self.send_metrics(run_id, points)

    def end_experiment(self, run_id: str, status: str = "FINISHED") -> None:
        """End a run as ``FINISHED``, ``FAILED`` or ``KILLED``; ending it twice is harmless."""
        if status.upper() not in _STATUSES:
            raise BadInputError(
                f"{status!r} is not how a run ends.", f"Use {', '.join(_STATUSES)}."
            )
        self._terminate(run_id, status.upper())

    def end_runs_of(self, tag: str, value: str, status: str) -> list[str]:
        """End the open runs with a tag, whose process is gone; returns their ids."""
        found = self.open_runs(tag, value)
        for run_id in found:
            self.end_experiment(run_id, status)
        return found

    def open_runs(self, tag: str, value: str) -> list[str]:
        """The ids of the open runs that have a tag."""
        quote = '"' if "'" in value else "'"

        def look(client: MlflowClient) -> list[str]:
            known = [e.experiment_id for e in client.search_experiments()]
            found = client.search_runs(
                known, f"tags.`{tag}` = {quote}{value}{quote} and attributes.status = 'RUNNING'"
            )
            return [str(run.info.run_id) for run in found]

        return self._mlflow.call(f"the open runs with {tag}", look)

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

    def _terminate(self, run_id: str, status: str, *, attempts: int | None = None) -> None:
        self._mlflow.call(
            f"the end of run {run_id}",
            lambda c: c.set_terminated(run_id, status),
            attempts=attempts,
        )
        with self._lock:
            self._open = [other for other in self._open if other != run_id]
