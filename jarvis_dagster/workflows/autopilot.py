"""The workflow ``autonomous-hockey-analysis``: collect, analyse, decide, act, for ever.

Belongs here: the order of the steps, waiting, and what people may say meanwhile. Does not belong
here: what a step does (``autopilot_activities.py``). This module runs in Temporal's sandbox: it
must be deterministic and import next to nothing.

The workflow remembers nothing that matters: evidence, parameters and decisions are in the object
store, approvals in their database. A round that is lost is made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError

from jarvis_dagster.workflows.deterministic import carry_out, queue_for

__all__ = ["AUTOPILOT_STEPS", "AutonomousHockeyAnalysis"]

AUTOPILOT_STEPS = ("collect", "analyse", "decide", "act")

_RETRY = RetryPolicy(
    initial_interval=datetime.timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=datetime.timedelta(minutes=5),
    maximum_attempts=8,
)
_LONGEST = datetime.timedelta(hours=12)
_HEARTBEAT = datetime.timedelta(seconds=90)
_ROUNDS = 40
"""After so many rounds the workflow continues as a new one, with a short history."""


@workflow.defn(name="autonomous-hockey-analysis")
class AutonomousHockeyAnalysis:
    """Watches how well videos are seen, and adapts.

    Input: maybe ``look_every_s`` (seconds between two rounds), ``cameras`` (only these) and
    ``rounds`` (how many; without it, for ever). Result, where there is an end: ``rounds`` and
    ``decisions`` of the last one.

    Signals ``pause`` and ``resume`` (who), ``look`` (now, not at the next round) and ``decided``
    (an approval was decided). Query ``state``.
    """

    def __init__(self) -> None:
        self._paused_by: str | None = None
        self._paused_at: str | None = None
        self._look = False
        self._doing = "starting"
        self._rounds = 0
        self._last: list[dict[str, Any]] = []
        self._failed: dict[str, str] = {}
        self._next_at: str | None = None

    @workflow.run
    async def run(self, input_data: dict[str, Any]) -> dict[str, Any]:
        every, cameras, rounds = _checked(input_data)
        carried = input_data.get("carried") or {}
        self._rounds = int(carried.get("rounds", 0))
        self._last = list(carried.get("last", ()))
        if self._paused_by is None and carried.get("paused_by"):
            self._paused_by, self._paused_at = carried["paused_by"], carried["paused_at"]
        here = 0
        while True:
            self._doing = "paused" if self._paused_by else "waiting"
            await workflow.wait_condition(lambda: self._paused_by is None)
            self._look = False
            await self._round(cameras)
            self._rounds, here = self._rounds + 1, here + 1
            if rounds is not None and self._rounds >= rounds:
                return {"rounds": self._rounds, "decisions": self._last}
            self._doing = "waiting"
            self._next_at = (workflow.now() + datetime.timedelta(seconds=every)).isoformat()
            with contextlib.suppress(asyncio.TimeoutError):
                await workflow.wait_condition(lambda: self._look, timeout=every)
            self._next_at = None
            if here >= _ROUNDS or workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new({**input_data, "carried": self._carried()})

    async def _round(self, only: list[str] | None) -> None:
        """One round; a step that fails is told, and the rest goes on."""
        cycle = f"{workflow.info().workflow_id} {workflow.info().run_id[:8]} {self._rounds}"
        self._failed, decisions = {}, []
        self._mark("collect")
        try:
            found = await _step("autopilot_collect", {}, "vision")
        except ActivityError as error:
            self._fail("all", error)
            return
        for camera in found["cameras"]:
            if only is not None and camera not in only:
                continue
            if self._paused_by is not None:
                break  # what is begun is finished, and nothing else is begun
            try:
                decisions.append(await self._camera(camera, cycle))
            except ActivityError as error:
                self._fail(camera, error)
        self._last = decisions
        self._mark(None)

    async def _camera(self, camera: str, cycle: str) -> dict[str, Any]:
        self._mark("analyse", camera)
        analysed = await _step("autopilot_analyse", {"camera": camera, "cycle": cycle}, "io")
        tried = None
        if analysed["action"] == "adapt":
            self._mark("decide", camera)
            tried = await _step("autopilot_search", analysed, "vision")
        self._mark("act", camera)
        given = {"analysed": analysed, "tried": tried, "waiter": workflow.info().workflow_id}
        return await _step("autopilot_act", given, "io")

    def _fail(self, camera: str, error: ActivityError) -> None:
        """Remember why; the end of the workflow itself is no failure of a step."""
        if isinstance(error.cause, CancelledError):
            raise error
        self._failed[camera] = str(error.cause or error)
        workflow.logger.warning("A step of the Autopilot failed: %s", self._failed[camera])

    def _mark(self, doing: str | None, camera: str = "") -> None:
        """What it does, for those who watch (the memo can be read without a worker)."""
        self._doing = f"{doing} {camera}".strip() if doing else "waiting"
        at = AUTOPILOT_STEPS.index(doing) if doing else len(AUTOPILOT_STEPS)
        states = ["finished"] * at + ["running"] + ["waiting"] * len(AUTOPILOT_STEPS)
        workflow.upsert_memo(
            {
                "steps": [
                    {"name": name, "state": state, **({"seconds": 0.0} if number < at else {})}
                    for number, (name, state) in enumerate(
                        zip(AUTOPILOT_STEPS, states, strict=False)
                    )
                ]
            }
        )

    def _carried(self) -> dict[str, Any]:
        return {
            "rounds": self._rounds,
            "last": self._last,
            "paused_by": self._paused_by,
            "paused_at": self._paused_at,
        }

    # -- what people say -----------------------------------------------------------

    @workflow.signal
    def pause(self, by: str) -> None:
        """Begin nothing more until somebody resumes it."""
        self._paused_by, self._paused_at = str(by), workflow.now().isoformat()

    @workflow.signal
    def resume(self, by: str) -> None:  # noqa: ARG002 - in the history, for those who ask
        """Go on, with a look at once."""
        self._paused_by = self._paused_at = None
        self._look = True

    @workflow.signal
    def look(self) -> None:
        """Begin the next round now."""
        self._look = True

    @workflow.signal
    def decided(self, state: str) -> None:  # noqa: ARG002 - the database says it
        """An approval was decided."""
        self._look = True

    @workflow.query
    def state(self) -> dict[str, Any]:
        """What it does, whether it is paused, what the last round decided and what failed."""
        return {
            "doing": "paused" if self._paused_by and self._doing == "waiting" else self._doing,
            "paused_by": self._paused_by,
            "paused_at": self._paused_at,
            "rounds": self._rounds,
            "next_round": self._next_at,
            "last": self._last,
            "failed": self._failed,
        }


async def _step(name: str, given: dict[str, Any], kind: str) -> dict[str, Any]:
    return await carry_out(
        name,
        given,
        task_queue=queue_for(kind),
        start_to_close_timeout=_LONGEST,
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=_RETRY,
    )


def _checked(input_data: dict[str, Any]) -> tuple[float, list[str] | None, int | None]:
    unknown = set(input_data) - {"look_every_s", "cameras", "rounds", "carried"}
    every, cameras = input_data.get("look_every_s", 900), input_data.get("cameras")
    rounds = input_data.get("rounds")
    wrong = bool(unknown)
    wrong |= isinstance(every, bool) or not isinstance(every, int | float) or not every > 0
    wrong |= cameras is not None and not (
        isinstance(cameras, list) and all(isinstance(one, str) for one in cameras)
    )
    wrong |= rounds is not None and (not isinstance(rounds, int) or rounds < 1)
    if wrong:
        raise ApplicationError(
            "autonomous-hockey-analysis takes look_every_s (seconds above 0), cameras (a list of"
            " names) and rounds (a number), and nothing else.",
            type="BadInputError",
            non_retryable=True,
        )
    return float(every), cameras, rounds
