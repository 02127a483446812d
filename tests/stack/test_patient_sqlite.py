"""A lock on Dagster's databases is waited for, and beyond that said in one line."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import dagster as dg
import pytest
import sqlalchemy as sa

from jarvis_dagster.commands.upload import dagster_instance
from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.settings import load_settings
from jarvis_dagster.stack import StackConfig, patient_sqlite, write_dagster_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME as `jarvis up` writes it."""
    write_dagster_home(StackConfig(data_dir=tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return tmp_path / "dagster"


@contextlib.contextmanager
def held(database: Path) -> Iterator[None]:
    """Somebody else is writing into it."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_every_database_is_waited_for(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        again = dg.DagsterInstance.from_ref(instance.get_ref())  # as a run's own process does
        with again:
            waits = []
            for one in (instance, again):
                for storage in (one.run_storage, one.schedule_storage):
                    with storage.connect() as connection:  # type: ignore[attr-defined, union-attr]
                        waits.append(connection.execute(sa.text("PRAGMA busy_timeout")).scalar())
                with one.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
                    waits.append(connection.execute(sa.text("PRAGMA busy_timeout")).scalar())
    assert min(waits) >= 30_000


def test_what_dagster_stored_before_is_found(tmp_path: Path) -> None:
    write_dagster_home(StackConfig(data_dir=tmp_path))
    home = tmp_path / "dagster"
    patient = (home / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)) as plain:
        plain.add_run(dg.DagsterRun("old", "00000000-0000-4000-8000-000000000000"))
    (home / "dagster.yaml").write_text(patient)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert [run.job_name for run in instance.get_runs()] == ["old"]
    assert len(list(home.rglob("runs.db"))) == 1


def test_a_lock_that_stays_is_one_line_with_a_remedy(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_sqlite, "LOCK_TIMEOUT_S", 0.1)
    run = dg.DagsterRun("any", "00000000-0000-4000-8000-000000000000")
    with dg.DagsterInstance.from_config(str(home)):
        pass
    runs = home / "history" / "runs.db"
    with (
        held(runs),
        pytest.raises(TransientError, match=rf"holds .* in {home}.*Try again") as said,
        dagster_instance(load_settings()) as instance,
    ):
        instance.add_run(run)
    assert "\n" not in str(said.value)
    with dagster_instance(load_settings()) as instance:
        instance.add_run(run)

    runs.write_bytes(b"this is not a database" * 100)
    with (
        pytest.raises(PermanentError, match=r"damaged .*jarvis backup restore"),
        dagster_instance(load_settings()),
    ):
        pass
