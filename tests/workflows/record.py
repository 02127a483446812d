"""Record histories of every workflow, for the replay tests.

``python -m tests.workflows.record [NAME ...]`` runs each workflow on a Temporal server of its own,
with activities that answer at once, and writes ``tests/workflows/histories/NAME.json``. Run it for
a new workflow, and under a NEW name after a change: a history that is there is what workflows in
the field began with, and stays (docs/workflows.md, "Changing a workflow").
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import socket
import sys
import tempfile
from collections.abc import Sequence  # noqa: TC003 - Temporal reads the annotations
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.common import RawValue  # noqa: TC002
from temporalio.worker import Worker

from jarvis_dagster.services.workflow.names import KINDS, queue_of
from jarvis_dagster.workflows.registry import WORKFLOW_CLASSES
from tests.servers import run_temporal

HISTORIES = Path(__file__).parent / "histories"


@dataclasses.dataclass(frozen=True)
class Case:
    """One history: a workflow, its input, and what its activities answer, in turn."""

    workflow: str
    given: dict[str, Any]
    answers: dict[str, Sequence[dict[str, Any]]]


def _step(name: str, **more: Any) -> dict[str, Any]:
    return {"outputs": {name: f"a/{name}"}, "summary": {}, "seconds": 1.0, "frames": 60, **more}


_VISION = {name: [_step(name)] for name in ("processing", "features", "inference")}
_PLAN = {
    "id": "p",
    "frames": 90,
    "model": "m",
    "model_version": "1",
    "stride": 2,
    "stride_reason": "r",
    "heartbeat_s": 20.0,
    "segments": [[0, 30], [30, 60], [60, 90]],
}
_PARTS = {
    "detection_plan": [_PLAN],
    "detection_part": [{"key": f"a/{number}"} for number in range(4)],
    "detection_join": [
        {"again": [{"number": 1, "memory_key": "a/m"}]},
        {"again": [], "rows": 9, "detections": "a/d", "kit": "a/k"},
    ],
}
_ASKED = {"id": "1", "expires_at": 4e9, "allowed": False}

CASES = {
    "computer-vision": Case("computer-vision", {"video_key": "a/x.mp4"}, _VISION),
    "computer-vision.by-parts": Case(
        "computer-vision", {"video_key": "a/x.mp4", "fan_out": True}, {**_VISION, **_PARTS}
    ),
    "computer-vision.by-dagster": Case(
        "computer-vision",
        {"partition": "game"},
        {"dagster_run": [{"run_id": "r", "url": "u", "job": "process_video", "seconds": 1.0}]},
    ),
    "video-detection": Case("video-detection", {"video_key": "a/x.mp4"}, _PARTS),
    "hockey-detection": Case(
        "hockey-detection",
        {"dataset": "d"},
        {
            name: [{"job": {"dataset": "d"}}]
            for name in ("data_preparation", "training", "evaluation", "deployment")
        },
    ),
    "hockey-detection.by-dagster": Case(
        "hockey-detection",
        {"dataset": "d", "by": "dagster", "decide": True},
        {
            "dagster_run": [
                {"run_id": f"r{number}", "url": "u", "job": "j", "seconds": 1.0}
                for number in range(2)
            ]
        },
    ),
    "approval": Case(
        "approval",
        {"kind": "results", "subject": "s", "content": "c"},
        {"approval_ask": [{**_ASKED, "state": "approved", "allowed": True}]},
    ),
    "autonomous-hockey-analysis": Case(
        "autonomous-hockey-analysis",
        {"look_every_s": 60, "rounds": 1},
        {
            "autopilot_collect": [{"cameras": ["north"]}],
            "autopilot_analyse": [{"camera": "north", "action": "adapt"}],
            "autopilot_search": [{"camera": "north"}],
            "autopilot_act": [{"camera": "north", "what": "adapted"}],
        },
    ),
}


def _answering(case: Case) -> Any:
    turns = {name: iter(answers) for name, answers in case.answers.items()}

    @activity.defn(dynamic=True)
    async def answer(_: Sequence[RawValue]) -> Any:
        return next(turns[activity.info().activity_type])

    return answer


async def record(address: str, name: str, workflows: Sequence[type] = WORKFLOW_CLASSES) -> str:
    """Run a case; its history as JSON."""
    case, client = CASES[name], await Client.connect(address)
    answer, queue = _answering(case), f"record-{name}"
    workers = [Worker(client, task_queue=queue, workflows=list(workflows), activities=[answer])]
    workers += [
        Worker(client, task_queue=queue_of(queue, kind), activities=[answer]) for kind in KINDS
    ]
    serving = [asyncio.create_task(worker.run()) for worker in workers]
    handle = await client.start_workflow(
        case.workflow, case.given, id=f"recorded-{name}", task_queue=queue
    )
    await handle.result()
    history = await handle.fetch_history()
    await asyncio.gather(*(worker.shutdown() for worker in workers))
    await asyncio.gather(*serving)
    text = json.dumps(json.loads(history.to_json()), indent=1, sort_keys=True) + "\n"
    return text.replace(f"{os.getpid()}@{socket.gethostname()}", "worker")


def main(names: Sequence[str]) -> None:
    """Record the named cases, or all."""
    with tempfile.TemporaryDirectory() as folder:
        server = run_temporal(Path(folder))
        try:
            for name in names or CASES:
                text = asyncio.run(record(server.address, name))
                (HISTORIES / f"{name}.json").write_text(text, "utf-8")
                sys.stdout.write(f"{name}\n")
        finally:
            server.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
