"""Dagster runs whose process died with the code server.

Belongs here: marking them as failed, so that Dagster's own retries take them up.
Does not belong here: retrying; `run_retries` of the instance does that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import dagster as dg

__all__ = ["give_up_runs"]

_LAUNCHED_BY = ".dagster/grpc_info"
"""Tag in which Dagster's default launcher notes the code server that a run is a child of."""


def give_up_runs(home: Path, ports: Collection[int]) -> list[str]:
    """Mark as failed every open run that was a child of the code server on one of `ports`.

    That server must be gone, and its children with it. Dagster cannot notice this itself: its
    default launcher has no way to ask whether a run's process lives. Runs that somebody executes
    in a process of their own are left alone.

    Returns:
        The ids of these runs.
    """
    import dagster as dg

    status = dg.DagsterRunStatus
    opened = [status.STARTING, status.STARTED, status.CANCELING]
    given_up = []
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for record in instance.get_run_records(dg.RunsFilter(statuses=opened)):
            run = record.dagster_run
            if _port(run) not in ports:
                continue
            if run.status is status.CANCELING:
                instance.report_run_canceled(run, "The run's process ended.")
            else:
                instance.report_run_failed(run, "The run's process ended with the code server.")
            given_up.append(run.run_id)
    return given_up


def _port(run: dg.DagsterRun) -> int | None:
    port: int | None = json.loads(run.tags.get(_LAUNCHED_BY, "{}")).get("port")
    return port
