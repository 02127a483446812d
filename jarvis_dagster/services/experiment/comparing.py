"""Comparing runs.

Belongs here: what a comparison is made of. Does not belong here: reading runs (``finding.py``),
what differs between them (``comparison.py``), how that looks (``page.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.experiment.comparison import compare, thinned
from jarvis_dagster.services.experiment.finding import Finding, RunFacts
from jarvis_dagster.services.experiment.run_log import CONFUSION, GALLERIES
from jarvis_dagster.services.experiment.values import finite

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mlflow.entities import Run

__all__ = ["Comparing"]

_MOST_CURVES = 40


class Comparing(Finding):
    """Comparing runs."""

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
