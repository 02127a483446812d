"""Workflows that start by the clock.

Belongs here: schedules in Temporal, by name. Does not belong here: Dagster's schedules.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from temporalio.client import (
        Schedule,
        ScheduleDescription,
        ScheduleHandle,
        ScheduleUpdate,
        ScheduleUpdateInput,
    )

    from jarvis_dagster.services.workflow.connection import Server
    from jarvis_dagster.services.workflow.names import Request

__all__ = ["change", "create", "require_schedule", "schedule", "schedules"]

_NAME = re.compile(r"[\w][\w\-.]{0,100}")
_FIELDS = 5


async def create(
    server: Server, name: str, request: Request, cron: str, timezone: str, component: str | None
) -> str:
    """Make a schedule, or change the one of that name; the name."""
    from temporalio.client import (
        Schedule,
        ScheduleActionStartWorkflow,
        ScheduleAlreadyRunningError,
        SchedulePolicy,
        ScheduleSpec,
    )

    client, memo = server.client, {"component": component or "", "schedule": name}
    made = Schedule(
        action=ScheduleActionStartWorkflow(
            request.workflow,
            args=[request.input_data],
            id=request.id,
            task_queue=server.config.task_queue,
            memo=memo,
        ),
        spec=ScheduleSpec(cron_expressions=[cron], time_zone_name=timezone),
        policy=SchedulePolicy(catchup_window=datetime.timedelta(days=1)),
    )
    told = {**memo, "cron": cron, "timezone": timezone}
    try:
        await client.create_schedule(name, made, memo=told, rpc_timeout=server.timeout)
    except ScheduleAlreadyRunningError:
        await _replace(client.get_schedule_handle(name), made)
    return name


async def schedules(server: Server) -> list[dict[str, Any]]:
    """All of them, by name."""
    # The list is behind what was just changed; the schedule itself is not.
    names = [one.id async for one in await server.client.list_schedules(rpc_timeout=server.timeout)]
    rows = [await schedule(server, name) for name in sorted(names)]
    return [row for row in rows if row is not None]  # the others were deleted meanwhile


async def schedule(server: Server, name: str) -> dict[str, Any] | None:
    """One of them; None when there is none of that name."""
    handle = server.client.get_schedule_handle(name)
    found = await server.known(handle.describe(rpc_timeout=server.timeout))
    return None if found is None else await _row(found)


async def change(
    server: Server, name: str, function: Callable[[ScheduleHandle], Awaitable[None]]
) -> None:
    """Do something with one."""
    await function(server.client.get_schedule_handle(name))


def require_schedule(name: str, cron: str, timezone: str) -> None:
    """See that a schedule can be of that name and run at those times.

    Raises:
        BadInputError: it cannot.
    """
    import zoneinfo

    if not _NAME.fullmatch(name):
        raise BadInputError(f"{name!r} cannot name a schedule.", "Use letters, digits, - . and _.")
    if len(cron.split()) != _FIELDS and not cron.startswith("@"):
        raise BadInputError(
            f"{cron!r} is no time of a schedule.", "Use five fields as in cron: `0 3 * * *`."
        )
    try:
        zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise BadInputError(
            f"{timezone!r} is no time zone.", "Use one as in `Europe/Helsinki`."
        ) from None


async def _replace(handle: ScheduleHandle, made: Schedule) -> None:
    from temporalio.client import ScheduleUpdate

    def new(given: ScheduleUpdateInput) -> ScheduleUpdate:
        # Paused by a person stays paused.
        return ScheduleUpdate(dataclasses.replace(made, state=given.description.schedule.state))

    await handle.update(new)


async def _row(found: ScheduleDescription) -> dict[str, Any]:
    from temporalio.client import ScheduleActionExecutionStartWorkflow, ScheduleActionStartWorkflow

    memo = await found.memo()
    action, spec, info = found.schedule.action, found.schedule.spec, found.info
    last = info.recent_actions[-1] if info.recent_actions else None
    started = last.action if last is not None else None
    return {
        "name": found.id,
        "workflow": action.workflow if isinstance(action, ScheduleActionStartWorkflow) else "",
        "cron": ", ".join(spec.cron_expressions) or str(memo.get("cron", "")),
        "timezone": spec.time_zone_name or "UTC",
        "paused": found.schedule.state.paused,
        "note": found.schedule.state.note or "",
        "component": memo.get("component", ""),
        "next_time": info.next_action_times[0] if info.next_action_times else None,
        "last_time": last.started_at if last is not None else None,
        "last_workflow": started.workflow_id
        if isinstance(started, ScheduleActionExecutionStartWorkflow)
        else None,
    }
