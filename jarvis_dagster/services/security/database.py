"""The database of accounts and sessions.

Belongs here: connections, and what a database that fails means. Does not belong here: what is in
the tables (``accounts``, ``sessions``).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

__all__ = ["Database"]


class Database:
    """One database, with tables that are made when they are first used."""

    def __init__(self, url: str) -> None:
        import sqlalchemy as sa

        self._engine = sa.create_engine(url, pool_pre_ping=True)  # it may have been restarted
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _lasting)
        self.tables = sa.MetaData()
        self._made = False

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
                self.tables.create_all(self._engine)
                self._made = True
            with self._engine.begin() as base:
                yield base
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DBAPIError as error:
            raise TransientError(
                f"The database of accounts cannot be used ({type(error.orig).__name__}).",
                "See whether it is running, and `security.database`.",
            ) from None


def _lasting(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA busy_timeout = 30000")
