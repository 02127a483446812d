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

from jarvis_dagster.workflows.deterministic import carry_out, dagster_run, queue_for
from jarvis_dagster.workflows.fan_out import VideoDetection

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
_LONG = 18_000
"""Frames from which on people are looked for in parts: ten minutes at 30 a second."""


@workflow.defn(name="computer-vision")
class ComputerVision:
    """From a video in the object store to tables in the object store.

    Input: ``video_key``, the object key of a video in the artifacts bucket;
    looked at as the Autopilot adapted to its camera; maybe ``stride``, detecting on every
    n-th frame; maybe ``fan_out``, whether any
    number of workers look for people, part by part (by default in videos of ten
    minutes and more); maybe ``revision``, a text that tells work with another
    model or version apart from earlier work.
    Result: ``video_key``, ``outputs`` (object key by name) and ``summary``.

    Or ``partition``, a video that Dagster knows: its job ``process_video`` (or ``job``) is
    launched and followed. Result: ``partition``, ``run_id``, ``job``, ``url``.
    """

    @workflow.run
    async def run(self, input_data: dict[str, Any]) -> dict[str, Any]:
        if "partition" in input_data:
            return await _by_dagster(input_data)
        _check(input_data)
        queue = queue_for("vision")
        steps: list[dict[str, Any]] = [{"name": name, "state": "waiting"} for name in STEPS]
        outputs: dict[str, str] = {}
        summary: dict[str, Any] = {}
        sight: dict[str, Any] = {}
        frames = 0
        for number, step in enumerate(steps):
            steps[number] = {**step, "state": "running"}
            workflow.upsert_memo({"steps": steps})
            given = {**input_data, **sight, "outputs": outputs}
            if step["name"] == "features" and _fans_out(input_data, frames):
                done = await _by_parts({**input_data, **sight}, frames)
            else:
                done = await carry_out(
                    step["name"],
                    given,
                    start_to_close_timeout=_LONGEST,
                    heartbeat_timeout=_HEARTBEAT,
                    retry_policy=_RETRY,
                    task_queue=queue,
                )
            frames = max(frames, done["frames"])
            outputs |= done["outputs"]
            summary |= done["summary"]
            sight |= done.get("sight", {})
            steps[number] = {
                **step,
                "state": "finished",
                "seconds": done["seconds"],
                "frames": done["frames"],
            }
            workflow.upsert_memo({"steps": steps})
        return {"video_key": input_data["video_key"], "outputs": outputs, "summary": summary}


async def _by_dagster(input_data: dict[str, Any]) -> dict[str, Any]:
    """Have Dagster do it, and see it through."""
    if set(input_data) - {"partition", "job", "revision"} or not input_data["partition"]:
        raise ApplicationError(
            "computer-vision by Dagster takes partition, and maybe job and revision.",
            type="BadInputError",
            non_retryable=True,
        )
    workflow.upsert_memo({"steps": [{"name": "run", "state": "running"}]})
    given = {"job": input_data.get("job", "process_video"), "partition": input_data["partition"]}
    done = await dagster_run(given)
    step = {"name": "run", "state": "finished", "seconds": done["seconds"]}
    workflow.upsert_memo({"steps": [step]})
    return {
        "partition": input_data["partition"],
        **{name: done[name] for name in ("run_id", "job", "url")},
    }


def _fans_out(input_data: dict[str, Any], frames: int) -> bool:
    """Workflows that began before there were parts go on without."""
    wanted: bool = input_data.get("fan_out", frames >= _LONG)
    return wanted and workflow.patched("people-by-parts")


async def _by_parts(input_data: dict[str, Any], frames: int) -> dict[str, Any]:
    """What ``features`` returns, from the workflow ``video-detection``."""
    began = workflow.now()
    wanted = ("parameters", "score_threshold")
    given = {
        "video_key": input_data["video_key"],
        "stride": input_data.get("stride"),
        **{name: input_data[name] for name in wanted if name in input_data},
    }
    found = await workflow.execute_child_workflow(
        VideoDetection.run, given, id=f"{workflow.info().workflow_id}-people"
    )
    return {
        "outputs": {name: found[name] for name in ("detections", "kit")},
        "summary": {
            "detections": found["rows"],
            **{name: found[name] for name in ("model", "model_version", "stride")},
        },
        "seconds": (workflow.now() - began).total_seconds(),
        "frames": max(frames, found["frames"]),
    }


def _check(input_data: dict[str, Any]) -> None:
    unknown = set(input_data) - {"video_key", "stride", "fan_out", "revision"}
    key, stride = input_data.get("video_key"), input_data.get("stride")
    revision = input_data.get("revision", "")
    if unknown or not isinstance(key, str) or not key or not isinstance(revision, str):
        raise ApplicationError(
            "computer-vision takes video_key (an object key), and maybe stride, fan_out, revision.",
            type="BadInputError",
            non_retryable=True,
        )
    if stride is not None and (not isinstance(stride, int) or not 1 <= stride <= 10):
        raise ApplicationError(
            "stride is a number from 1 to 10.", type="BadInputError", non_retryable=True
        )
