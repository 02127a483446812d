"""What workflows share, inside Temporal's sandbox.

Belongs here: deterministic helpers, and the patches by which running workflows survive a deploy
(docs/workflows.md, "Changing a workflow"). Does not belong here: anything that looks at the
world.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

__all__ = ["HANDED_BACK", "carry_out", "dagster_run", "queue_for"]

HANDED_BACK = "HandedBack"
"""Type of the failure of a step whose worker stopped before it was done."""
_QUEUES = "a-queue-for-each-kind"


def queue_for(kind: str) -> str | None:
    """The task queue of a kind of work; None, the workflow's own, for those that began before."""
    if workflow.patched(_QUEUES):
        return f"{workflow.info().task_queue}-{kind}"
    return None


async def carry_out(name: str, given: dict[str, Any], **how: Any) -> dict[str, Any]:
    """Execute an activity; ``how`` as ``workflow.execute_activity`` takes it.

    What a worker that stops hands back is begun anew, and is none of the tries of the retry
    policy; what failed before that stays one.
    """
    policy, failed = how.get("retry_policy"), 0
    while True:
        try:
            done: dict[str, Any] = await workflow.execute_activity(
                name, given, result_type=dict[str, Any], **how
            )
        except ActivityError as error:
            cause = error.cause
            if not isinstance(cause, ApplicationError) or cause.type != HANDED_BACK:
                raise
            failed += cause.details[0] if cause.details else 0  # a worker of before tells nothing
            if policy is not None and policy.maximum_attempts:
                left = max(1, policy.maximum_attempts - failed)
                how["retry_policy"] = dataclasses.replace(policy, maximum_attempts=left)
        else:
            return done


async def dagster_run(given: dict[str, Any]) -> dict[str, Any]:
    """Launch ``job`` in Dagster, for ``partition`` and with ``config`` if given, and wait.

    However long Dagster is away, it is waited for; a run that failed is an error.
    """
    return await carry_out(
        "dagster_run",
        given,
        start_to_close_timeout=datetime.timedelta(hours=48),
        heartbeat_timeout=datetime.timedelta(seconds=60),
        retry_policy=RetryPolicy(maximum_interval=datetime.timedelta(minutes=2)),
        task_queue=queue_for("io"),
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )
