"""What was approved is done, and what nobody decided expires.

Belongs here: the sensor, and which approvals are due now. Does not belong here: what is done
(``assets/delivery``, ``assets/toolchain/promotion``), who may say yes (``services/approval``).

The sensor keeps no cursor: it asks for a run as long as an approved thing is not noted as done.
Whatever is killed in between, it is done in the end; done twice is the same.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.jobs import deliver_results, promote_approved, read_labels
from jarvis_dagster.resources.acting import acts_as
from jarvis_dagster.resources.services import ApprovalResource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jarvis_dagster.services.approval import Approval

__all__ = ["APPROVAL_TAG", "Tried", "approvals_sensor", "due"]

APPROVAL_TAG = "jarvis/approval"
"""The tag of a run that does what was approved: the id."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 60.0, 3600.0
_MOST_AT_ONCE = 20
_KINDS = ("results", "deployment", "labels")


class Tried(NamedTuple):
    """What is known of the runs that were asked for."""

    runs: int
    is_open: bool
    ended_at: float


def due(
    approved: Sequence[Approval], tried: Mapping[str, Tried], now: float
) -> list[tuple[Approval, int]]:
    """Which approvals need a run now, and the number of the try.

    One whose runs failed is tried again after a minute, then two, up to an hour.
    """
    found = []
    for one in approved:
        before = tried.get(one.id, Tried(0, False, 0.0))
        if before.is_open:
            continue
        wait = min(_FIRST_WAIT_S * 2 ** min(before.runs - 1, 10), _LONGEST_WAIT_S)
        if before.runs == 0 or now >= before.ended_at + wait:
            found.append((one, before.runs + 1))
    return found


@dg.sensor(
    jobs=[deliver_results, promote_approved, read_labels],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Does what a person has approved, and ends what nobody decided in time.",
)
@acts_as("sherlock")
def approvals_sensor(
    context: dg.SensorEvaluationContext, approvals: ApprovalResource
) -> dg.SensorResult | dg.SkipReason:
    """A run for each approved thing that is not done yet."""
    try:
        approvals.service.sweep()
        waiting = [one for one in approvals.service.to_do(_KINDS) if _is_mine(one)]
    except JarvisError as error:
        return dg.SkipReason(str(error))
    tried = {one.id: _tried(context.instance, one.id) for one in waiting}
    requests = [
        _request(one, number) for one, number in due(waiting, tried, time.time())[:_MOST_AT_ONCE]
    ]
    if requests:
        return dg.SensorResult(run_requests=requests)
    return dg.SkipReason(f"{len(waiting)} approved and not done yet" if waiting else "nothing new")


def _request(approval: Approval, number: int) -> dg.RunRequest:
    run_key, tags = f"{approval.id}-{number}", {APPROVAL_TAG: approval.id}
    if approval.kind == "results":
        return dg.RunRequest(
            run_key=run_key,
            job_name=deliver_results.name,
            partition_key=approval.subject,
            tags=tags,
        )
    if approval.kind == "labels":
        labels = {"ops": {"toolchain__labels": {"config": {"source": approval.content["source"]}}}}
        return dg.RunRequest(
            run_key=run_key, job_name=read_labels.name, run_config=labels, tags=tags
        )
    config = {"ops": {"toolchain__champion": {"config": {"approval": approval.id}}}}
    return dg.RunRequest(
        run_key=run_key, job_name=promote_approved.name, run_config=config, tags=tags
    )


def _is_mine(approval: Approval) -> bool:
    """Corrections of a video are for the sensor of corrections, which looks at the drive."""
    return approval.kind != "labels" or "source" in approval.content


def _tried(instance: dg.DagsterInstance, approval_id: str) -> Tried:
    records = instance.get_run_records(filters=dg.RunsFilter(tags={APPROVAL_TAG: approval_id}))
    return Tried(
        len(records),
        any(not record.dagster_run.is_finished for record in records),
        max((record.end_time or 0.0 for record in records), default=0.0),
    )
