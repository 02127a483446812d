"""The life of one workflow: its start, how far it is, its end.

Belongs here: the calls to Temporal. Does not belong here: what is told of what Temporal answers
(``status.py``).
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.workflow.failures import reason
from jarvis_dagster.services.workflow.status import Facts, not_found, status_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle

    from jarvis_dagster.services.workflow.connection import Server
    from jarvis_dagster.services.workflow.names import Request

__all__ = ["cancel", "result", "start", "status", "terminate"]

_PAST = 5  # earlier workflows that tell how long a step takes


async def start(server: Server, request: Request, component: str | None) -> str:
    """Start it, unless it runs or has completed; its id."""
    from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
    from temporalio.exceptions import WorkflowAlreadyStartedError

    try:
        await server.client.start_workflow(
            request.workflow,
            request.input_data,
            id=request.id,
            task_queue=server.config.task_queue,
            memo={"component": component or ""},
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        )
    except WorkflowAlreadyStartedError:  # it completed already
        return request.id
    return request.id


async def status(server: Server, workflow_id: str) -> dict[str, Any]:
    """What is known of it; also of one that there is not."""
    handle = server.workflow(workflow_id)
    found = await server.known(handle.describe(rpc_timeout=server.timeout))
    if found is None:
        return not_found(workflow_id)
    return status_of(await _facts(server, handle, found))


async def cancel(server: Server, workflow_id: str) -> bool:
    """Ask it to stop; whether there was one to stop."""
    handle = server.workflow(workflow_id)
    found = await server.known(handle.describe(rpc_timeout=server.timeout))
    if found is None or found.close_time is not None:
        return False
    return await server.known(_done(handle.cancel(rpc_timeout=server.timeout))) is True


async def terminate(server: Server, workflow_id: str, why: str) -> bool:
    """End it at once; whether there was one to end."""
    handle = server.workflow(workflow_id)
    ended = handle.terminate(reason=why or None, rpc_timeout=server.timeout)
    return await server.known(_done(ended)) is True


async def result(server: Server, workflow_id: str) -> Any:
    """Wait for its end; its result."""
    from temporalio.client import WorkflowFailureError

    try:
        return await server.workflow(workflow_id).result()
    except WorkflowFailureError as error:
        raise PermanentError(
            f"The workflow {workflow_id} did not complete: {reason(error.cause)}",
            "See its history in Temporal's web page.",
        ) from None


async def _done(change: Awaitable[None]) -> bool:
    await change
    return True


async def _facts(
    server: Server, handle: WorkflowHandle[Any, Any], found: WorkflowExecutionDescription
) -> Facts:
    state = found.status.name if found.status is not None else "RUNNING"
    memo = await found.memo()
    share, attempt, error = await _running_step(server.client, found)
    steps = memo.get("steps", [])
    told = [step["share"] for step in steps if step.get("share") and step["state"] == "running"]
    result = None
    if state not in {"RUNNING", "PAUSED", "CONTINUED_AS_NEW"}:
        result, error = await _outcome(handle, state)
    return Facts(
        id=found.id,
        state=state,
        start=found.start_time,
        end=found.close_time or datetime.datetime.now(datetime.UTC),
        steps=steps,
        share=max(told, default=share),
        attempt=attempt,
        events=found.history_length,
        result=result,
        error=error,
        past=await _past(server, found.workflow_type),
    )


async def _past(server: Server, kind: str) -> list[list[dict[str, Any]]]:
    """The steps of earlier workflows of the kind."""
    query = f"WorkflowType = '{kind}' AND ExecutionStatus = 'Completed'"
    listing = server.client.list_workflows(query, limit=_PAST, rpc_timeout=server.timeout)
    return [(await earlier.memo()).get("steps", []) async for earlier in listing]


async def _running_step(
    client: Client, found: WorkflowExecutionDescription
) -> tuple[float, int, str | None]:
    """Share done, attempt and last error of the step that runs."""
    share, attempt, error = 0.0, 1, None
    for pending in found.raw_description.pending_activities:
        attempt = max(attempt, pending.attempt)
        if pending.HasField("last_failure"):
            failure = pending.last_failure
            while failure.HasField("cause"):
                failure = failure.cause
            error = f"attempt {pending.attempt - 1}: {failure.message}"
        if pending.heartbeat_details.payloads:
            details = await client.data_converter.decode(pending.heartbeat_details.payloads)
            if len(details) == 2 and details[1]:
                share = max(share, details[0] / details[1])
    return share, attempt, error


async def _outcome(handle: WorkflowHandle[Any, Any], state: str) -> tuple[Any, str | None]:
    """Result and error of a workflow that has ended."""
    from temporalio.client import WorkflowFailureError

    try:
        return await handle.result(), None
    except WorkflowFailureError as error:
        return None, reason(error.cause) or state.lower()
