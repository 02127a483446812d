"""How much waits in the task queues, and who serves them.

Belongs here: asking Temporal of itself. Does not belong here: what follows from it (the
autoscaler).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.workflow.names import KINDS, queue_of

if TYPE_CHECKING:
    from jarvis_dagster.services.workflow.connection import Server

__all__ = ["namespace", "queues"]


async def namespace(server: Server) -> None:
    """See that it has the namespace."""
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

    await server.client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=server.config.namespace), timeout=server.timeout
    )


async def queues(server: Server) -> list[dict[str, Any]]:
    """Every task queue of this installation, that of the workflows themselves first."""
    name = server.config.task_queue
    rows = [await _queue(server, name, "workflows")]
    return rows + [await _queue(server, queue_of(name, kind), kind) for kind in KINDS]


async def _queue(server: Server, queue: str, kind: str) -> dict[str, Any]:
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

    found = await server.client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=server.config.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
            if kind == "workflows"
            else TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            report_stats=True,
            report_pollers=True,
        ),
        timeout=server.timeout,
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
