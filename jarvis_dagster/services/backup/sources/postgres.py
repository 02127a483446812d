"""PostgreSQL databases, by the server's own tools.

Belongs here: `pg_dump` and `pg_restore`. Does not belong here: SQLite.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import NotSupportedError, PermanentError, TransientError
from jarvis_dagster.services.backup.sources.base import Content, Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jarvis_dagster.services.backup.config import PostgresConfig

__all__ = ["PostgresDatabases", "is_empty", "restore_dump"]

_CHUNK = 256 << 10  # the head of a dump holds its time, and is another each time
_AWAY = ("could not connect", "connection to server", "server closed the connection")


class PostgresDatabases:
    """Dumps of databases in PostgreSQL's custom format, each in one transaction.

    Args:
        scratch: Where a dump is kept while it is read.
    """

    def __init__(self, databases: Mapping[str, PostgresConfig], scratch: Path) -> None:
        self._databases = databases
        self._scratch = scratch

    def items(self, note: Callable[[str], None]) -> Iterator[Item]:  # noqa: ARG002
        for name, config in self._databases.items():
            yield self._item(name, config)

    def _item(self, name: str, config: PostgresConfig) -> Item:
        @contextlib.contextmanager
        def opened() -> Iterator[Content | None]:
            self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
                dump = Path(folder) / "dump"
                # Not compressed: what did not change is then the same bytes as last time.
                _run(config, "pg_dump", "--format=custom", "--compress=0", f"--file={dump}")
                with dump.open("rb") as stream:
                    yield Content(stream, dump.stat().st_size)

        return Item(f"postgres/{name}", "postgres", 0, "", _CHUNK, opened)


def is_empty(config: PostgresConfig) -> bool:
    """Whether a database has no tables of its own."""
    query = (
        "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname not in ('pg_catalog', 'information_schema')"
        " and n.nspname not like 'pg_toast%' and c.relkind in ('r', 'p', 'v', 'm', 'S')"
    )
    return _run(config, "psql", "--no-psqlrc", "-At", "-c", query).strip() == "0"


def restore_dump(config: PostgresConfig, dump: Path) -> None:
    """Put a dump into a database, whole or not at all; objects it has are replaced."""
    _run(
        config,
        "pg_restore",
        *("--clean", "--if-exists", "--no-owner", "--no-privileges"),
        *("--single-transaction", "--exit-on-error"),
        after=(str(dump),),
    )


def _run(config: PostgresConfig, program: str, *options: str, after: Sequence[str] = ()) -> str:
    path = shutil.which(program)
    if path is None:
        raise NotSupportedError(
            f"PostgreSQL databases are not supported on this machine: {program} is not installed.",
            "Install PostgreSQL's client programs (Debian: postgresql-client, macOS: libpq) of the"
            " server's version or newer.",
        )
    where = (
        *(f"--host={config.host}", f"--port={config.port}"),
        *(f"--username={config.user}", f"--dbname={config.database}", "--no-password"),
    )
    env = {**os.environ, "LC_ALL": "C"}
    if config.password is not None:
        env["PGPASSWORD"] = config.password.get_secret_value()  # never on the command line
    done = subprocess.run(
        [path, *options, *where, *after], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return done.stdout
    raise _failure(config, program, done.stderr)


def _failure(config: PostgresConfig, program: str, stderr: str) -> Exception:
    lines = [line for line in stderr.strip().splitlines() if line.strip()] or ["no message"]
    where = f"{config.database} at {config.host}:{config.port}"
    what = f"{program} failed on {where}: {lines[0].strip()}"
    if "server version mismatch" in stderr or "unsupported version" in stderr:
        return NotSupportedError(
            f"{program} is older than the server of {config.database} at {config.host}.",
            "Install PostgreSQL's client programs of the server's version or newer.",
        )
    if "authentication failed" in stderr or "no password supplied" in stderr:
        return PermanentError(what, "Check the user and password in `backup.postgres`.")
    if any(text in stderr for text in _AWAY) and "does not exist" not in stderr:
        return TransientError(what, "Start the PostgreSQL server, or check `backup.postgres`.")
    return PermanentError(what, "Check `backup.postgres` and the server's log.")
