"""SQLite's write-ahead log, which lets others read while one writes.

Belongs here: switching a file to it. Does not belong here: what is in the file.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

__all__ = ["use_log"]

_WAIT_S = 30.0


def use_log(connection: sqlite3.Connection) -> None:
    """Switch the file of a connection to the log, for good; nothing happens where it has one.

    SQLite waits for others at everything but this: of several that open a new file at once, all
    but one would be refused, whatever their timeout.

    Raises:
        OperationalError: of sqlite3; another connection has held a lock for half a minute.
    """
    import sqlite3

    busy = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in busy or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return
