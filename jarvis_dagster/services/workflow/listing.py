"""Which workflows there are, and what happened in one of them.

Belongs here: lists and histories as plain dictionaries. Does not belong here: the status of
one (``life.py``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.workflow.happenings import happening
from jarvis_dagster.services.workflow.status import STATUS, STATUS_NAMES

if TYPE_CHECKING:
    import datetime

    from temporalio.client import WorkflowExecution

    from jarvis_dagster.services.workflow.connection import Server

__all__ = ["history", "query_of", "whole_history", "workflows"]

_SCANNED = 20_000
"""Workflows that are looked at, at most, for those of one component."""


def query_of(
    status: str | None, workflow_name: str | None, ended_since: datetime.datetime | None
) -> str | None:
    """What Temporal is asked for; None is all.

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
    return " AND ".join(parts) or None


async def workflows(
    server: Server, query: str | None, component: str | None, limit: int
) -> list[dict[str, Any]]:
    """The newest ones that a query finds, of one component or of all."""
    found: list[dict[str, Any]] = []
    listing = server.client.list_workflows(query, limit=_SCANNED, rpc_timeout=server.timeout)
    async for one in listing:
        row = await _row(one)
        if component in (None, row["component"]):
            found.append(row)
        if len(found) >= limit:
            break
    return found


async def history(server: Server, workflow_id: str, limit: int) -> list[dict[str, Any]]:
    """The last events of one, told plainly."""
    names: dict[int, str] = {}
    events = server.workflow(workflow_id).fetch_history_events(rpc_timeout=server.timeout)
    rows = [happening(event, names) async for event in events]
    return rows[-limit:]


async def whole_history(server: Server, workflow_id: str) -> dict[str, Any]:
    """All events of one, as Temporal's tools read them."""
    found = await server.workflow(workflow_id).fetch_history(rpc_timeout=server.timeout)
    content: dict[str, Any] = json.loads(found.to_json())
    return content


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
