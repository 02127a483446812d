"""Signals, queries and updates: a word with a workflow that runs.

Belongs here: sending them, and what came of it. Does not belong here: which of them a workflow
knows (its class says that).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.workflow.base import Connected, raised

if TYPE_CHECKING:
    from temporalio.client import Client

__all__ = ["Talking"]


class Talking(Connected):
    """A word with a workflow that runs."""

    def signal_workflow(self, workflow_id: str, signal: str, *arguments: Any) -> None:
        """Tell a running workflow something; it is kept until a worker can take it.

        Raises:
            PermanentError: there is no such workflow, or it has ended.
        """

        async def send(client: Client) -> None:
            handle = client.get_workflow_handle(workflow_id)
            await handle.signal(signal, args=list(arguments), rpc_timeout=self._temporal.timeout)

        self._temporal.call(f"the workflow {workflow_id}", send)

    def query_workflow(self, workflow_id: str, query: str, *arguments: Any) -> Any:
        """Ask a workflow, running or ended, for something that it knows.

        Raises:
            TransientError: no worker answered.
            PermanentError: there is no such workflow, or it does not know the question.
        """

        async def ask(client: Client) -> Any:
            from temporalio.client import WorkflowQueryFailedError, WorkflowQueryRejectedError

            handle = client.get_workflow_handle(workflow_id)
            try:
                return await handle.query(
                    query, args=list(arguments), rpc_timeout=self._temporal.timeout
                )
            except (WorkflowQueryFailedError, WorkflowQueryRejectedError) as error:
                raise PermanentError(
                    f"The workflow {workflow_id} did not answer {query!r}: {error}"
                ) from None

        return self._temporal.call(f"the answer of {workflow_id}", ask, attempts=2)

    def update_workflow(self, workflow_id: str, update: str, *arguments: Any) -> Any:
        """Have a running workflow do something and answer; it may refuse.

        Raises:
            PermanentError: it refused (an error of Jarvis that it raised is raised here), or
                there is no such workflow, or it has ended.
            TransientError: no worker answered.
        """

        async def change(client: Client) -> Any:
            from temporalio.client import WorkflowUpdateFailedError

            handle = client.get_workflow_handle(workflow_id)
            try:
                return await handle.execute_update(
                    update, args=list(arguments), rpc_timeout=self._temporal.timeout
                )
            except WorkflowUpdateFailedError as error:
                raise raised(error, f"The workflow {workflow_id} refused {update!r}.") from None

        # Tried once: who does not hear the answer cannot know whether it was done.
        return self._temporal.call(f"the workflow {workflow_id}", change, attempts=1)
