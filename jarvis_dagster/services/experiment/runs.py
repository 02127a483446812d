"""Runs: opened, written to, ended.

Belongs here: making and ending runs. Does not belong here: runs as blocks (``service.py``),
what a run is made of (``writing.py``), comparing runs (``comparing.py``).
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.experiment.identity import (
    IDENTITY,
    find_run,
    identity_tags,
    reopen,
    settle,
)
from jarvis_dagster.services.experiment.values import flat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient

    from jarvis_dagster.services.experiment.client import Mlflow
    from jarvis_dagster.services.experiment.writing import Writer

__all__ = ["Runs"]

_STATUSES = ("FINISHED", "FAILED", "KILLED")


class Runs:
    """The runs of one server that are open."""

    def __init__(self, mlflow: Mlflow, writer: Writer) -> None:
        self._mlflow = mlflow
        self._writer = writer
        self._open: list[str] = []
        self._lock = threading.Lock()
        self._finding = threading.Lock()

    def begin(
        self,
        experiment_name: str,
        parameters: Mapping[str, Any] | None,
        component: str | None,
        *,
        name: str | None = None,
        identity: Mapping[str, str] | None = None,
        parent: str | None = None,
    ) -> tuple[str, bool]:
        """The id of the run, and whether it goes on from an earlier attempt."""
        params = flat(parameters or {})
        experiment_id = self._writer.experiment_id(experiment_name)
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
            self._writer.log_parameters(made, params)
        except Exception:
            self.end(made, "FAILED")
            raise
        return made, earlier is not None

    def remember(self, run_id: str) -> None:
        """Count a run among those that are meant where none is named."""
        with self._lock:
            self._open.append(run_id)

    def still_open(self, tag: str, value: str) -> list[str]:
        """The ids of the open runs that have a tag."""
        quote = '"' if "'" in value else "'"

        def look(client: MlflowClient) -> list[str]:
            known = [e.experiment_id for e in client.search_experiments()]
            found = client.search_runs(
                known, f"tags.`{tag}` = {quote}{value}{quote} and attributes.status = 'RUNNING'"
            )
            return [str(run.info.run_id) for run in found]

        return self._mlflow.call(f"the open runs with {tag}", look)

    def meant(self, run_id: str | None) -> str:
        """The run that is named, or the one that this service has open."""
        if run_id is not None:
            return run_id
        with self._lock:
            if len(self._open) == 1:
                return self._open[0]
            number = len(self._open)
        raise BadInputError(
            f"{number} runs are open, so it is not clear which one is meant.", "Pass run_id."
        )

    def end(self, run_id: str, status: str, *, attempts: int | None = None) -> None:
        """End a run as ``FINISHED``, ``FAILED`` or ``KILLED``; ending it twice is harmless."""
        if status not in _STATUSES:
            raise BadInputError(
                f"{status!r} is not how a run ends.", f"Use {', '.join(_STATUSES)}."
            )
        self._mlflow.call(
            f"the end of run {run_id}",
            lambda c: c.set_terminated(run_id, status),
            attempts=attempts,
        )
        with self._lock:
            self._open = [other for other in self._open if other != run_id]
