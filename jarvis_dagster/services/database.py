"""A database that several processes share: accounts, sessions, approvals.

Belongs here: connections, making tables, and what a database that fails means. Does not belong
here: what is in the tables.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.sqlite_log import use_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

__all__ = ["Database"]

_DISK_FULL = "53100"  # of PostgreSQL
_MAKING = 0x4A525653  # "JRVS": the lock of PostgreSQL that who makes tables holds


class Database:
    """One database, with tables that are made when they are first used.

    Args:
        url: As SQLAlchemy reads it.
        what: What is kept in it, for messages: ``accounts``.
        setting: Where its address is set, for messages.
    """

    def __init__(self, url: str, what: str, setting: str) -> None:
        import sqlalchemy as sa

        self._engine = sa.create_engine(url, pool_pre_ping=True)  # it may have been restarted
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _lasting)
        self.tables = sa.MetaData()
        self._what, self._setting = what, setting
        self._made, self._lock = False, threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def open(self) -> Iterator[sa.Connection]:
        """One transaction.

        Raises:
            TransientError: the database cannot be used.
            IntegrityError: of SQLAlchemy; a row is there already.
        """
        import sqlalchemy as sa

        try:
            if not self._made:
                self._make()
            with self._engine.begin() as base:
                yield base
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DBAPIError as error:
            if _is_full(error.orig):
                raise TransientError(
                    f"The database of {self._what} has no room left on its disk"
                    f" ({self._engine.url.database}).",
                    f"Free some space there; then the same works. `{self._setting}` says where"
                    " it is.",
                ) from None
            raise TransientError(
                f"The database of {self._what} cannot be used ({type(error.orig).__name__}).",
                f"See whether it is running, and `{self._setting}`.",
            ) from None

    def _make(self) -> None:
        """Make the tables, one process at a time: another may be at it at this moment."""
        import sqlalchemy as sa

        with self._lock, self._engine.begin() as base:
            if self._engine.dialect.name == "sqlite":
                base.exec_driver_sql("BEGIN IMMEDIATE")
            elif self._engine.dialect.name == "postgresql":
                base.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING)))
            self.tables.create_all(base)
        self._made = True


def _lasting(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA busy_timeout = 30000")
    use_log(connection)


def _is_full(error: BaseException | None) -> bool:
    """Whether a database says that its disk has no room."""
    return (
        getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        or getattr(error, "pgcode", None) == _DISK_FULL
    )
