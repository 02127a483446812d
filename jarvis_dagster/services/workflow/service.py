"""JarvisWorkflowService: start, watch and cancel workflows in Temporal.

Belongs here: calls to Temporal, for synchronous callers. Does not belong here:
what a workflow does (``jarvis_dagster/workflows``).
"""

from __future__ import annotations

import datetime
import hashlib
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import (
    BadInputError,
    NotSupportedError,
    PermanentError,
)
from jarvis_dagster.services.workflow.connection import Temporal
from jarvis_dagster.services.workflow.status import Facts, not_found, status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle

    from jarvis_dagster.services.workflow.config import WorkflowConfig

__all__ = ["WORKFLOWS", "JarvisWorkflowService"]

WORKFLOWS = ("computer-vision", "hockey-detection")
"""The workflows that the workers of this version serve."""

_PAST = 5  # earlier workflows that tell how long a step takes


class JarvisWorkflowService:
    """Workflows in Temporal. Nothing connects before the first call; thread-safe."""

    def __init__(self, config: WorkflowConfig) -> None:
        self.config = config
        self._temporal = Temporal(config)

    def close(self) -> None:
        """Close the connection and end the thread that serves it."""
        self._temporal.close()

    def check(self) -> None:
        """Return when Temporal answers and has the namespace.

        Raises:
            TransientError: Temporal is away.
            PermanentError: it refuses, or has no such namespace.
        """
        from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

        request = DescribeNamespaceRequest(namespace=self.config.namespace)
        self._temporal.call(
            "a look",
            lambda client: client.workflow_service.describe_namespace(
                request, timeout=self._temporal.timeout
            ),
            attempts=1,
        )

    def start_workflow(
        self,
        workflow_name: str,
        input_data: Mapping[str, Any],
        component: str | None = None,
    ) -> str:
        """Start a workflow; the same input is the same workflow, running or completed.

        One that failed, was cancelled, terminated or timed out starts again.

        Returns:
            Its id: the name and a hash of the input.

        Raises:
            NotSupportedError: no worker of this version serves that name.
            BadInputError: the input is not JSON.
        """
        if workflow_name not in WORKFLOWS:
            raise NotSupportedError(
                f"There is no workflow {workflow_name!r}.", f"There are: {', '.join(WORKFLOWS)}."
            )
        try:
            content = json.dumps(dict(input_data), sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BadInputError(
                f"The input of {workflow_name} is not JSON ({error}).",
                "Use text, finite numbers, lists and dictionaries.",
            ) from error
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        workflow_id = f"{workflow_name}-{digest}"

        async def start(client: Client) -> str:
            from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
            from temporalio.exceptions import WorkflowAlreadyStartedError

            try:
                await client.start_workflow(
                    workflow_name,
                    json.loads(content),
                    id=workflow_id,
                    task_queue=self.config.task_queue,
                    memo={"component": component or ""},
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                )
            except WorkflowAlreadyStartedError:  # it completed already
                return workflow_id
            return workflow_id

        return self._temporal.call(f"the start of {workflow_name}", start)

    def get_workflow_status(self, workflow_id: str) -> dict[str, Any]:
        """What is known of a workflow.

        Returns:
            ``id``; ``status``: running, completed, failed, cancelled,
            terminated, timed_out or not_found; ``start_time``, an aware
            datetime; ``execution_time`` in seconds; ``result`` of a completed
            one; ``progress`` from 0 to 1, finished over planned steps weighted
            by how long they took before; ``metrics``: steps, attempt, events,
            frames; ``performance``: seconds by step, frames a second;
            ``error``: why it ended, or why a running step is tried again.
        """

        async def look(client: Client) -> dict[str, Any]:
            from temporalio.service import RPCError, RPCStatusCode

            handle = client.get_workflow_handle(workflow_id)
            try:
                found = await handle.describe(rpc_timeout=self._temporal.timeout)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return not_found(workflow_id)
                raise
            return status_of(await self._facts(client, handle, found))

        return self._temporal.call(f"the workflow {workflow_id}", look)

    async def _facts(
        self, client: Client, handle: WorkflowHandle, found: WorkflowExecutionDescription
    ) -> Facts:
        state = found.status.name if found.status is not None else "RUNNING"
        memo = await found.memo()
        share, attempt, error = await _running_step(client, found)
        result = None
        if state not in {"RUNNING", "PAUSED", "CONTINUED_AS_NEW"}:
            result, error = await _outcome(handle, state)
        return Facts(
            id=found.id,
            state=state,
            start=found.start_time,
            end=found.close_time or datetime.datetime.now(datetime.UTC),
            steps=memo.get("steps", []),
            share=share,
            attempt=attempt,
            events=found.history_length,
            result=result,
            error=error,
            past=await self._past(client, found.workflow_type),
        )

    async def _past(self, client: Client, kind: str) -> list[list[dict[str, Any]]]:
        query = f"WorkflowType = '{kind}' AND ExecutionStatus = 'Completed'"
        listing = client.list_workflows(query, limit=_PAST, rpc_timeout=self._temporal.timeout)
        return [(await earlier.memo()).get("steps", []) async for earlier in listing]

    def cancel_workflow(self, workflow_id: str) -> bool:
        """Ask a workflow to stop; False when there is none or it has ended already."""

        async def cancel(client: Client) -> bool:
            from temporalio.service import RPCError, RPCStatusCode

            handle = client.get_workflow_handle(workflow_id)
            try:
                found = await handle.describe(rpc_timeout=self._temporal.timeout)
                if found.close_time is not None:
                    return False
                await handle.cancel(rpc_timeout=self._temporal.timeout)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
            return True

        return self._temporal.call(f"the end of {workflow_id}", cancel)

    def wait_for_result(self, workflow_id: str, timeout_s: float | None = None) -> Any:
        """Wait until a workflow ends; its result.

        Raises:
            PermanentError: it failed, was cancelled, terminated or timed out,
                or there is none.
            TransientError: it has not ended after ``timeout_s``.
        """

        async def wait(client: Client) -> Any:
            from temporalio.client import WorkflowFailureError

            try:
                return await client.get_workflow_handle(workflow_id).result()
            except WorkflowFailureError as error:
                raise PermanentError(
                    f"The workflow {workflow_id} did not complete: {_reason(error.cause)}",
                    "See its history in Temporal's web page.",
                ) from None

        return self._temporal.call(
            f"the workflow {workflow_id}", wait, attempts=1, limit_s=timeout_s
        )


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


async def _outcome(handle: WorkflowHandle, state: str) -> tuple[Any, str | None]:
    """Result and error of a workflow that has ended."""
    from temporalio.client import WorkflowFailureError

    try:
        return await handle.result(), None
    except WorkflowFailureError as error:
        return None, _reason(error.cause) or state.lower()


def _reason(error: BaseException | None) -> str:
    """The message of the first cause."""
    while error is not None and error.__cause__ is not None:
        error = error.__cause__
    return str(error) if error is not None else ""
