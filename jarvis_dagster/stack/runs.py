"""Dagster runs whose process died, which Dagster cannot notice by itself.

Belongs here: marking them as failed, so that they hold nobody up and Dagster's own retries take
up those that it launched. Does not belong here: retrying; `run_retries` of the instance does that.
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import dagster as dg

__all__ = ["PROCESS_TAG", "give_up_abandoned", "give_up_runs", "this_process"]

PROCESS_TAG = "jarvis/process"
"""Tag of a run that a process executes by itself: the value of `this_process` there."""
_CLOCK_DRIFT_S = 10

_LAUNCHED_BY = ".dagster/grpc_info"
"""Tag in which Dagster's default launcher notes the code server that a run is a child of."""


def this_process() -> str:
    """Return a name of this process that no other ever has: machine, id, time of its start."""
    import psutil

    process = psutil.Process()
    return f"{socket.gethostname()} {process.pid} {process.create_time():.0f}"


def give_up_abandoned(instance: dg.DagsterInstance) -> list[str]:
    """Mark as failed every open run that a process of this machine executed that is gone.

    Returns:
        The ids of these runs.
    """
    import dagster as dg

    status = dg.DagsterRunStatus
    opened = [status.NOT_STARTED, status.STARTING, status.STARTED, status.CANCELING]
    abandoned = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=opened))
        if _is_gone(run.tags.get(PROCESS_TAG))
    ]
    for run in abandoned:
        instance.report_run_failed(run, "The process that executed this run is gone.")
    return [run.run_id for run in abandoned]


def _is_gone(process: str | None) -> bool:
    import psutil

    if process is None:
        return False
    machine, number, began = process.rsplit(" ", 2)
    if machine != socket.gethostname():
        return False  # nobody here can tell
    try:
        return abs(psutil.Process(int(number)).create_time() - float(began)) > _CLOCK_DRIFT_S
    except psutil.NoSuchProcess:
        return True


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
