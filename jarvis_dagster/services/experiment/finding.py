"""Finding runs, and reading what they recorded.

Belongs here: reading from MLflow. Does not belong here: comparing (``comparing.py``).
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.experiment.values import finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlflow.entities import Run

    from jarvis_dagster.services.experiment.client import Mlflow

__all__ = ["Reader", "RunFacts"]

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


class Reader:
    """Looks at the runs of one server."""

    def __init__(self, mlflow: Mlflow) -> None:
        self._mlflow = mlflow

    def experiments(self) -> list[str]:
        """The names of all experiments."""
        return self._mlflow.call(
            "the experiments", lambda c: sorted(str(e.name) for e in c.search_experiments())
        )

    def runs(self, experiment_name: str | None = None, most: int = 100) -> list[RunFacts]:
        """The newest runs of one experiment or of all."""
        found = self.search(self._names(experiment_name), "", newest_first=True)
        known: dict[str, str] = {}
        return [self.facts(run, known) for run, _ in zip(found, range(most), strict=False)]

    def _names(self, experiment_name: str | None) -> list[str]:
        return self.experiments() if experiment_name is None else [experiment_name]

    def find_run_id(self, start: str) -> str:
        """The whole id of a run, by its first characters or its name.

        Raises:
            BadInputError: no run or several are meant.
        """
        if len(start) == 32:
            return start
        meant = {
            str(run.info.run_id)
            for run in self.search(self.experiments(), "")
            if run.info.run_id.startswith(start) or run.info.run_name == start
        }
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
        return self.facts(self.get(run_id))

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

    def read_file(self, run_id: str, path: str) -> bytes:
        """The content of a file of a run."""
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            return self.fetch_artifact(run_id, path, Path(scratch)).read_bytes()

    def read_json(self, run_id: str, path: str) -> Any:
        """A document of a run."""
        return json.loads(self.read_file(run_id, path))

    def curve(self, run_id: str, metric: str) -> list[tuple[int, float]]:
        """A metric by step, the last value where a step was recorded again."""
        points = self._mlflow.call(
            f"{metric} of run {run_id}", lambda c: c.get_metric_history(run_id, metric)
        )
        by_step = {p.step: p.value for p in sorted(points, key=lambda p: (p.step, p.timestamp))}
        return [(step, value) for step, v in by_step.items() if (value := finite(v)) is not None]

    def get(self, run_id: str) -> Run:
        """A run as MLflow has it."""
        return self._mlflow.call(f"run {run_id}", lambda c: c.get_run(run_id))

    def search(
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

    def facts(self, run: Run, known: dict[str, str] | None = None) -> RunFacts:
        """One run; ``known`` are names of experiments that need not be asked for again."""
        known, owner = {} if known is None else known, str(run.info.experiment_id)
        if owner not in known:
            known[owner] = self._mlflow.call(
                f"the experiment {owner}", lambda c: str(c.get_experiment(owner).name)
            )
        ended = run.info.end_time
        return RunFacts(
            run_id=str(run.info.run_id),
            experiment=known[owner],
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
