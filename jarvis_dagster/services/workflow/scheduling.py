"""Workflows that start by the clock.

Belongs here: schedules in Temporal, by name. Does not belong here: Dagster's schedules.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.services.workflow.listing import Listing
from jarvis_dagster.services.workflow.names import request_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from temporalio.client import (
        Client,
        Schedule,
        ScheduleDescription,
        ScheduleHandle,
        ScheduleUpdate,
        ScheduleUpdateInput,
    )

__all__ = ["Scheduling"]

_NAME = re.compile(r"[\w][\w\-.]{0,100}")
_FIELDS = 5


class Scheduling(Listing):
    """Schedules; the same name is the same schedule."""

    def create_schedule(
        self,
        name: str,
        workflow_name: str,
        input_data: Mapping[str, Any],
        cron: str,
        component: str | None = None,
        *,
        timezone: str = "UTC",
    ) -> str:
        """Start a workflow by the clock. The same name again changes the schedule.

        A start is left out while the one before still runs. Starts that a dead server missed
        are made up for within a day. Whether it is paused stays as it is.

        Args:
            cron: As in cron, five fields: ``0 3 * * *``.

        Returns:
            The name.

        Raises:
            BadInputError: the name, the cron line or the time zone is none.
        """
        _check(name, cron, timezone)
        request = request_of(workflow_name, input_data, f"schedule-{name}")

        async def create(client: Client) -> str:
            from temporalio.client import (
                Schedule,
                ScheduleActionStartWorkflow,
                ScheduleAlreadyRunningError,
                SchedulePolicy,
                ScheduleSpec,
            )

            memo = {"component": component or "", "schedule": name}
            made = Schedule(
                action=ScheduleActionStartWorkflow(
                    request.workflow,
                    args=[request.input_data],
                    id=request.id,
                    task_queue=self.config.task_queue,
                    memo=memo,
                ),
                spec=ScheduleSpec(cron_expressions=[cron], time_zone_name=timezone),
                policy=SchedulePolicy(catchup_window=datetime.timedelta(days=1)),
            )
            told = {**memo, "cron": cron, "timezone": timezone}
            try:
                await client.create_schedule(
                    name, made, memo=told, rpc_timeout=self._temporal.timeout
                )
            except ScheduleAlreadyRunningError:
                await _replace(client.get_schedule_handle(name), made)
            return name

        return self._temporal.call(f"the schedule {name}", create)

    def list_schedules(self) -> list[dict[str, Any]]:
        """All schedules by name.

        Returns:
            For each ``name, workflow, cron, timezone, paused, note, component, next_time,
            last_time, last_workflow``.
        """

        async def look(client: Client) -> list[dict[str, Any]]:
            from temporalio.service import RPCError, RPCStatusCode

            rows = []
            timeout = self._temporal.timeout
            async for one in await client.list_schedules(rpc_timeout=timeout):
                # The list is behind what was just changed; the schedule itself is not.
                handle = client.get_schedule_handle(one.id)
                try:
                    rows.append(await _row(await handle.describe(rpc_timeout=timeout)))
                except RPCError as error:
                    if error.status is not RPCStatusCode.NOT_FOUND:  # deleted meanwhile
                        raise
            return sorted(rows, key=lambda row: str(row["name"]))

        return self._temporal.call("the list of schedules", look)

    def get_schedule(self, name: str) -> dict[str, Any] | None:
        """One schedule as :meth:`list_schedules` tells it; None when there is none."""

        async def look(client: Client) -> dict[str, Any] | None:
            from temporalio.service import RPCError, RPCStatusCode

            try:
                handle = client.get_schedule_handle(name)
                return await _row(await handle.describe(rpc_timeout=self._temporal.timeout))
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise

        return self._temporal.call(f"the schedule {name}", look)

    def pause_schedule(self, name: str, note: str = "") -> None:
        """Start nothing more by this schedule until it is resumed.

        Raises:
            PermanentError: there is no such schedule; the same for the others below.
        """
        self._with(name, lambda handle: handle.pause(note=note or None))

    def resume_schedule(self, name: str, note: str = "") -> None:
        """Go on after :meth:`pause_schedule`."""
        self._with(name, lambda handle: handle.unpause(note=note or None))

    def trigger_schedule(self, name: str) -> None:
        """Start the schedule's workflow now, beside its times."""
        self._with(name, lambda handle: handle.trigger())

    def delete_schedule(self, name: str) -> bool:
        """Delete a schedule, not the workflows that it started; False when there was none."""
        try:
            self._with(name, lambda handle: handle.delete())
        except PermanentError:
            if self.get_schedule(name) is None:
                return False
            raise
        return True

    def _with(self, name: str, function: Callable[[ScheduleHandle], Awaitable[None]]) -> None:
        async def change(client: Client) -> None:
            await function(client.get_schedule_handle(name))

        self._temporal.call(f"the schedule {name}", change)


def _check(name: str, cron: str, timezone: str) -> None:
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
