"""How much waits in the task queues, and who serves them.

Belongs here: asking Temporal. Does not belong here: what follows from it (the autoscaler).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.workflow.names import KINDS, queue_of
from jarvis_dagster.services.workflow.triggers import Triggers

if TYPE_CHECKING:
    from temporalio.client import Client

__all__ = ["Backlog"]


class Backlog(Triggers):
    """What waits for workers."""

    def backlog(self) -> list[dict[str, Any]]:
        """Every task queue of this installation.

        Returns:
            For each ``queue, kind, waiting, oldest_s, added_per_s, done_per_s, workers``; the
            kind ``workflows`` is the decisions of workflows themselves. A task that a worker
            has taken does not wait any more.
        """

        async def look(client: Client) -> list[dict[str, Any]]:
            name = self.config.task_queue
            rows = [await self._queue(client, name, "workflows")]
            return rows + [await self._queue(client, queue_of(name, kind), kind) for kind in KINDS]

        return self._temporal.call("the task queues", look)

    async def _queue(self, client: Client, queue: str, kind: str) -> dict[str, Any]:
        from temporalio.api.enums.v1 import TaskQueueType
        from temporalio.api.taskqueue.v1 import TaskQueue
        from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

        found = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self.config.namespace,
                task_queue=TaskQueue(name=queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
                if kind == "workflows"
                else TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
                report_stats=True,
                report_pollers=True,
            ),
            timeout=self._temporal.timeout,
        )
        return {
            "queue": queue,
            "kind": kind,
            "waiting": found.stats.approximate_backlog_count,
            "oldest_s": found.stats.approximate_backlog_age.ToNanoseconds() / 1e9,
            "added_per_s": found.stats.tasks_add_rate,
            "done_per_s": found.stats.tasks_dispatch_rate,
            "workers": len({poller.identity for poller in found.pollers}),
        }
