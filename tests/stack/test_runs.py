"""Runs whose process died are given up, and nobody else's."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.test_utils import create_run_for_test

from jarvis_dagster.stack import StackConfig, write_dagster_home
from jarvis_dagster.stack.runs import (
    PROCESS_TAG,
    give_up_abandoned,
    give_up_runs,
    this_process,
)

if TYPE_CHECKING:
    from pathlib import Path


def launched_by(port: int) -> dict[str, str]:
    return {".dagster/grpc_info": json.dumps({"host": "127.0.0.1", "port": port})}


def test_only_open_runs_of_the_dead_server_are_given_up(tmp_path: Path) -> None:
    write_dagster_home(StackConfig(data_dir=tmp_path))
    home = tmp_path / "dagster"
    status = dg.DagsterRunStatus
    with dg.DagsterInstance.from_config(str(home)) as instance:

        def run(state: dg.DagsterRunStatus, tags: dict[str, str]) -> str:
            return create_run_for_test(instance, status=state, tags=tags).run_id

        died = run(status.STARTED, launched_by(4000))
        was_cancelled = run(status.CANCELING, launched_by(4000))
        done = run(status.SUCCESS, launched_by(4000))
        of_another = run(status.STARTED, launched_by(4001))
        by_hand = run(status.STARTED, {})
    assert set(give_up_runs(home, [4000])) == {died, was_cancelled}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        now = {run.run_id: run.status for run in instance.get_runs()}
    assert now == {
        died: status.FAILURE,
        was_cancelled: status.CANCELED,
        done: status.SUCCESS,
        of_another: status.STARTED,
        by_hand: status.STARTED,
    }
    assert give_up_runs(home, [4000]) == []


def test_only_open_runs_of_dead_processes_are_given_up() -> None:
    status = dg.DagsterRunStatus
    ended = subprocess.Popen(["true"])
    ended.wait()
    machine, number, began = this_process().rsplit(" ", 2)
    with dg.DagsterInstance.ephemeral() as instance:

        def run(state: dg.DagsterRunStatus, process: str | None) -> str:
            tags = {PROCESS_TAG: process} if process else {}
            return create_run_for_test(instance, status=state, tags=tags).run_id

        lives = run(status.STARTED, this_process())
        gone = run(status.STARTED, f"{machine} {ended.pid} {began}")
        other_of_that_number = run(status.STARTED, f"{machine} {number} {int(began) - 999}")
        elsewhere = run(status.STARTED, f"{machine}2 {ended.pid} {began}")
        done = run(status.SUCCESS, f"{machine} {ended.pid} {began}")
        launched = run(status.STARTED, None)
        assert set(give_up_abandoned(instance)) == {gone, other_of_that_number}
        now = {run.run_id: run.status for run in instance.get_runs()}
    assert now == {
        lives: status.STARTED,
        gone: status.FAILURE,
        other_of_that_number: status.FAILURE,
        elsewhere: status.STARTED,
        done: status.SUCCESS,
        launched: status.STARTED,
    }
