"""What is told about a workflow.

Belongs here: pure functions from what Temporal knows to the status. Does not
belong here: calls to Temporal (``service.py``).

A workflow keeps its plan in its memo, ``steps``: a list of dictionaries with
``name``, ``state`` (waiting, running, finished), ``seconds`` when finished and
maybe ``frames``. A memo can be read without asking a worker.
"""

from __future__ import annotations

import dataclasses
import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

__all__ = ["STATUS", "STATUS_NAMES", "Facts", "not_found", "progress", "status_of", "weights"]

STATUS = {
    "RUNNING": "running",
    "PAUSED": "running",
    "CONTINUED_AS_NEW": "running",
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CANCELED": "cancelled",
    "TERMINATED": "terminated",
    "TIMED_OUT": "timed_out",
}
"""Temporal's names of the status and ours."""

STATUS_NAMES = tuple(dict.fromkeys(STATUS.values()))


@dataclasses.dataclass(frozen=True)
class Facts:
    """What Temporal knows of one workflow.

    Attributes:
        state: Temporal's name of the status.
        share: How much of the running step is done, from 0 to 1.
        attempt: The highest attempt of the running steps.
        past: The ``steps`` of earlier workflows of the kind that completed.
    """

    id: str
    state: str
    start: datetime.datetime
    end: datetime.datetime
    steps: Sequence[Mapping[str, Any]] = ()
    share: float = 0.0
    attempt: int = 1
    events: int = 0
    result: Any = None
    error: str | None = None
    past: Sequence[Sequence[Mapping[str, Any]]] = ()


def status_of(facts: Facts) -> dict[str, Any]:
    """The status as a dictionary; times are aware datetimes, durations seconds."""
    status = STATUS.get(facts.state, "running")
    finished = [step for step in facts.steps if step["state"] == "finished"]
    seconds = {step["name"]: float(step["seconds"]) for step in finished}
    frames = max((int(step.get("frames", 0)) for step in finished), default=0)
    done = progress(facts.steps, weights(facts.steps, facts.past), facts.share)
    performance: dict[str, Any] = {"step_seconds": seconds}
    if frames and sum(seconds.values()) > 0:
        performance["frames_per_second"] = frames / sum(seconds.values())
    return {
        "id": facts.id,
        "status": status,
        "start_time": facts.start,
        "execution_time": max((facts.end - facts.start).total_seconds(), 0.0),
        "result": facts.result,
        "progress": 1.0 if status == "completed" else done,
        "metrics": {
            "steps_finished": len(finished),
            "steps_planned": len(facts.steps),
            "attempt": facts.attempt,
            "events": facts.events,
            "frames": frames,
        },
        "performance": performance,
        "error": facts.error,
    }


def not_found(workflow_id: str) -> dict[str, Any]:
    """The status of a workflow that does not exist."""
    return {
        "id": workflow_id,
        "status": "not_found",
        "start_time": None,
        "execution_time": 0.0,
        "result": None,
        "progress": 0.0,
        "metrics": {},
        "performance": {},
        "error": f"There is no workflow {workflow_id}.",
    }


def weights(
    steps: Sequence[Mapping[str, Any]], past: Sequence[Sequence[Mapping[str, Any]]]
) -> dict[str, float]:
    """How long each step usually takes, in seconds; all the same where nothing is known."""
    known: dict[str, list[float]] = {}
    for earlier in past:
        for step in earlier:
            if step.get("seconds") is not None:
                known.setdefault(str(step["name"]), []).append(float(step["seconds"]))
    names = [str(step["name"]) for step in steps]
    if not all(name in known for name in names):
        return dict.fromkeys(names, 1.0)
    # A step that took no time still is a step.
    return {name: max(statistics.median(known[name]), 1e-3) for name in names}


def progress(
    steps: Sequence[Mapping[str, Any]], weight: Mapping[str, float], share: float
) -> float:
    """Finished over planned steps, weighted; ``share`` of the running one counts too."""
    total = sum(weight[str(step["name"])] for step in steps)
    if not total:
        return 0.0
    done = sum(
        weight[str(step["name"])]
        * {"finished": 1.0, "running": min(max(share, 0.0), 1.0)}.get(str(step["state"]), 0.0)
        for step in steps
    )
    return done / total
