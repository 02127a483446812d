"""Dagster's history with connections that are kept: the same files, the same answers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import dagster as dg
import psutil
import pytest
import yaml
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.test_utils import create_run_for_test

from jarvis_dagster.stack import StackConfig, write_dagster_home

if TYPE_CHECKING:
    from pathlib import Path

    from dagster._core.events.log import EventLogEntry


@dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="videos"))
def tracks() -> None: ...


def materialise(instance: dg.DagsterInstance) -> str:
    return dg.materialize([tracks], partition_key="a", instance=instance).run_id


def held(home: Path) -> set[str]:
    own = psutil.Process().open_files()
    return {file.path.rsplit("/", 1)[1] for file in own if file.path.startswith(str(home))}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_dagster_home(StackConfig(data_dir=tmp_path))
    return tmp_path / "dagster"


def test_either_storage_reads_what_the_other_wrote(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        kept = type(instance.event_log_storage)
        assert kept is not SqliteEventLogStorage
        instance.add_dynamic_partitions("videos", ["a"])
        first = materialise(instance)
        assert {"index.db", "runs.db", f"{first}.db"} <= held(home)
    assert not {"index.db", "runs.db", f"{first}.db"} & held(home)
    settings = yaml.safe_load((home / "dagster.yaml").read_text("utf-8"))
    del settings["storage"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert instance.get_dynamic_partitions("videos") == ["a"]
        told = [entry.dagster_event_type for entry in instance.all_logs(first)]
        second = materialise(instance)
        assert told == [entry.dagster_event_type for entry in instance.all_logs(second)]
    write_dagster_home(StackConfig(data_dir=home.parent))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert {run.run_id for run in instance.get_runs()} == {first, second}
        newest = instance.get_latest_materialization_event(tracks.key)
        assert newest is not None
        assert newest.run_id == second
        assert [entry.dagster_event_type for entry in instance.all_logs(second)] == told


def test_who_watches_a_run_is_told_by_another_instance(home: Path) -> None:
    seen: list[str] = []
    last = threading.Event()

    def tell(entry: EventLogEntry, _cursor: str) -> None:
        seen.append(entry.message)
        if entry.message == "last":
            last.set()

    config = str(home)
    with (
        dg.DagsterInstance.from_config(config) as page,
        dg.DagsterInstance.from_config(config) as worker,
    ):
        run = create_run_for_test(worker)
        worker.report_engine_event("before", run)
        page.watch_event_logs(run.run_id, None, tell)
        for message in ("first", "last"):
            worker.report_engine_event(message, run)
        assert last.wait(240)
        page.end_watch_event_logs(run.run_id, tell)
    assert seen[-2:] == ["first", "last"]


def test_of_many_runs_the_last_are_open(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = [create_run_for_test(instance) for _ in range(10)]
        for run in runs:
            instance.report_engine_event("here", run)
        opened = {f"{run.run_id}.db" for run in runs[-8:]}
        assert {name for name in held(home) if len(name) > 20 and name.endswith(".db")} == opened
        assert len(instance.all_logs(runs[0].run_id)) == 1
        instance.wipe()
        assert not any((home / "history/runs").glob("*-*.db"))
        again = create_run_for_test(instance)
        instance.report_engine_event("anew", again)
        assert len(instance.all_logs(again.run_id)) == 1
        assert instance.all_logs(runs[-1].run_id) == []
