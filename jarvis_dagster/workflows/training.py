"""The workflow ``hockey-detection``: data preparation, training, evaluation, deployment.

Belongs here: the order of the steps, their limits and retries. Does not belong here: what a
step does (``training_activities.py``). This module runs in Temporal's sandbox: it must be
deterministic and import next to nothing.
"""

from __future__ import annotations

import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from jarvis_dagster.workflows.deterministic import carry_out, dagster_run, queue_for

__all__ = ["TRAINING_STEPS", "HockeyDetectionTraining"]

TRAINING_STEPS = ("data_preparation", "training", "evaluation", "deployment")
"""The activities, in order; each takes what the one before returned."""

_RETRY = RetryPolicy(
    initial_interval=datetime.timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=datetime.timedelta(minutes=5),
    maximum_attempts=10,
)
_LONGEST = datetime.timedelta(hours=48)
_HEARTBEAT = datetime.timedelta(seconds=60)
_DATA = "toolchain__hockey_detection_data"
"""The op of Dagster's job that is told what to train on."""


@workflow.defn(name="hockey-detection")
class HockeyDetectionTraining:
    """From a dataset to a detector that is registered as the challenger.

    Input: ``dataset`` and maybe ``test``, ``validation``, ``options``, ``accept_errors``
    (see ``toolchain.job.Request``), ``by``: ``dagster`` has Dagster's job do all steps, and
    ``decide``: have Dagster decide afterwards whether the challenger becomes the champion.
    Result: ``job``, ``figures``, ``baseline``, ``better``,
    ``model``, ``version``. A worker that dies is replaced by another, which goes on from the
    last checkpoint. Promotion is a decision of its own. By Dagster the result is ``dataset``,
    ``run_id`` and ``url`` of the run, and ``decision``.
    """

    @workflow.run
    async def run(self, input_data: dict[str, Any]) -> dict[str, Any]:
        if input_data.get("by") is not None:
            return await _by_dagster(input_data)
        queue = queue_for("training")
        steps: list[dict[str, Any]] = [
            {"name": name, "state": "waiting"} for name in TRAINING_STEPS
        ]
        given = {name: value for name, value in input_data.items() if name != "decide"}
        content: dict[str, Any] = {**given, "pipeline": "hockey-detection"}
        if input_data.get("decide"):
            steps.append({"name": "decision", "state": "waiting"})
        for number, step in enumerate(steps):
            steps[number] = {**step, "state": "running"}
            workflow.upsert_memo({"steps": steps})
            began = workflow.now()
            if step["name"] == "decision":
                decided = await dagster_run({"job": "decide_promotion"})
                content = {**content, "decision": decided["url"]}
            else:
                content = await carry_out(
                    step["name"],
                    content,
                    start_to_close_timeout=_LONGEST,
                    heartbeat_timeout=_HEARTBEAT,
                    retry_policy=_RETRY,
                    task_queue=queue,
                )
            seconds = (workflow.now() - began).total_seconds()
            steps[number] = {**step, "state": "finished", "seconds": seconds}
            workflow.upsert_memo({"steps": steps})
        return content


async def _by_dagster(input_data: dict[str, Any]) -> dict[str, Any]:
    """Have Dagster train and decide, and see both runs through."""
    if input_data["by"] != "dagster":
        raise ApplicationError(
            "hockey-detection is done by the workflow itself, or by dagster.",
            type="BadInputError",
            non_retryable=True,
        )
    request = {name: value for name, value in input_data.items() if name not in {"by", "decide"}}
    config = {"ops": {_DATA: {"config": request}}}
    runs = [("training", {"job": "train_hockey_detection", "config": config})]
    if input_data.get("decide"):
        runs.append(("decision", {"job": "decide_promotion"}))
    steps: list[dict[str, Any]] = [{"name": name, "state": "waiting"} for name, _ in runs]
    done: list[dict[str, Any]] = []
    for number, (name, given) in enumerate(runs):
        steps[number] = {"name": name, "state": "running"}
        workflow.upsert_memo({"steps": steps})
        done.append(await dagster_run(given))
        seconds = done[number]["seconds"]
        steps[number] = {"name": name, "state": "finished", "seconds": seconds}
        workflow.upsert_memo({"steps": steps})
    return {
        "dataset": input_data["dataset"],
        **{name: done[0][name] for name in ("run_id", "url")},
        "decision": done[1]["url"] if len(done) > 1 else None,
    }
