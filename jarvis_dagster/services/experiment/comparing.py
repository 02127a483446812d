"""Finding runs, and comparing them.

Belongs here: reading runs from MLflow. Does not belong here: what differs between them
(``comparison.py``), how that looks (``page.py``).
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.experiment.comparison import compare, thinned
from jarvis_dagster.services.experiment.models import Models
from jarvis_dagster.services.experiment.run_log import CONFUSION, GALLERIES
from jarvis_dagster.services.experiment.values import finite

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from mlflow.entities import Run

__all__ = ["Comparing", "RunFacts"]

_MOST_CURVES = 40
_PAGE = 500


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """One run, as lists show it. ``metrics`` are last values; None where not finite."""

    run_id: str
    experiment: str
    name: str
    status: str
    started: datetime
    seconds: float | None
    parameters: dict[str, str]
    metrics: dict[str, float | None]
    tags: dict[str, str]


class Comparing(Models):
    """Looking at runs."""

    def get_best_model(
        self, experiment_name: str, metric: str, higher_is_better: bool = True
    ) -> str | None:
        """The finished run with the best last value of ``metric``; None if there is none."""
        best: tuple[float, str] | None = None
        for run in self._runs([experiment_name], "attributes.status = 'FINISHED'"):
            value = run.data.metrics.get(metric)
            if value is None or finite(value) is None:
                continue
            rank = value if higher_is_better else -value
            if best is None or rank > best[0]:
                best = (rank, str(run.info.run_id))
        return best[1] if best else None

    def experiments(self) -> list[str]:
        """The names of all experiments."""
        return self._mlflow.call(
            "the experiments", lambda c: sorted(str(e.name) for e in c.search_experiments())
        )

    def runs(self, experiment_name: str | None = None, most: int = 100) -> list[RunFacts]:
        """The newest runs of one experiment or of all."""
        names = self.experiments() if experiment_name is None else [experiment_name]
        found = self._runs(names, "", newest_first=True)
        return [self._facts(run) for run, _ in zip(found, range(most), strict=False)]

    def find_run_id(self, start: str) -> str:
        """The whole id of a run, by its first characters or its name.

        Raises:
            BadInputError: no run or several are meant.
        """
        if len(start) == 32:
            return start
        runs = self.runs(most=10_000)
        meant = {r.run_id for r in runs if r.run_id.startswith(start) or r.name == start}
        if len(meant) != 1:
            raise BadInputError(
                f"{len(meant) or 'No'} runs are meant by {start[:60]!r}.",
                "Name more of the id; see `jarvis experiment list`.",
            )
        return meant.pop()

    def run_facts(self, run_id: str) -> RunFacts:
        """One run.

        Raises:
            BadInputError: there is no such run.
        """
        return self._facts(self._get(run_id))

    def artifacts(self, run_id: str) -> list[str]:
        """The paths of a run's files."""
        return sorted(self._artifacts(run_id, ""))

    def fetch_artifact(self, run_id: str, path: str, folder: Path) -> Path:
        """Download a file of a run into ``folder``."""
        return Path(
            self._mlflow.call(
                f"{path} of run {run_id}",
                lambda c: c.download_artifacts(run_id, path, str(folder)),
            )
        )

    def read_json(self, run_id: str, path: str) -> Any:
        """A document of a run."""
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            return json.loads(self.fetch_artifact(run_id, path, Path(scratch)).read_text("utf-8"))

    def curve(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """A metric by step, the last value where a step was recorded again."""
        points = self._mlflow.call(
            f"{metric} of run {run_id}", lambda c: c.get_metric_history(run_id, metric)
        )
        by_step = {p.step: p.value for p in sorted(points, key=lambda p: (p.step, p.timestamp))}
        return [(step, value) for step, v in by_step.items() if (value := finite(v)) is not None]

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
        if len(set(run_ids)) < 2:
            raise BadInputError("There are not two runs to compare.", "Name at least two run ids.")
        runs = {run_id: self._get(run_id) for run_id in dict.fromkeys(run_ids)}
        artifacts = {run_id: self.artifacts(run_id) for run_id in runs}
        facts = {run_id: self._facts(run) for run_id, run in runs.items()}
        found = compare(
            {run_id: one.parameters for run_id, one in facts.items()},
            {run_id: dict(run.data.metrics) for run_id, run in runs.items()},
            artifacts,
            lower_is_better,
        )
        found["curves"] = self._curves(list(found["metrics"]), runs)
        found["confusions"] = self._documents(artifacts, f"{CONFUSION}/", ".json")
        found["galleries"] = self._documents(artifacts, f"{GALLERIES}/", "/gallery.json")
        found["runs"] = {run_id: _told(one) for run_id, one in facts.items()}
        return found

    def _curves(self, names: list[str], runs: dict[str, Run]) -> dict[str, Any]:
        """Metrics that some run recorded at several steps."""
        curves: dict[str, Any] = {}
        for name in names:
            having = [run_id for run_id, run in runs.items() if name in run.data.metrics]
            lines = {run_id: self.curve(run_id, name) for run_id in having}
            if any(len(line) > 1 for line in lines.values()) and len(curves) < _MOST_CURVES:
                curves[name] = {run_id: thinned(line) for run_id, line in lines.items()}
        return curves

    def _documents(
        self, artifacts: dict[str, list[str]], start: str, end: str
    ) -> dict[str, dict[str, Any]]:
        """Documents of a kind, by name and run id."""
        found: dict[str, dict[str, Any]] = {}
        for run_id, paths in artifacts.items():
            for path in paths:
                if path.startswith(start) and path.endswith(end):
                    name = path[len(start) : -len(end)]
                    found.setdefault(name, {})[run_id] = self.read_json(run_id, path)
        return found

    def _get(self, run_id: str) -> Run:
        return self._mlflow.call(f"run {run_id}", lambda c: c.get_run(run_id))

    def _runs(
        self, experiment_names: Sequence[str], where: str, *, newest_first: bool = False
    ) -> Iterator[Run]:
        """The runs of experiments; of those that do not exist, none."""
        ids = [
            found.experiment_id
            for name in experiment_names
            if (
                found := self._mlflow.call(
                    f"the experiment {name}",
                    lambda c, name=name: c.get_experiment_by_name(name),  # type: ignore[misc]
                )
            )
        ]
        token: str | None = None
        while ids:
            page = self._mlflow.call(
                f"the runs of {', '.join(experiment_names)[:200]}",
                lambda client, token=token: client.search_runs(  # type: ignore[misc]
                    ids,
                    filter_string=where,
                    order_by=[f"attributes.start_time {'DESC' if newest_first else 'ASC'}"],
                    max_results=_PAGE,
                    page_token=token,
                ),
            )
            yield from page
            token = page.token
            if not token:
                return

    def _facts(self, run: Run) -> RunFacts:
        experiment = self._mlflow.call(
            "an experiment", lambda c: c.get_experiment(run.info.experiment_id)
        )
        ended = run.info.end_time
        return RunFacts(
            run_id=str(run.info.run_id),
            experiment=str(experiment.name),
            name=str(run.info.run_name or ""),
            status=str(run.info.status),
            started=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
            seconds=(ended - run.info.start_time) / 1000 if ended else None,
            parameters=dict(run.data.params),
            metrics={name: finite(value) for name, value in run.data.metrics.items()},
            tags=dict(run.data.tags),
        )

    def _artifacts(self, run_id: str, folder: str) -> Iterator[str]:
        for item in self._mlflow.call(
            f"the files of run {run_id}", lambda c: c.list_artifacts(run_id, folder or None)
        ):
            if item.is_dir:
                yield from self._artifacts(run_id, item.path)
            else:
                yield item.path


def _told(facts: RunFacts) -> dict[str, Any]:
    from jarvis_dagster.services.experiment.notes import notes_in, owner_in

    return {
        "name": facts.name,
        "experiment": facts.experiment,
        "status": facts.status,
        "started": facts.started.isoformat(timespec="seconds"),
        "seconds": facts.seconds,
        "owner": owner_in(facts.tags),
        "notes": [dataclasses.asdict(note) for note in notes_in(facts.tags)],
    }
