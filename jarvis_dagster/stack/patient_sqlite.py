"""Dagster's SQLite storage, with patience, and with connections that are kept.

Belongs here: waiting for a lock that another process holds, and opening each database once. Does
not belong here: what is stored and where: files and tables are Dagster's own
(`DagsterSqliteStorage`), which reads what is written here and the other way round.

Dagster waits 30 s for the lock of its event log, but 5 s for those of its runs and schedules. A
backup or a busy disk is enough, and what waits fails: a command, a tick, a run, or the thread that
notices dead runs, which never comes back.

It also makes an engine and a connection for every statement, which compiles each statement anew
and checkpoints the database each time: a third of the time that a short video takes.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster._core.events.log import EventLogEntry
    from dagster._serdes import ConfigurableClassData
    from sqlalchemy.engine import Connection, Engine

__all__ = ["LOCK_TIMEOUT_S", "PatientSqliteStorage"]

LOCK_TIMEOUT_S = 60.0
"""How long a lock is waited for."""
_INDEX = "index"
_RUNS_OPEN = 8  # those that are going on, and those whose pages are open


class PatientSqliteStorage(DagsterSqliteStorage):
    """What `storage` in `dagster.yaml` names; its one setting is `base_dir`, DAGSTER_HOME."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Not that of the parent class, which opens Dagster's own three.
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]
        self.base_dir = base_dir
        self._inst_data = inst_data
        self._run_storage = _Runs.from_local(f"{base_dir}/history/")
        self._event_log_storage = _Events(f"{base_dir}/history/runs/")
        self._schedule_storage = _Schedules.from_local(f"{base_dir}/schedules")

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> PatientSqliteStorage:
        """The storage that a `dagster.yaml` asks for."""
        return cls.from_local(inst_data=inst_data, **config_value)


class _OneDatabase:
    """A storage of Dagster's that has one database, whose engine is kept."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(conn_string, inst_data)  # type: ignore[call-arg]
        self._kept = _engine(conn_string)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._kept.begin() as connection:
            yield connection

    def dispose(self) -> None:
        self._kept.dispose()


class _Runs(_OneDatabase, SqliteRunStorage):
    """The runs."""


class _Schedules(_OneDatabase, SqliteScheduleStorage):
    """Ticks of schedules and sensors."""


class _Events(SqliteEventLogStorage):
    """The index of all runs, and the log of each: a database each."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._kept: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._opened(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _opened(self, shard: str) -> Engine:
        if shard not in self._kept:
            self._kept[shard] = _engine(
                self.conn_string_for_shard(shard), sync_seldom=shard != _INDEX
            )
        self._kept.move_to_end(shard)
        runs = [name for name in self._kept if name != _INDEX]
        for name in runs[:-_RUNS_OPEN]:
            self._kept.pop(name).dispose()
        return self._kept[shard]

    def store_event(self, event: EventLogEntry) -> None:
        super().store_event(event)
        # Pages that follow a run watch its file, which changes by itself only when it is closed.
        os.utime(self.path_for_shard(event.run_id))

    def has_table(self, table_name: str) -> bool:
        """Whether it is there: asked for before most statements, and no table ever goes."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        self._close()  # it deletes files
        super().wipe()

    def dispose(self) -> None:
        super().dispose()
        self._close()

    def _close(self) -> None:
        with self._db_lock:
            while self._kept:
                self._kept.popitem()[1].dispose()


def _engine(url: str, *, sync_seldom: bool = False) -> Engine:
    import sqlalchemy as sa

    engine = sa.create_engine(
        url,
        pool_size=1,
        max_overflow=-1,  # as many connections as there are threads at it, of which one stays
        connect_args={"timeout": LOCK_TIMEOUT_S},
    )
    if sync_seldom:
        # A power cut may take the last lines of a run's log, as it ends the run itself.
        sa.event.listen(
            engine,
            "connect",
            lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL").close(),
        )
    return engine
