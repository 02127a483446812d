"""JarvisWorkflowService: start, watch and end workflows in Temporal, for synchronous callers.

Belongs here: what can be asked, and what comes of it. Does not belong here: the calls to Temporal
(``life.py``: one workflow's; ``talking.py``: signals, queries, updates; ``listing.py``: lists and
histories; ``scheduling.py``: the clock; ``backlog.py``: what waits), what an event starts
(``triggers.py``), what a workflow does (``jarvis_dagster/workflows``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.workflow import backlog, life, listing, scheduling, talking
from jarvis_dagster.services.workflow.connection import Temporal
from jarvis_dagster.services.workflow.names import WORKFLOWS, request_of
from jarvis_dagster.services.workflow.triggers import requests_of

if TYPE_CHECKING:
    import datetime
    from collections.abc import Awaitable, Callable, Mapping

    from temporalio.client import ScheduleHandle

    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.services.workflow.config import WorkflowConfig
    from jarvis_dagster.services.workflow.names import Request

__all__ = ["WORKFLOWS", "JarvisWorkflowService"]


class JarvisWorkflowService:
    """Workflows in Temporal. Nothing connects before the first call; thread-safe.

    Args:
        storage: Makes the storage service, where large inputs and results are kept; None
            keeps them in Temporal.
        revision: What decides the result of a workflow beside its input, as of now; "" where
            nothing does.
    """

    def __init__(
        self,
        config: WorkflowConfig,
        storage: Callable[[], JarvisStorageService] | None = None,
        revision: Callable[[str, Mapping[str, Any]], str] | None = None,
    ) -> None:
        self.config = config
        self._revision = revision
        self._temporal = Temporal(config, storage)

    def close(self) -> None:
        """Close the connection and end the thread that serves it."""
        self._temporal.close()

    def check(self) -> None:
        """Return when Temporal answers and has the namespace.

        Raises:
            TransientError: Temporal is away.
            PermanentError: it refuses, or has no such namespace.
        """
        self._temporal.call("a look", backlog.namespace, attempts=1)

    # -- one workflow ----------------------------------------------------------------

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
            Its id: the name and a hash of the input and of what else decides its result (a
            ``revision`` in the input tells it), or the key.

        Raises:
            NotSupportedError: no worker of this version serves that name.
            BadInputError: the input is not JSON.
        """
        request = request_of(workflow_name, input_data, key)
        return self._start(request if key is not None else self._revised(request), component)

    def _revised(self, request: Request) -> Request:
        """The request with what decides its result now, so that another result is other work."""
        now = self._revision(request.workflow, request.input_data) if self._revision else ""
        if not now:
            return request
        said = " ".join(str(one) for one in (request.input_data.get("revision", ""), now) if one)
        return request_of(request.workflow, {**request.input_data, "revision": said})

    def _start(self, request: Request, component: str | None) -> str:
        what = f"the start of {request.workflow}"
        return self._temporal.call(what, life.start, request, component)

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
        return self._temporal.call(f"the workflow {workflow_id}", life.status, workflow_id)

    def cancel_workflow(self, workflow_id: str) -> bool:
        """Ask a workflow to stop; False when there is none or it has ended already."""
        return self._temporal.call(f"the end of {workflow_id}", life.cancel, workflow_id)

    def terminate_workflow(self, workflow_id: str, why: str = "") -> bool:
        """End a workflow at once, without a word to it; False when there is none to end.

        Cancelling is better wherever the workflow still can tidy up.
        """
        return self._temporal.call(f"the end of {workflow_id}", life.terminate, workflow_id, why)

    def wait_for_result(self, workflow_id: str, timeout_s: float | None = None) -> Any:
        """Wait until a workflow ends; its result.

        Raises:
            PermanentError: it failed, was cancelled, terminated or timed out,
                or there is none.
            TransientError: it has not ended after ``timeout_s``.
        """
        what = f"the workflow {workflow_id}"
        return self._temporal.call(what, life.result, workflow_id, attempts=1, limit_s=timeout_s)

    # -- a word with one ---------------------------------------------------------------

    def signal_workflow(self, workflow_id: str, signal: str, *arguments: Any) -> None:
        """Tell a running workflow something; it is kept until a worker can take it.

        Raises:
            PermanentError: there is no such workflow, or it has ended.
        """
        what = f"the workflow {workflow_id}"
        self._temporal.call(what, talking.signal, workflow_id, signal, list(arguments))

    def query_workflow(self, workflow_id: str, query: str, *arguments: Any) -> Any:
        """Ask a workflow, running or ended, for something that it knows.

        Raises:
            TransientError: no worker answered.
            PermanentError: there is no such workflow, or it does not know the question.
        """
        what = f"the answer of {workflow_id}"
        given = list(arguments)
        return self._temporal.call(what, talking.query, workflow_id, query, given, attempts=2)

    def update_workflow(self, workflow_id: str, update: str, *arguments: Any) -> Any:
        """Have a running workflow do something and answer; it may refuse.

        Raises:
            PermanentError: it refused (an error of Jarvis that it raised is raised here), or
                there is no such workflow, or it has ended.
            TransientError: no worker answered.
        """
        what = f"the workflow {workflow_id}"
        given = list(arguments)
        # Tried once: who does not hear the answer cannot know whether it was done.
        return self._temporal.call(what, talking.update, workflow_id, update, given, attempts=1)

    # -- all of them -------------------------------------------------------------------

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
        query = listing.query_of(status, workflow_name, ended_since)
        what = "the list of workflows"
        return self._temporal.call(what, listing.workflows, query, component, limit)

    def get_workflow_history(self, workflow_id: str, limit: int = 1000) -> list[dict[str, Any]]:
        """What happened in a workflow, in order; at most the last ``limit`` events.

        Returns:
            For each ``number, time, event, what, detail``: the event as Temporal calls it, the
            step, timer or signal that it is about, and who or why where that is known.

        Raises:
            PermanentError: there is no such workflow.
        """
        what = f"the workflow {workflow_id}"
        return self._temporal.call(what, listing.history, workflow_id, limit)

    def export_history(self, workflow_id: str) -> dict[str, Any]:
        """The whole history as JSON values, as the replay tests and Temporal's tools read it."""
        what = f"the workflow {workflow_id}"
        return self._temporal.call(what, listing.whole_history, workflow_id)

    def backlog(self) -> list[dict[str, Any]]:
        """Every task queue of this installation.

        Returns:
            For each ``queue, kind, waiting, oldest_s, added_per_s, done_per_s, workers``; the
            kind ``workflows`` is the decisions of workflows themselves. A task that a worker
            has taken does not wait any more.
        """
        return self._temporal.call("the task queues", backlog.queues)

    # -- by the clock and by events ------------------------------------------------------

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
        scheduling.require_schedule(name, cron, timezone)
        request = request_of(workflow_name, input_data, f"schedule-{name}")
        what = f"the schedule {name}"
        return self._temporal.call(
            what, scheduling.create, name, request, cron, timezone, component
        )

    def list_schedules(self) -> list[dict[str, Any]]:
        """All schedules by name.

        Returns:
            For each ``name, workflow, cron, timezone, paused, note, component, next_time,
            last_time, last_workflow``.
        """
        return self._temporal.call("the list of schedules", scheduling.schedules)

    def get_schedule(self, name: str) -> dict[str, Any] | None:
        """One schedule as :meth:`list_schedules` tells it; None when there is none."""
        return self._temporal.call(f"the schedule {name}", scheduling.schedule, name)

    def pause_schedule(self, name: str, note: str = "") -> None:
        """Start nothing more by this schedule until it is resumed.

        Raises:
            PermanentError: there is no such schedule; the same for the others below.
        """
        self._change(name, lambda handle: handle.pause(note=note or None))

    def resume_schedule(self, name: str, note: str = "") -> None:
        """Go on after :meth:`pause_schedule`."""
        self._change(name, lambda handle: handle.unpause(note=note or None))

    def trigger_schedule(self, name: str) -> None:
        """Start the schedule's workflow now, beside its times."""
        self._change(name, lambda handle: handle.trigger())

    def delete_schedule(self, name: str) -> bool:
        """Delete a schedule, not the workflows that it started; False when there was none."""
        try:
            self._change(name, lambda handle: handle.delete())
        except PermanentError:
            if self.get_schedule(name) is None:
                return False
            raise
        return True

    def _change(self, name: str, function: Callable[[ScheduleHandle], Awaitable[None]]) -> None:
        self._temporal.call(f"the schedule {name}", scheduling.change, name, function)

    def handle_event(
        self, event: str, data: Mapping[str, Any], component: str | None = None
    ) -> list[str]:
        """Start the workflows that ``workflow.triggers`` names for an event.

        The same event with the same data, told twice, starts nothing twice.

        Args:
            event: What happened: ``run_failed``.
            data: What is known of it, by name; inputs of workflows are filled from it.

        Returns:
            The ids of the workflows; none where no trigger is for this event.

        Raises:
            BadInputError: a trigger needs what ``data`` does not tell. Nothing was started.
        """
        requests = requests_of(self.config.triggers, event, data)
        return [self._start(self._revised(request), component) for request in requests]
