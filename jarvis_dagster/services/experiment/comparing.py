"""Comparing runs: the best one, and what differs between some.

Belongs here: what a comparison is made of. Does not belong here: reading runs (``finding.py``),
what differs between them (``comparison.py``), how that looks (``page.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.experiment.comparison import compare, thinned
from jarvis_dagster.services.experiment.notes import notes_in, owner_in
from jarvis_dagster.services.experiment.run_log import CONFUSION, GALLERIES
from jarvis_dagster.services.experiment.values import finite

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mlflow.entities import Run

    from jarvis_dagster.services.experiment.finding import Reader, RunFacts

__all__ = ["best_run", "comparison"]

_MOST_CURVES = 40


def best_run(
    reader: Reader, experiment_name: str, metric: str, higher_is_better: bool
) -> str | None:
    """The finished run with the best last value of ``metric``; None if there is none."""
    best: tuple[float, str] | None = None
    for run in reader.search([experiment_name], "attributes.status = 'FINISHED'"):
        value = run.data.metrics.get(metric)
        if value is None or finite(value) is None:
            continue
        rank = value if higher_is_better else -value
        if best is None or rank > best[0]:
            best = (rank, str(run.info.run_id))
    return best[1] if best else None


def comparison(
    reader: Reader, run_ids: Sequence[str], lower_is_better: Collection[str] | None
) -> dict[str, Any]:
    """What differs between runs; see ``JarvisExperimentService.compare_experiments``."""
    if len(set(run_ids)) < 2:
        raise BadInputError("There are not two runs to compare.", "Name at least two run ids.")
    runs = {run_id: reader.get(run_id) for run_id in dict.fromkeys(run_ids)}
    artifacts = {run_id: reader.artifacts(run_id) for run_id in runs}
    facts = {run_id: reader.facts(run) for run_id, run in runs.items()}
    found = compare(
        {run_id: one.parameters for run_id, one in facts.items()},
        {run_id: dict(run.data.metrics) for run_id, run in runs.items()},
        artifacts,
        lower_is_better,
    )
    found["curves"] = _curves(reader, list(found["metrics"]), runs)
    found["confusions"] = _documents(reader, artifacts, f"{CONFUSION}/", ".json")
    found["galleries"] = _documents(reader, artifacts, f"{GALLERIES}/", "/gallery.json")
    found["runs"] = {run_id: _told(one) for run_id, one in facts.items()}
    return found


def _curves(reader: Reader, names: list[str], runs: dict[str, Run]) -> dict[str, Any]:
    """Metrics that some run recorded at several steps."""
    curves: dict[str, Any] = {}
    for name in names:
        having = [run_id for run_id, run in runs.items() if name in run.data.metrics]
        lines = {run_id: reader.curve(run_id, name) for run_id in having}
        if any(len(line) > 1 for line in lines.values()) and len(curves) < _MOST_CURVES:
            curves[name] = {run_id: thinned(line) for run_id, line in lines.items()}
    return curves


def _documents(
    reader: Reader, artifacts: dict[str, list[str]], start: str, end: str
) -> dict[str, dict[str, Any]]:
    """Documents of a kind, by name and run id."""
    found: dict[str, dict[str, Any]] = {}
    for run_id, paths in artifacts.items():
        for path in paths:
            if path.startswith(start) and path.endswith(end):
                name = path[len(start) : -len(end)]
                found.setdefault(name, {})[run_id] = reader.read_json(run_id, path)
    return found


def _told(facts: RunFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "experiment": facts.experiment,
        "status": facts.status,
        "started": facts.started.isoformat(timespec="seconds"),
        "seconds": facts.seconds,
        "owner": owner_in(facts.tags),
        "notes": [dataclasses.asdict(note) for note in notes_in(facts.tags)],
    }
