"""The workflow ``video-detection``: the people in a long video, found by any number of workers.

Belongs here: which part is looked at when, and again. Does not belong here: what a part is and
whether it joins (``fan_out_activities.py``, ``hockey/detection/segments.py``). This module runs
in Temporal's sandbox: it must be deterministic and import next to nothing.
"""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from jarvis_dagster.workflows.deterministic import carry_out, queue_for

__all__ = ["FAN_OUT_STEPS", "VideoDetection"]

FAN_OUT_STEPS = ("plan", "detect", "join")

_RETRY = RetryPolicy(
    initial_interval=datetime.timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=datetime.timedelta(minutes=2),
    maximum_attempts=8,
)
_LONGEST = datetime.timedelta(hours=6)
_HEARTBEAT_S = 60.0
_AT_A_TIME = 200
"""Parts that wait or run; the rest is not even planned in Temporal, whose lists are short."""
_OWN = ("segments", "heartbeat_s", "id")
_MODELS = ("model_key", "roles_key")
_KNOWN = {
    "video_key",
    "stride",
    "model_key",
    "roles_key",
    "score_threshold",
    "segment_s",
    "parameters",
    "revision",
}


@workflow.defn(name="video-detection")
class VideoDetection:
    """Detections of a whole video, part by part.

    Input: ``video_key``; maybe ``stride``, ``model_key`` (an ONNX detector in the object store; by
    default the one in force when the work is planned, for all parts), ``roles_key`` (a network
    that reads roles once more), ``score_threshold``, ``segment_s``
    (length of the parts), ``parameters`` (as the Autopilot adapted them to the camera), and
    ``revision``, a text that tells work apart. Result: ``detections`` and ``kit`` (object keys),
    ``rows``, ``model``, ``model_version``, ``stride``, ``stride_reason``, ``segments``, ``again``
    (parts that were looked at twice), ``frames``.
    """

    def __init__(self) -> None:
        self._steps: list[dict[str, Any]] = [
            {"name": name, "state": "waiting"} for name in FAN_OUT_STEPS
        ]
        self._done = self._planned = 0

    @workflow.run
    async def run(self, input_data: dict[str, Any]) -> dict[str, Any]:
        if set(input_data) - _KNOWN or not isinstance(input_data.get("video_key"), str):
            raise ApplicationError(
                f"video-detection takes video_key, and maybe {', '.join(sorted(_KNOWN))}.",
                type="BadInputError",
                non_retryable=True,
            )
        began = self._begin("plan")
        plan = await _activity("detection_plan", input_data)
        self._finish("plan", began)
        began = self._begin("detect")
        parts: list[dict[str, Any]] = [
            {"start": start, "stop": stop} for start, stop in plan["segments"]
        ]
        self._planned = len(parts)
        room = asyncio.Semaphore(_AT_A_TIME)
        keys = list(
            await asyncio.gather(*(self._look(input_data, plan, part, room) for part in parts))
        )
        self._finish("detect", began, frames=plan["frames"])
        began = self._begin("join")
        again = 0
        while True:
            joined = await _activity("detection_join", {**input_data, "plan": plan, "keys": keys})
            if not joined["again"]:
                break
            again += len(joined["again"])
            for one in joined["again"]:
                part = {**parts[one["number"]], "memory_key": one["memory_key"]}
                keys[one["number"]] = await self._look(input_data, plan, part, room)
        self._finish("join", began)
        return {
            **{name: value for name, value in joined.items() if name != "again"},
            **{name: value for name, value in plan.items() if name not in _OWN},
            "segments": len(parts),
            "again": again,
        }

    @workflow.query
    def parts(self) -> dict[str, int]:
        """How many parts there are, and how many are done."""
        return {"done": self._done, "planned": self._planned}

    async def _look(
        self,
        input_data: dict[str, Any],
        plan: dict[str, Any],
        part: dict[str, Any],
        room: asyncio.Semaphore,
    ) -> str:
        """Look at one part; its key."""
        async with room:
            models = {name: plan[name] for name in _MODELS if plan.get(name)}
            given = {**input_data, **models, **part, "plan": plan["id"], "stride": plan["stride"]}
            done = await _activity("detection_part", given, plan["heartbeat_s"])
        self._done = min(self._done + 1, self._planned)
        self._tell(share=self._done / self._planned)
        return str(done["key"])

    def _begin(self, name: str) -> datetime.datetime:
        self._set(name, {"name": name, "state": "running"})
        return workflow.now()

    def _finish(self, name: str, began: datetime.datetime, **facts: Any) -> None:
        seconds = (workflow.now() - began).total_seconds()
        self._set(name, {"name": name, "state": "finished", "seconds": seconds, **facts})

    def _set(self, name: str, step: dict[str, Any]) -> None:
        self._steps[FAN_OUT_STEPS.index(name)] = step
        workflow.upsert_memo({"steps": self._steps})

    def _tell(self, share: float) -> None:
        """How much is done, in twentieths: each is an event of the history."""
        step = self._steps[FAN_OUT_STEPS.index("detect")]
        if step["state"] == "running" and int(20 * share) > int(20 * step.get("share", 0)):
            self._set("detect", {**step, "share": share})


async def _activity(
    name: str, given: dict[str, Any], heartbeat_s: float = _HEARTBEAT_S
) -> dict[str, Any]:
    return await carry_out(
        name,
        given,
        start_to_close_timeout=_LONGEST,
        heartbeat_timeout=datetime.timedelta(seconds=heartbeat_s),
        retry_policy=_RETRY,
        task_queue=queue_for("vision"),
    )
