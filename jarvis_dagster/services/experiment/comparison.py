"""What differs between runs.

Belongs here: pure comparison. Does not belong here: where runs come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.experiment.values import finite

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["compare", "thinned"]

_LOWER_WORDS = (
    *("loss", "error", "mae", "mse", "rmse", "latency", "duration"),
    *("seconds", "switches", "misses", "false_positives", "false_negatives"),
)


def compare(
    parameters: Mapping[str, Mapping[str, str]],
    metrics: Mapping[str, Mapping[str, float]],
    artifacts: Mapping[str, list[str]],
    lower_is_better: Collection[str] | None = None,
) -> dict[str, Any]:
    """Compare runs; all arguments are by run id, and the first run is the base."""
    ids = list(parameters)
    names = sorted({name for run in parameters.values() for name in run})
    differing = {}
    for name in names:
        values = {run_id: parameters[run_id].get(name) for run_id in ids}
        if len(set(values.values())) > 1:
            differing[name] = values
    return {
        "parameters": differing,
        "metrics": {
            name: _metric({run_id: metrics[run_id].get(name) for run_id in ids}, lower)
            for name in sorted({name for run in metrics.values() for name in run})
            for lower in [_is_lower_better(name, lower_is_better)]
        },
        "artifacts": dict(artifacts),
    }


def _metric(values: dict[str, float | None], lower: bool) -> dict[str, Any]:
    known = {k: v for k, v in values.items() if v is not None and finite(v) is not None}
    base = known.get(next(iter(values)))
    best = (min if lower else max)(known, key=lambda k: known[k]) if known else None
    return {
        "values": values,
        "deltas": {
            run_id: known[run_id] - base if run_id in known and base is not None else None
            for run_id in values
        },
        "best": best,
        "higher_is_better": not lower,
    }


def _is_lower_better(name: str, chosen: Collection[str] | None) -> bool:
    if chosen is not None:
        return name in chosen
    return any(word in name.lower() for word in _LOWER_WORDS)


def thinned(line: Sequence[tuple[int, float]], most: int = 400) -> list[list[float]]:
    """At most ``most`` points of a curve: of each stretch the lowest and the highest.

    Peaks stay, which every n-th point would lose.
    """
    if len(line) <= most:
        return [[step, value] for step, value in line]
    kept: set[tuple[int, float]] = {line[0], line[-1]}
    stretches = most // 2 - 1
    for number in range(stretches):
        part = line[number * len(line) // stretches : (number + 1) * len(line) // stretches]
        kept |= {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
    return [[step, value] for step, value in sorted(kept)]
