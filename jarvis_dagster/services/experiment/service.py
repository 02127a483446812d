"""JarvisExperimentService: experiments, their runs, and versions of models.

Belongs here: what can be asked, and a run as a block. Does not belong here: the calls to MLflow
(``runs.py``: opening and ending runs; ``writing.py``: what is recorded; ``finding.py``: reading it;
``models.py``: the registry), what is made of the answers (``comparing.py``, ``notes.py``,
``page.py``, ``reproduction.py``), how MLflow is called (``client.py``).
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.services.experiment import comparing, notes
from jarvis_dagster.services.experiment.client import Mlflow
from jarvis_dagster.services.experiment.finding import Reader
from jarvis_dagster.services.experiment.models import CHAMPION, ModelRegistry
from jarvis_dagster.services.experiment.run_log import RunLog
from jarvis_dagster.services.experiment.runs import Runs
from jarvis_dagster.services.experiment.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.services.experiment.config import ExperimentConfig
    from jarvis_dagster.services.experiment.finding import RunFacts
    from jarvis_dagster.services.experiment.moves import Move
    from jarvis_dagster.services.experiment.notes import Note
    from jarvis_dagster.services.experiment.recipe import DataRef
    from jarvis_dagster.services.experiment.registry import Registered
    from jarvis_dagster.services.experiment.reproduction import Reproduction
    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["JarvisExperimentService"]

_LOG = logging.getLogger(__name__)


class JarvisExperimentService:
    """Experiments in MLflow, without its globals. Nothing connects before the first call.

    Args:
        storage: Makes the storage service, for the data of runs that are made again.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        storage: Callable[[], JarvisStorageService] | None = None,
    ) -> None:
        self.config = config
        self._storage = storage
        self._mlflow = Mlflow(config)
        self._reader = Reader(self._mlflow)
        self._writer = Writer(self._mlflow)
        self._runs = Runs(self._mlflow, self._writer)
        self._registry = ModelRegistry(self._mlflow)

    def close(self) -> None:
        """Forget the connection; open runs stay open."""
        self._mlflow.close()

    def check(self) -> None:
        """Return when MLflow answers; otherwise raise with a remedy."""
        self._mlflow.check()

    # -- runs --------------------------------------------------------------------------

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
        run_id, _ = self._runs.begin(experiment_name, parameters, component)
        self._runs.remember(run_id)
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
        self._writer.log_metrics(self._runs.meant(run_id), metrics, step)

    def end_experiment(self, run_id: str, status: str = "FINISHED") -> None:
        """End a run as ``FINISHED``, ``FAILED`` or ``KILLED``; ending it twice is harmless."""
        self._runs.end(run_id, status.upper())

    def end_runs_of(self, tag: str, value: str, status: str) -> list[str]:
        """End the open runs with a tag, whose process is gone; returns their ids."""
        found = self._runs.still_open(tag, value)
        for run_id in found:
            self.end_experiment(run_id, status)
        return found

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
        made, continued = self._runs.begin(
            experiment_name, parameters, component, name=name, identity=identity, parent=parent
        )
        log = RunLog(self._writer, self._registry, made, continued=continued)
        patient = self.config.patient_attempts
        status = "KILLED"
        try:
            yield log
            log.flush(attempts=patient)
            status = "FINISHED"
        except Exception:
            status = "FAILED"
            raise
        finally:
            if status == "FINISHED":
                self._runs.end(made, status, attempts=patient)
            else:
                self._end_in_failure(log, status)

    def _end_in_failure(self, log: RunLog, status: str) -> None:
        """Record the end; the error that led to it is the one to tell."""
        try:
            log.flush()
            self._runs.end(log.run_id, status)
        except JarvisError as error:
            _LOG.warning("The end of run %s (%s) is not recorded: %s", log.run_id, status, error)

    # -- looking at runs ---------------------------------------------------------------

    def runs(self, experiment_name: str | None = None, most: int = 100) -> list[RunFacts]:
        """The newest runs of one experiment or of all."""
        return self._reader.runs(experiment_name, most)

    def find_run_id(self, start: str) -> str:
        """The whole id of a run, by its first characters or its name.

        Raises:
            BadInputError: no run or several are meant.
        """
        return self._reader.find_run_id(start)

    def run_facts(self, run_id: str) -> RunFacts:
        """One run.

        Raises:
            BadInputError: there is no such run.
        """
        return self._reader.run_facts(run_id)

    def curve(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """A metric by step, the last value where a step was recorded again."""
        return self._reader.curve(run_id, metric)

    def artifacts(self, run_id: str) -> list[str]:
        """The paths of a run's files."""
        return self._reader.artifacts(run_id)

    def fetch_artifact(self, run_id: str, path: str, folder: Path) -> Path:
        """Download a file of a run into ``folder``."""
        return self._reader.fetch_artifact(run_id, path, folder)

    def read_json(self, run_id: str, path: str) -> Any:
        """A document of a run."""
        return self._reader.read_json(run_id, path)

    def url_of(self, run_id: str) -> str:
        """The page of a run in MLflow; with a database, the run's id."""
        return self._mlflow.page_of(run_id)

    # -- comparing ---------------------------------------------------------------------

    def get_best_model(
        self, experiment_name: str, metric: str, higher_is_better: bool = True
    ) -> str | None:
        """The finished run with the best last value of ``metric``; None if there is none."""
        return comparing.best_run(self._reader, experiment_name, metric, higher_is_better)

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
            ``higher_is_better``. ``artifacts``: paths by run id. ``curves``: for each metric
            with several steps, ``[step, value]`` pairs by run id. ``confusions``:
            ``[true][said]`` counts by name and run id. ``galleries``: by name and run id, the
            ``picture`` (a path among the artifacts) and ``caption`` of each error.
            ``runs``: name, experiment, status, start, duration, notes and owner by run id.

        Raises:
            BadInputError: fewer than two runs, or a run that does not exist.
        """
        return comparing.comparison(self._reader, run_ids, lower_is_better)

    def comparison_page(self, comparison: Mapping[str, Any], *, title: str = "") -> str:
        """What ``compare_experiments`` returns as one HTML page that needs nothing else."""
        from jarvis_dagster.services.experiment.page import comparison_page

        return comparison_page(comparison, self._reader.read_file, title=title)

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

        fetch = fetch or fetcher(self._registry, self._storage)
        facts = self.run_facts(run_id)
        with self.run(
            facts.experiment, name=f"{facts.name} again", parent=run_id, component="toolchain"
        ) as log:
            found = reproduce(
                self._reader, run_id, fetch, recreate_packages=recreate_packages, told=told
            )
            log.tags({"jarvis.reproduces": run_id})
            log.metrics({one.name: one.again for one in found.figures if one.again is not None})
            log.json("reproduction", found.to_json())
        self._writer.set_tags(run_id, {"jarvis.reproduced": "yes" if found.agrees else "no"})
        return found

    # -- working on them together ------------------------------------------------------

    def add_note(self, run_id: str, text: str, by: str) -> Note:
        """Add a note to a run; MLflow's page shows all of them as the description.

        Notes are never changed, and two at once are both kept.

        Raises:
            BadInputError: it says nothing, or too much.
        """
        return notes.add_note(self._reader, self._writer, run_id, text, by)

    def notes(self, run_id: str) -> list[Note]:
        """The notes of a run, oldest first."""
        return notes.notes_in(self.run_facts(run_id).tags)

    def tag_run(self, run_id: str, name: str, text: str | None) -> None:
        """Set a tag of a run, or take it away (None).

        Raises:
            BadInputError: the name is the platform's, or cannot be one.
        """
        notes.tag_run(self._reader, self._writer, run_id, name, text)

    def set_owner(self, run_id: str, owner: str) -> None:
        """Say whose run it is."""
        notes.set_owner(self._writer, run_id, owner)

    # -- models ------------------------------------------------------------------------

    def log_model(
        self,
        model_path: str | Path,
        model_name: str,
        model_metadata: Mapping[str, Any] | None = None,
        run_id: str | None = None,
    ) -> str:
        """Keep a model file with a run and register it as a new version.

        The same file under the same name and run is the same version.

        Args:
            run_id: As of :meth:`log_metrics`.

        Returns:
            The version: ``1``, ``2``, …
        """
        meant = self._runs.meant(run_id)
        return self._registry.log_model(meant, model_path, model_name, model_metadata or {})

    def models(self) -> list[str]:
        """The names of all registered models."""
        return self._registry.models()

    def versions(self, model_name: str) -> list[Registered]:
        """Every version of a model, newest first; empty where there is no such model."""
        return self._registry.versions(model_name)

    def model(self, model_name: str, which: str) -> Registered | None:
        """The version that a number, an alias or a stage means; None where there is none."""
        return self._registry.model(model_name, which)

    def fetch_model(self, model: Registered, target: Path) -> Path:
        """Write the file of a version to ``target``, verified.

        Raises:
            PermanentError: it is not what was registered.
        """
        return self._registry.fetch_model(model, target)

    def moves(self, model_name: str) -> list[Move]:
        """Every recorded move of the aliases of a model, oldest first."""
        return self._registry.moves(model_name)

    def move_alias(
        self,
        model_name: str,
        alias: str,
        version: str | None,
        *,
        by: str,
        why: str,
        how: str = "set",
        expected: str | bool | None = False,
        decision: str = "",
    ) -> Move:
        """Point an alias at a version, in one step, and record who did it and why.

        Args:
            version: None takes the alias away.
            expected: What the alias must point at now; False means anything.

        Raises:
            ConflictError: it points at something else than expected.
            BadInputError: there is no such model or version.
            TransientError: MLflow is away, or others kept moving the same alias.
        """
        return self._registry.move_alias(
            model_name,
            alias,
            version,
            by=by,
            why=why,
            how=how,
            expected=expected,
            decision=decision,
        )

    def roll_back(self, model_name: str, *, by: str, why: str, alias: str = CHAMPION) -> Move:
        """Point an alias at what it pointed at before its last move; again goes further back.

        Raises:
            BadInputError: nothing was there before.
        """
        return self._registry.roll_back(model_name, by=by, why=why, alias=alias)

    def tag_model(self, model_name: str, version: str, values: Mapping[str, str]) -> None:
        """Set tags of a version."""
        self._registry.tag_model(model_name, version, values)
