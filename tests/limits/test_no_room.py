"""A disk without room is named by whoever runs into it, with what to do."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import minio
import pytest
import sqlalchemy as sa

from jarvis_dagster.errors import JarvisError, NoRoomError, TransientError
from jarvis_dagster.services.database import Database
from jarvis_dagster.services.experiment import ExperimentConfig
from jarvis_dagster.services.experiment.client import Mlflow
from jarvis_dagster.services.storage.faults import translated
from jarvis_dagster.services.storage.spool import Spool

if TYPE_CHECKING:
    from pathlib import Path


def refusal(code: str, status: int) -> minio.S3Error:
    """What a store answers."""
    response: Any = SimpleNamespace(status=status, headers={})
    return minio.S3Error(response, code, "no", "r", "1", "1", "b", "k")


@pytest.mark.parametrize(
    ("code", "status"), [("XMinioStorageFull", 507), ("InsufficientStorage", 507), ("Other", 507)]
)
def test_an_object_store_without_room(code: str, status: int) -> None:
    with (
        pytest.raises(TransientError, match="no room for s3://b/k") as told,
        translated("store:9000", "s3://b/k"),
    ):
        raise refusal(code, status)
    assert "Free some space" in told.value.remedy


def test_a_spool_folder_without_room(tmp_path: Path) -> None:
    def encode(_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = Spool(tmp_path / "spool", 60)
    with (
        pytest.raises(NoRoomError, match=str(tmp_path / "spool")) as told,
        spool.file(["a"], encode, lambda _: False),
    ):
        pass
    assert "storage.spool_dir" in told.value.remedy


def test_a_database_without_room(tmp_path: Path) -> None:
    """SQLite itself says it: its file may not grow."""
    path = tmp_path / "accounts.sqlite3"
    database = Database(f"sqlite:///{path}", "accounts", "security.database")
    table = sa.Table("notes", database.tables, sa.Column("text", sa.Text))
    with database.open() as base:
        base.execute(sa.insert(table).values(text="a"))

    def too_much() -> None:
        with database.open() as base:
            base.exec_driver_sql("PRAGMA max_page_count = 4")
            base.execute(sa.insert(table).values(text="a" * 1_000_000))

    with pytest.raises(TransientError, match="no room left") as told:
        too_much()
    assert str(path) in told.value.what
    assert "security.database" in told.value.remedy
    with database.open() as base:  # what was there stays
        assert base.execute(sa.select(table.c.text)).scalars().all() == ["a"]
    database.close()


@pytest.mark.filterwarnings("ignore::FutureWarning")  # MLflow's own
def test_mlflow_without_room(tmp_path: Path) -> None:
    from mlflow.exceptions import MlflowException

    where = f"sqlite:///{tmp_path}/mlflow.sqlite3"
    mlflow = Mlflow(ExperimentConfig(tracking_uri=where, artifact_root=str(tmp_path), attempts=1))

    def failing(error: Exception) -> JarvisError:
        def fail(_: object) -> NoReturn:
            raise error

        mlflow.__dict__["client"] = None  # nothing is asked of it
        with pytest.raises(JarvisError) as told:
            mlflow.call("the metrics of run 1", fail)
        return told.value

    full = "(sqlite3.OperationalError) database or disk is full [SQL: INSERT ...]"
    for error in (
        MlflowException(full),
        MlflowException("API request failed: [Errno 28] No space left on device"),
        sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full")),
    ):
        said = failing(error)
        assert "no room left on its disk for the metrics of run 1" in said.what
        assert where in said.what
        assert "Free some space" in said.remedy
    here = failing(OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "model.onnx")))
    assert isinstance(here, NoRoomError)
    assert str(tmp_path / "model.onnx") in here.what
