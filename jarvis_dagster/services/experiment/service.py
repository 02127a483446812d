"""JarvisExperimentService: experiments, their runs, and versions of models.

Belongs here: a run as a block, the page of a comparison, making figures again. The rest is in
the classes that the service is made of: ``runs.py`` (opening, ending), ``writing.py`` (what is
recorded), ``models.py`` (the registry), ``finding.py``, ``comparing.py``, ``notes.py``. Does not
belong here: how MLflow is called (``client.py``).
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.services.experiment.notes import Notes
from jarvis_dagster.services.experiment.run_log import RunLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jarvis_dagster.services.experiment.config import ExperimentConfig
    from jarvis_dagster.services.experiment.recipe import DataRef
    from jarvis_dagster.services.experiment.reproduction import Reproduction
    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["JarvisExperimentService"]

_LOG = logging.getLogger(__name__)


class JarvisExperimentService(Notes):
    """Experiments in MLflow, without its globals. Nothing connects before the first call.

    Args:
        storage: Makes the storage service, for the data of runs that are made again.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        storage: Callable[[], JarvisStorageService] | None = None,
    ) -> None:
        super().__init__(config)
        self._storage = storage

    @contextlib.contextmanager
    def run(
        self,
        experiment_name: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        identity: Mapping[str, str] | None = None,
        component: str | None = None,
        parent: str | None = None,
    ) -> Iterator[RunLog]:
        """A run for the length of a block, whose end is always recorded.

        ``FINISHED`` after the block, ``FAILED`` after an error in it, ``KILLED`` after an
        interrupt. Any number of them may be open at once, in threads or inside each other.

        Args:
            parameters: See :meth:`start_experiment`.
            name: What people read; None lets MLflow invent one.
            identity: What makes it the same work when it is tried again, as the run, asset
                and partition of Dagster do: the run of an earlier attempt goes on.
            parent: The id of the run that this one is a part of.
        """
        made, continued = self._make(experiment_name, parameters, name, identity, component, parent)
        log = RunLog(self, made, continued=continued)
        status = "KILLED"
        try:
            yield log
            log.flush(attempts=self.config.patient_attempts)
            status = "FINISHED"
        except Exception:
            status = "FAILED"
            raise
        finally:
            if status == "FINISHED":
                self._terminate(made, status, attempts=self.config.patient_attempts)
            else:
                self._end_in_failure(log, status)

    def reproduce(
        self,
        run_id: str,
        fetch: Callable[[DataRef, Path], None] | None = None,
        *,
        recreate_packages: bool = False,
        told: Callable[[str], None] | None = None,
    ) -> Reproduction:
        """Make the figures of a run again, compare them, and record that as a run of its own.

        Args:
            fetch: Writes a file of the recipe to a path; None fetches from the object store
                and the registry.

        See :func:`~jarvis_dagster.services.experiment.reproduction.reproduce`.
        """
        from jarvis_dagster.services.experiment.fetching import fetcher
        from jarvis_dagster.services.experiment.reproduction import reproduce

        fetch = fetch or fetcher(self, self._storage)
        facts = self.run_facts(run_id)
        with self.run(
            facts.experiment, name=f"{facts.name} again", parent=run_id, component="toolchain"
        ) as log:
            found = reproduce(self, run_id, fetch, recreate_packages=recreate_packages, told=told)
            log.tags({"jarvis.reproduces": run_id})
            log.metrics({one.name: one.again for one in found.figures if one.again is not None})
            log.json("reproduction", found.to_json())
        self.set_tags(run_id, {"jarvis.reproduced": "yes" if found.agrees else "no"})
        return found

    def comparison_page(self, comparison: Mapping[str, Any], *, title: str = "") -> str:
        """What ``compare_experiments`` returns as one HTML page that needs nothing else."""
        from jarvis_dagster.services.experiment.page import comparison_page

        return comparison_page(comparison, self._read_file, title=title)

    def _read_file(self, run_id: str, path: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            return self.fetch_artifact(run_id, path, Path(scratch)).read_bytes()

    def _end_in_failure(self, log: RunLog, status: str) -> None:
        """Record the end; the error that led to it is the one to tell."""
        try:
            log.flush()
            self._terminate(log.run_id, status)
        except JarvisError as error:
            _LOG.warning("The end of run %s (%s) is not recorded: %s", log.run_id, status, error)
