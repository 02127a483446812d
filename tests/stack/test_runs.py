"""Runs whose process died are given up, and nobody else's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.test_utils import create_run_for_test

from jarvis_dagster.stack import StackConfig, write_dagster_home
from jarvis_dagster.stack.runs import give_up_runs

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
