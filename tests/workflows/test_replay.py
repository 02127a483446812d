"""Workflows that began with the code of before go on with the code of now."""

from __future__ import annotations

import asyncio
import datetime
import json
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from jarvis_dagster.services.workflow import WORKFLOWS
from jarvis_dagster.workflows.registry import WORKFLOW_CLASSES
from jarvis_dagster.workflows.vision import STEPS
from tests.workflows.record import CASES, HISTORIES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")


def recorded(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(f"recorded-{path.stem}", path.read_text("utf-8"))


async def _replayed(path: Path) -> None:
    await Replayer(workflows=list(WORKFLOW_CLASSES)).replay_workflow(recorded(path))


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
def test_a_recorded_history_is_replayed(path: Path) -> None:
    asyncio.run(_replayed(path))


def test_every_workflow_has_a_recorded_history() -> None:
    kinds = {
        json.loads(path.read_text("utf-8"))["events"][0]["workflowExecutionStartedEventAttributes"][
            "workflowType"
        ]["name"]
        for path in HISTORIES.glob("*.json")
    }
    assert kinds == set(WORKFLOWS)
    assert set(CASES) <= {path.stem for path in HISTORIES.glob("*.json")}


@workflow.defn(name="computer-vision", sandboxed=False)
class Changed:
    """What a careless change looks like: one step less."""

    @workflow.run
    async def run(self, input_data: dict[str, Any]) -> None:
        for step in STEPS[1:]:
            await workflow.execute_activity(
                step, input_data, start_to_close_timeout=datetime.timedelta(seconds=1)
            )


def test_a_change_that_would_break_running_workflows_is_found() -> None:
    async def replay() -> None:
        replayer = Replayer(workflows=[Changed])
        await replayer.replay_workflow(recorded(HISTORIES / "computer-vision.json"))

    with pytest.raises(workflow.NondeterminismError):
        asyncio.run(replay())
