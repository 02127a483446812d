"""How long workflows have been running, for alerts on those that never end.

Belongs here: asking Temporal and logging the gauge. Does not belong here: what
is too long (``deploy/prometheus/rules``). Temporal's own metrics tell of a
workflow only once it is closed.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from typing import TYPE_CHECKING

from temporalio.service import RPCError

if TYPE_CHECKING:
    from temporalio.client import Client

    from jarvis_dagster.services.analytics import JarvisAnalyticsService

__all__ = ["LONGEST_RUNNING", "longest_running", "watch_running"]

LONGEST_RUNNING = "jarvis_workflow_longest_running_seconds"
_EVERY_S = 60.0
_TIMEOUT = datetime.timedelta(seconds=10)
_LOG = logging.getLogger(__name__)


async def longest_running(client: Client, task_queue: str) -> dict[str, float]:
    """Seconds since the oldest open workflow of each type on the queue began.

    Raises:
        RPCError: Temporal does not answer.
    """
    now = datetime.datetime.now(datetime.UTC)
    oldest: dict[str, float] = {}
    query = f"ExecutionStatus = 'Running' AND TaskQueue = '{task_queue}'"
    async for found in client.list_workflows(query, rpc_timeout=_TIMEOUT):
        age_s = (now - found.start_time).total_seconds()
        oldest[found.workflow_type] = max(age_s, oldest.get(found.workflow_type, 0.0))
    return oldest


async def watch_running(
    client: Client,
    task_queue: str,
    analytics: JarvisAnalyticsService,
    stop: asyncio.Event,
    *,
    every_s: float = _EVERY_S,
) -> None:
    """Log :data:`LONGEST_RUNNING` by type until ``stop`` is set; 0 for a type without any.

    A look that fails is logged, and the next one comes as usual.
    """
    known: set[str] = set()
    while not stop.is_set():
        try:
            oldest = await longest_running(client, task_queue)
        except RPCError as error:
            _LOG.warning("Running workflows could not be listed: %s", error)
        else:
            known |= set(oldest)
            for name in sorted(known):
                analytics.log_metric(LONGEST_RUNNING, oldest.get(name, 0.0), {"workflow": name})
        try:
            await asyncio.wait_for(stop.wait(), every_s)
        except TimeoutError:
            continue
