"""A workflow waits for a person, on a real Temporal server, whoever is restarted meanwhile."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from jarvis_dagster.services.approval import ApprovalsConfig
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.notification import NotificationConfig
from jarvis_dagster.services.security import SecurityConfig
from jarvis_dagster.services.workflow import WorkflowConfig
from jarvis_dagster.workflows.approval import ApprovalWorkflow, ask
from jarvis_dagster.workflows.approval_activities import ApprovalActivities

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.servers import Server

ASKED = {"kind": "parameters", "subject": "north", "content": {"score": 0.35}}


@workflow.defn(name="asks-a-person")
class Asking:
    """As the Autopilot does it."""

    @workflow.run
    async def run(self, score: float) -> str:
        decision = await ask(
            "parameters",
            "north",
            {"score": score},
            {"AP50": (0.61, 0.66)},
            title="Lower the threshold",
            by="autopilot",
        )
        return "changed" if decision["allowed"] else f"kept: {decision['reason']}"


@pytest.fixture
def core(temporal_server: Server, tmp_path: Path) -> Iterator[JarvisCoreServices]:
    required = {"required": True}
    approvals = {"directory": tmp_path, "parameters": required}
    approvals |= {"labels": {"required": True, "expires_hours": 2 / 3600}}
    made = JarvisCoreServices(
        workflow=WorkflowConfig(address=temporal_server.address, task_queue=f"q-{uuid.uuid4()}"),
        notification=NotificationConfig(directory=tmp_path),
        security=SecurityConfig(directory=tmp_path),
        approvals=ApprovalsConfig.model_validate(approvals),
    )
    made.security_service.add_account("dev", "developer", password="a long walk on thin ice")
    made.security_service.add_account("kim", "user", password="a long walk on thin ice")
    yield made
    made.close()


@contextlib.asynccontextmanager
async def working(core: JarvisCoreServices, client: Client) -> AsyncIterator[None]:
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        async with Worker(
            client,
            task_queue=core.workflow_service.config.task_queue,
            workflows=[ApprovalWorkflow, Asking],
            activities=ApprovalActivities(lambda: core).all,
            activity_executor=executor,
            max_cached_workflows=0,  # or Temporal waits 10 s for a worker that is gone
        ):
            yield


async def until(core: JarvisCoreServices, **wanted: Any) -> Any:
    """The approval that is there once the workflow has asked."""
    deadline = time.monotonic() + 240
    while True:
        found = await asyncio.to_thread(core.approval_service.approvals, **wanted)
        if found:
            return found[0]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def played(
    core: JarvisCoreServices, play: Callable[[Client, Callable[..., Any]], Awaitable[Any]]
) -> Any:
    """Run ``play`` with a client and a way to start workflows."""

    async def run() -> Any:
        config = core.workflow_service.config
        client = await Client.connect(config.address)

        async def start(name: str, given: Any) -> WorkflowHandle:
            return await client.start_workflow(
                name, given, id=f"t-{uuid.uuid4()}", task_queue=config.task_queue
            )

        return await play(client, start)

    return asyncio.run(run())


def test_another_workflow_waits_for_a_yes(core: JarvisCoreServices) -> None:
    async def play(client: Client, start: Callable[..., Any]) -> str:
        async with working(core, client):
            handle = await start("asks-a-person", 0.35)
            asked = await until(core, state="waiting")
            assert asked.asked_by == "autopilot"
            assert [one.name for one in asked.figures] == ["AP50"]
            await asyncio.to_thread(core.approval_service.approve, asked.id)
            return await handle.result()

    assert played(core, play) == "changed"


def test_the_worker_may_die_while_it_waits(core: JarvisCoreServices) -> None:
    async def play(client: Client, start: Callable[..., Any]) -> str:
        async with working(core, client):
            handle = await start("asks-a-person", 0.35)
            asked = await until(core, state="waiting")
        # Nobody serves now, and the decision is made.
        await asyncio.to_thread(core.approval_service.reject, asked.id, "Too low.")
        async with working(core, client):
            return await handle.result()

    assert played(core, play) == "kept: Too low."


def test_nobody_is_asked_where_nobody_has_to_be(core: JarvisCoreServices) -> None:
    async def play(client: Client, start: Callable[..., Any]) -> Any:
        async with working(core, client):
            handle = await start("approval", {"kind": "results", "subject": "g", "content": 1})
            return await handle.result()

    assert played(core, play)["state"] == "not_required"


def test_signals_decide_with_the_rights_of_the_account(core: JarvisCoreServices) -> None:
    async def play(client: Client, start: Callable[..., Any]) -> Any:
        async with working(core, client):
            handle = await start("approval", ASKED)
            await until(core, state="waiting")
            await handle.signal("approve", {"by": "kim"})
            await handle.signal("approve", {"by": "nobody"})
            await handle.signal("approve", {"by": "dev", "reason": "Fine."})
            return await handle.result(), await handle.query("decision")

    result, known = played(core, play)
    assert (result["state"], result["decided_by"], result["reason"]) == ("approved", "dev", "Fine.")
    assert len(known["refused"]) == 2
    assert "no approval" in known["refused"][0]  # of which Kim does not even know
    assert "no account nobody" in known["refused"][1]


def test_time_runs_out(core: JarvisCoreServices) -> None:
    async def play(client: Client, start: Callable[..., Any]) -> Any:
        async with working(core, client):
            handle = await start("approval", {**ASKED, "kind": "labels"})
            return await handle.result()

    assert played(core, play)["state"] == "expired"
    expired = [e for e in core.security_service.audit.entries() if e["action"] == "approval.expire"]
    assert len(expired) == 1


def test_two_workflows_that_ask_the_same_wait_for_one_decision(core: JarvisCoreServices) -> None:
    async def play(client: Client, start: Callable[..., Any]) -> Any:
        async with working(core, client):
            handles = [await start("asks-a-person", 0.35) for _ in range(2)]
            asked = await until(core, state="waiting")
            records = core.approval_service._records
            deadline = time.monotonic() + 240
            while len(await asyncio.to_thread(records.waiters, asked.id)) < 2:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            await asyncio.to_thread(core.approval_service.approve, asked.id)
            return [await handle.result() for handle in handles]

    assert played(core, play) == ["changed", "changed"]
    assert len(core.approval_service.approvals()) == 1


@pytest.mark.parametrize("wrong", [{"kind": "nonsense"}, {"colour": "red"}])
def test_a_request_that_cannot_be_fails_at_once(
    core: JarvisCoreServices, wrong: dict[str, Any]
) -> None:
    from temporalio.client import WorkflowFailureError

    async def play(client: Client, start: Callable[..., Any]) -> Any:
        async with working(core, client):
            handle = await start("approval", {**ASKED, **wrong})
            with pytest.raises(WorkflowFailureError):
                await handle.result()
            return True

    assert played(core, play)
