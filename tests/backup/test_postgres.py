"""PostgreSQL: dumped and restored with the server's own tools, on a real server."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.backup.config import PostgresConfig
from jarvis_dagster.services.backup.restore import NotEmptyError
from jarvis_dagster.services.backup.sources.postgres import is_empty
from tests.backup.installation import service
from tests.servers import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "hush-of-the-database"
TOOLS = ("initdb", "postgres", "pg_dump", "pg_restore", "psql")


def find(name: str) -> str | None:
    """A program of the server, which Debian keeps out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(found[0]) if found else shutil.which(name)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresConfig]:
    if not all(map(find, TOOLS)) or not shutil.which("pg_dump"):
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="jarvis-pg-"))
    options: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    if os.getuid() == 0:  # it refuses to run as root
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    (port,) = free_ports(1)
    command = ["-D", folder / "data", "-U", "jarvis", "-A", "scram-sha-256", f"--pwfile={secret}"]
    subprocess.run([find("initdb"), *command], cwd=folder, check=True, **options)  # type: ignore[list-item]
    arguments = ["-D", folder / "data", "-p", str(port), "-k", folder, "-h", "127.0.0.1", "-F"]
    with subprocess.Popen([find("postgres"), *arguments], cwd=folder, **options) as process:  # type: ignore[list-item]
        config = PostgresConfig(
            host="127.0.0.1", port=port, database="postgres", user="jarvis", password=PASSWORD
        )
        try:
            deadline = time.monotonic() + 240
            while True:
                try:
                    is_empty(config)
                    break
                except TransientError:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            yield config
        finally:
            process.terminate()
    shutil.rmtree(folder)


def run(config: PostgresConfig, query: str) -> str:
    address = f"postgresql://jarvis:{PASSWORD}@127.0.0.1:{config.port}/{config.database}"
    done = subprocess.run(
        ["psql", "-XAt", "-c", query, address], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def databases(server: PostgresConfig) -> tuple[PostgresConfig, PostgresConfig]:
    for name in ("dagster", "fresh"):
        run(server, f"DROP DATABASE IF EXISTS {name}")
        run(server, f"CREATE DATABASE {name}")
    full = server.model_copy(update={"database": "dagster"})
    run(full, "CREATE TABLE runs (id serial PRIMARY KEY, body text UNIQUE)")
    rows = "SELECT 'run ' || n || repeat(md5(n::text), 16) FROM generate_series(1, 5000) n"
    run(full, f"INSERT INTO runs (body) {rows}")
    return full, server.model_copy(update={"database": "fresh"})


def test_a_database_comes_back_into_an_empty_one(
    databases: tuple[PostgresConfig, PostgresConfig], tmp_path: Path
) -> None:
    full, fresh = databases
    backups = service(tmp_path / "data", tmp_path / "place", postgres={"dagster": full})
    snapshot = backups.create()
    assert [one.path for one in backups.entries(snapshot)] == ["postgres/dagster"]
    time.sleep(1.1)  # so that the time in the dump is another
    again = backups.create()
    assert again.new_bytes < snapshot.new_bytes / 2  # what did not change is not stored again
    with pytest.raises(NotEmptyError, match="PostgreSQL database dagster"):
        backups.restore(snapshot)
    other = service(tmp_path / "other", tmp_path / "place", postgres={"dagster": fresh})
    assert other.restore(snapshot).failed == ()
    query = "SELECT count(*), left(min(body), 5), max(id), nextval('runs_id_seq') FROM runs"
    assert run(fresh, query) == "5000|run 1|5000|5001"
    run(fresh, "DELETE FROM runs")
    assert other.restore(snapshot, overwrite=True).failed == ()
    assert run(fresh, "SELECT count(*) FROM runs") == "5000"


def test_a_wrong_password_is_refused_without_telling_it(
    server: PostgresConfig, tmp_path: Path
) -> None:
    wrong = PostgresConfig(**{**dict(server), "password": "wrong-hush"})
    with pytest.raises(PermanentError, match="password authentication failed") as caught:
        service(tmp_path / "data", tmp_path / "place", postgres={"x": wrong}).create()
    assert "wrong-hush" not in str(caught.value)
    assert PASSWORD not in repr(server)


def test_a_server_that_is_away_is_an_outage(server: PostgresConfig) -> None:
    (port,) = free_ports(1)
    with pytest.raises(TransientError, match="Connection refused"):
        is_empty(server.model_copy(update={"port": port}))


def test_a_database_without_settings_is_named_at_the_restore(
    databases: tuple[PostgresConfig, PostgresConfig], tmp_path: Path
) -> None:
    full, _ = databases
    snapshot = service(tmp_path / "data", tmp_path / "place", postgres={"dagster": full}).create()
    done = service(tmp_path / "other", tmp_path / "place").restore(snapshot)
    ((path, reason),) = done.failed
    assert path == "postgres/dagster"
    assert "backup.postgres.dagster" in reason
