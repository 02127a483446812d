"""The workflow ``computer-vision``: processing, features, inference on one video.

Belongs here: the order of the steps, their limits and retries. Does not belong
here: what a step does (``vision_activities.py``). This module runs in
Temporal's sandbox: it must be deterministic and import next to nothing.
"""

from __future__ import annotations

import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from jarvis_dagster.workflows.deterministic import queue_for

__all__ = ["STEPS", "ComputerVision"]

STEPS = ("processing", "features", "inference")
"""The activities, in order; each takes the input and returns outputs and facts."""

_RETRY = RetryPolicy(
    initial_interval=datetime.timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=datetime.timedelta(minutes=2),
    maximum_attempts=8,
)
_LONGEST = datetime.timedelta(hours=24)
_HEARTBEAT = datetime.timedelta(seconds=60)


@workflow.defn(name="computer-vision")
class ComputerVision:
    """From a video in the object store to tables in the object store.

    Input: ``video_key``, the object key of a video in the artifacts bucket;
    maybe ``stride``, detecting on every n-th frame; maybe ``revision``, a text
    that tells work with another model or version apart from earlier work.
    Result: ``video_key``, ``outputs`` (object key by name) and ``summary``.
    """

    @workflow.run
    async def run(self, input_data: dict[str, Any]) -> dict[str, Any]:
        _check(input_data)
        queue = queue_for("vision")
        steps: list[dict[str, Any]] = [{"name": name, "state": "waiting"} for name in STEPS]
        outputs: dict[str, str] = {}
        summary: dict[str, Any] = {}
        for number, step in enumerate(steps):
            steps[number] = {**step, "state": "running"}
            workflow.upsert_memo({"steps": steps})
            done = await workflow.execute_activity(
                step["name"],
                {**input_data, "outputs": outputs},
                result_type=dict[str, Any],
                start_to_close_timeout=_LONGEST,
                heartbeat_timeout=_HEARTBEAT,
                retry_policy=_RETRY,
                task_queue=queue,
            )
            outputs |= done["outputs"]
            summary |= done["summary"]
            steps[number] = {
                **step,
                "state": "finished",
                "seconds": done["seconds"],
                "frames": done["frames"],
            }
            workflow.upsert_memo({"steps": steps})
        return {"video_key": input_data["video_key"], "outputs": outputs, "summary": summary}


def _check(input_data: dict[str, Any]) -> None:
    unknown = set(input_data) - {"video_key", "stride", "revision"}
    key, stride = input_data.get("video_key"), input_data.get("stride")
    revision = input_data.get("revision", "")
    if unknown or not isinstance(key, str) or not key or not isinstance(revision, str):
        raise ApplicationError(
            "computer-vision takes video_key (an object key), and maybe stride and revision.",
            type="BadInputError",
            non_retryable=True,
        )
    if stride is not None and (not isinstance(stride, int) or not 1 <= stride <= 10):
        raise ApplicationError(
            "stride is a number from 1 to 10.", type="BadInputError", non_retryable=True
        )
