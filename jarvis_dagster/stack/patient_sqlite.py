"""Dagster's SQLite storage, with patience.

Belongs here: waiting for a lock that another process holds. Does not belong here: what is stored
and where: files and tables are Dagster's own (`DagsterSqliteStorage`).

Dagster waits 30 s for the lock of its event log, but 5 s for those of its runs and schedules. A
backup or a busy disk is enough, and what waits fails: a command, a tick, a run, or the thread that
notices dead runs, which never comes back.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster._serdes import ConfigurableClassData
    from sqlalchemy.engine import Connection

__all__ = ["LOCK_TIMEOUT_S", "PatientSqliteStorage"]

LOCK_TIMEOUT_S = 60.0
"""How long a lock is waited for."""


class PatientSqliteStorage(DagsterSqliteStorage):
    """What `storage` in `dagster.yaml` names; its one setting is `base_dir`, DAGSTER_HOME."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._run_storage = _Runs(self._run_storage._conn_string)
        self._schedule_storage = _Schedules(self._schedule_storage._conn_string)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Any
    ) -> PatientSqliteStorage:
        """The storage that a `dagster.yaml` asks for."""
        return cls.from_local(inst_data=inst_data, **config_value)


class _Runs(SqliteRunStorage):
    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with _opened(self._conn_string) as connection:
            yield connection


class _Schedules(SqliteScheduleStorage):
    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with _opened(self._conn_string) as connection:
            yield connection


@contextmanager
def _opened(url: str) -> Iterator[Connection]:
    import sqlalchemy as sa

    # As Dagster's own: a connection each time, so that none is shared between threads.
    engine = sa.create_engine(
        url, poolclass=sa.pool.NullPool, connect_args={"timeout": LOCK_TIMEOUT_S}
    )
    with engine.begin() as connection:
        yield connection
