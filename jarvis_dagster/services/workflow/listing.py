"""Which workflows there are, and what happened in one of them.

Belongs here: lists and histories as plain dictionaries. Does not belong here: the status of
one (``service.py``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.workflow.happenings import happening
from jarvis_dagster.services.workflow.status import STATUS, STATUS_NAMES
from jarvis_dagster.services.workflow.talking import Talking

if TYPE_CHECKING:
    import datetime

    from temporalio.client import Client, WorkflowExecution

__all__ = ["Listing"]

_SCANNED = 20_000
"""Workflows that are looked at, at most, for those of one component."""


class Listing(Talking):
    """Lists and histories."""

    def list_workflows(
        self,
        status: str | None = None,
        workflow_name: str | None = None,
        component: str | None = None,
        limit: int = 50,
        *,
        ended_since: datetime.datetime | None = None,
    ) -> list[dict[str, Any]]:
        """Workflows, the newest first.

        Args:
            status: As of :meth:`get_workflow_status`; None is any.
            limit: At most so many.
            ended_since: Only those that ended then or later; an aware time.

        Returns:
            For each ``id, workflow, status, start_time, end_time, execution_time, component,
            events``.

        Raises:
            BadInputError: there is no such status.
        """
        wanted = [state for state, name in STATUS.items() if name == status]
        if status is not None and not wanted:
            raise BadInputError(
                f"There is no status {status!r}.", f"There are: {', '.join(STATUS_NAMES)}."
            )
        parts = []
        if wanted:
            spelt = {"TIMED_OUT": "TimedOut", "CONTINUED_AS_NEW": "ContinuedAsNew"}
            names = ", ".join(f"'{spelt.get(state, state.title())}'" for state in wanted)
            parts.append(f"ExecutionStatus IN ({names})")
        if workflow_name is not None:
            parts.append(f"WorkflowType = {_quoted(workflow_name)}")

        if ended_since is not None:
            parts.append(f"CloseTime >= '{ended_since.isoformat()}'")

        async def look(client: Client) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            query = " AND ".join(parts) or None
            listing = client.list_workflows(
                query, limit=_SCANNED, rpc_timeout=self._temporal.timeout
            )
            async for one in listing:
                row = await _row(one)
                if component in (None, row["component"]):
                    found.append(row)
                if len(found) >= limit:
                    break
            return found

        return self._temporal.call("the list of workflows", look)

    def get_workflow_history(self, workflow_id: str, limit: int = 1000) -> list[dict[str, Any]]:
        """What happened in a workflow, in order; at most the last ``limit`` events.

        Returns:
            For each ``number, time, event, what, detail``: the event as Temporal calls it, the
            step, timer or signal that it is about, and who or why where that is known.

        Raises:
            PermanentError: there is no such workflow.
        """

        async def look(client: Client) -> list[dict[str, Any]]:
            handle = client.get_workflow_handle(workflow_id)
            names: dict[int, str] = {}
            rows = [
                happening(event, names)
                async for event in handle.fetch_history_events(rpc_timeout=self._temporal.timeout)
            ]
            return rows[-limit:]

        return self._temporal.call(f"the workflow {workflow_id}", look)

    def export_history(self, workflow_id: str) -> dict[str, Any]:
        """The whole history as JSON values, as the replay tests and Temporal's tools read it."""

        async def look(client: Client) -> dict[str, Any]:
            handle = client.get_workflow_handle(workflow_id)
            history = await handle.fetch_history(rpc_timeout=self._temporal.timeout)
            content: dict[str, Any] = json.loads(history.to_json())
            return content

        return self._temporal.call(f"the workflow {workflow_id}", look)


async def _row(one: WorkflowExecution) -> dict[str, Any]:
    import datetime

    memo = await one.memo()
    end = one.close_time
    until = end or datetime.datetime.now(datetime.UTC)
    state = one.status.name if one.status is not None else "RUNNING"
    return {
        "id": one.id,
        "workflow": one.workflow_type,
        "status": STATUS.get(state, "running"),
        "start_time": one.start_time,
        "end_time": end,
        "execution_time": max((until - one.start_time).total_seconds(), 0.0),
        "component": memo.get("component", ""),
        "events": one.history_length,
    }


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
