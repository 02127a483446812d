"""JarvisWorkflowService: start, watch and cancel workflows in Temporal.

Belongs here: calls to Temporal, for synchronous callers. Does not belong here:
what a workflow does (``jarvis_dagster/workflows``).
"""

from __future__ import annotations

import datetime
import hashlib
import json
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from jarvis_dagster.errors import (
    BadInputError,
    JarvisError,
    NotSupportedError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.retry import retrying
from jarvis_dagster.services.workflow.loop import LoopThread
from jarvis_dagster.services.workflow.status import Facts, not_found, status_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle
    from temporalio.service import RPCError

    from jarvis_dagster.services.workflow.config import WorkflowConfig

__all__ = ["WORKFLOWS", "JarvisWorkflowService"]

WORKFLOWS = ("computer-vision",)
"""The workflows that the workers of this version serve."""

T = TypeVar("T")
_PAST = 5  # earlier workflows that tell how long a step takes


class JarvisWorkflowService:
    """Workflows in Temporal. Nothing connects before the first call; thread-safe."""

    def __init__(self, config: WorkflowConfig) -> None:
        self.config = config
        self._loop = LoopThread()
        self._client: Client | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connection and end the thread that serves it."""
        with self._lock:
            self._client = None
            self._loop.close()

    def check(self) -> None:
        """Return when Temporal answers and has the namespace.

        Raises:
            TransientError: Temporal is away.
            PermanentError: it refuses, or has no such namespace.
        """
        from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

        request = DescribeNamespaceRequest(namespace=self.config.namespace)
        self._call("a look", lambda c: c.workflow_service.describe_namespace(request))

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

        return self._call(f"the start of {workflow_name}", start)

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
                found = await handle.describe(rpc_timeout=self._timeout)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return not_found(workflow_id)
                raise
            return status_of(await self._facts(client, handle, found))

        return self._call(f"the workflow {workflow_id}", look)

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
        listing = client.list_workflows(query, limit=_PAST, rpc_timeout=self._timeout)
        return [(await earlier.memo()).get("steps", []) async for earlier in listing]

    def cancel_workflow(self, workflow_id: str) -> bool:
        """Ask a workflow to stop; False when there is none or it has ended already."""

        async def cancel(client: Client) -> bool:
            from temporalio.service import RPCError, RPCStatusCode

            handle = client.get_workflow_handle(workflow_id)
            try:
                found = await handle.describe(rpc_timeout=self._timeout)
                if found.close_time is not None:
                    return False
                await handle.cancel(rpc_timeout=self._timeout)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
            return True

        return self._call(f"the end of {workflow_id}", cancel)

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

        return self._call(f"the workflow {workflow_id}", wait, timeout_s=timeout_s, waits=True)

    # -- the connection ------------------------------------------------------------

    @property
    def _timeout(self) -> datetime.timedelta:
        return datetime.timedelta(seconds=self.config.timeout_s)

    def _call(
        self,
        what: str,
        function: Callable[[Client], Awaitable[T]],
        *,
        timeout_s: float | None = None,
        waits: bool = False,
    ) -> T:
        limit = timeout_s if waits else 3 * self.config.timeout_s

        async def once() -> T:
            from temporalio.service import RPCError

            try:
                return await function(await self._connected())
            except RPCError as error:
                raise self._of(what, error) from None

        def attempt() -> T:
            return self._loop.run(once(), limit)

        if waits:
            return attempt()
        return retrying(self.config.attempts)(attempt)

    async def _connected(self) -> Client:
        if self._client is None:
            from temporalio.client import Client

            key = self.config.api_key
            try:
                self._client = await Client.connect(
                    self.config.address,
                    namespace=self.config.namespace,
                    tls=self.config.tls,
                    api_key=key.get_secret_value() if key else None,
                    connect_timeout=self._timeout,
                )
            except RuntimeError as error:  # what the SDK raises when nobody answers
                raise TransientError(
                    f"Temporal at {self.config.address} cannot be reached.",
                    "Start it with `jarvis up`, or check workflow.address.",
                ) from error
        return self._client

    def _of(self, what: str, error: RPCError) -> JarvisError:
        from temporalio.service import RPCStatusCode as Code

        where = self.config.address
        if error.status in {Code.PERMISSION_DENIED, Code.UNAUTHENTICATED}:
            return PermanentError(
                f"Temporal at {where} refused {what}.", "Check workflow.api_key and the namespace."
            )
        if error.status is Code.NOT_FOUND:
            return PermanentError(
                f"Temporal at {where} does not know {what} in the namespace "
                f"{self.config.namespace}.",
                "Check the id and workflow.namespace.",
            )
        if error.status in {Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.UNIMPLEMENTED}:
            return BadInputError(f"Temporal at {where} refused {what} ({error.message}).")
        return TransientError(
            f"Temporal at {where} cannot be reached or failed on {what} ({error.status.name}).",
            "Start it with `jarvis up`, or read its log.",
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
