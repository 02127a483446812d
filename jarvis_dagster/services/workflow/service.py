"""JarvisWorkflowService: start, watch and end workflows in Temporal.

Belongs here: the life of one workflow, for synchronous callers. The rest is in the classes that
the service is made of: ``talking.py`` (signals, queries, updates), ``listing.py`` (lists,
histories), ``scheduling.py`` (cron), ``triggers.py`` (events), ``backlog.py``
(what waits). Does not belong here: what a
workflow does (``jarvis_dagster/workflows``).
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.workflow.backlog import Backlog
from jarvis_dagster.services.workflow.base import reason
from jarvis_dagster.services.workflow.names import WORKFLOWS, request_of
from jarvis_dagster.services.workflow.status import Facts, not_found, status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle

    from jarvis_dagster.services.workflow.names import Request

__all__ = ["WORKFLOWS", "JarvisWorkflowService"]

_PAST = 5  # earlier workflows that tell how long a step takes


class JarvisWorkflowService(Backlog):
    """Workflows in Temporal. Nothing connects before the first call; thread-safe."""

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
        *,
        key: str | None = None,
    ) -> str:
        """Start a workflow; the same input is the same workflow, running or completed.

        One that failed, was cancelled, terminated or timed out starts again.

        Args:
            key: What makes two requests the same work, in place of the whole input: with one,
                a second request with other input gets the workflow that is there.

        Returns:
            Its id: the name and a hash of the input, or the key.

        Raises:
            NotSupportedError: no worker of this version serves that name.
            BadInputError: the input is not JSON.
        """
        return self._start(request_of(workflow_name, input_data, key), component)

    def _start(self, request: Request, component: str | None) -> str:
        async def start(client: Client) -> str:
            from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
            from temporalio.exceptions import WorkflowAlreadyStartedError

            try:
                await client.start_workflow(
                    request.workflow,
                    request.input_data,
                    id=request.id,
                    task_queue=self.config.task_queue,
                    memo={"component": component or ""},
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                )
            except WorkflowAlreadyStartedError:  # it completed already
                return request.id
            return request.id

        return self._temporal.call(f"the start of {request.workflow}", start)

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

    def terminate_workflow(self, workflow_id: str, why: str = "") -> bool:
        """End a workflow at once, without a word to it; False when there is none to end.

        Cancelling is better wherever the workflow still can tidy up.
        """

        async def terminate(client: Client) -> bool:
            from temporalio.service import RPCError, RPCStatusCode

            handle = client.get_workflow_handle(workflow_id)
            try:
                await handle.terminate(reason=why or None, rpc_timeout=self._temporal.timeout)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
            return True

        return self._temporal.call(f"the end of {workflow_id}", terminate)

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
                    f"The workflow {workflow_id} did not complete: {reason(error.cause)}",
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
        return None, reason(error.cause) or state.lower()
