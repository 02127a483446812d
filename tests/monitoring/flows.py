"""Workflows that end well, end badly, and do not end."""

from __future__ import annotations

import datetime

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

__all__ = ["ACTIVITIES", "WORKFLOWS"]

_S = datetime.timedelta(seconds=1)


@activity.defn
async def works() -> None:
    """Nothing to do."""


@activity.defn
async def breaks() -> None:
    raise ApplicationError("It was asked to.", non_retryable=True)


@workflow.defn(name="ends-well")
class EndsWell:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(works, start_to_close_timeout=30 * _S)


@workflow.defn(name="ends-badly")
class EndsBadly:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(
            breaks, start_to_close_timeout=30 * _S, retry_policy=RetryPolicy(maximum_attempts=1)
        )


@workflow.defn(name="does-not-end")
class DoesNotEnd:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


WORKFLOWS = (EndsWell, EndsBadly, DoesNotEnd)
ACTIVITIES = (works, breaks)
