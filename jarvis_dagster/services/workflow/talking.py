"""Signals, queries and updates: a word with a workflow.

Belongs here: sending them, and what came of it. Does not belong here: which of them a workflow
knows (its class says that).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.workflow.failures import raised

if TYPE_CHECKING:
    from jarvis_dagster.services.workflow.connection import Server

__all__ = ["query", "signal", "update"]


async def signal(server: Server, workflow_id: str, name: str, arguments: list[Any]) -> None:
    """Tell it something."""
    handle = server.workflow(workflow_id)
    await handle.signal(name, args=arguments, rpc_timeout=server.timeout)


async def query(server: Server, workflow_id: str, name: str, arguments: list[Any]) -> Any:
    """Ask it for something that it knows."""
    from temporalio.client import WorkflowQueryFailedError, WorkflowQueryRejectedError

    handle = server.workflow(workflow_id)
    try:
        return await handle.query(name, args=arguments, rpc_timeout=server.timeout)
    except (WorkflowQueryFailedError, WorkflowQueryRejectedError) as error:
        raise PermanentError(
            f"The workflow {workflow_id} did not answer {name!r}: {error}",
            "Its kind tells what it can be asked; see docs/workflows.md.",
        ) from None


async def update(server: Server, workflow_id: str, name: str, arguments: list[Any]) -> Any:
    """Have it do something and answer."""
    from temporalio.client import WorkflowUpdateFailedError

    handle = server.workflow(workflow_id)
    try:
        return await handle.execute_update(name, args=arguments, rpc_timeout=server.timeout)
    except WorkflowUpdateFailedError as error:
        raise raised(error, f"The workflow {workflow_id} refused {name!r}.") from None
