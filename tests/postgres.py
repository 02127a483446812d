"""A real PostgreSQL on loopback, with the roles and databases of the production stack.

Belongs here: starting and ending it, which it refuses to root. Does not belong here: what is kept
in it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.servers import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PASSWORDS", "Postgres", "missing_for_postgres", "postgres_program", "running_postgres"]

ROOT = Path(__file__).parents[1]
PASSWORDS = {
    "dagster": "for-dagster",
    "mlflow": "it's for mlflow",
    "temporal": "for-temporal",
}


def postgres_program(name: str) -> str | None:
    """The path of one of its programs."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


def missing_for_postgres() -> str:
    """Why it cannot be run here; empty where it can."""
    if not all(postgres_program(name) for name in ("initdb", "pg_ctl", "psql")):
        return "PostgreSQL is not installed (apt-get install postgresql)"
    if os.getuid() == 0 and not shutil.which("runuser"):
        return "PostgreSQL does not run as root, and runuser is missing"
    return ""


@dataclasses.dataclass
class Postgres:
    """One server, that may be ended and started again."""

    folder: Path
    port: int

    def run(self, program: str, *arguments: str) -> None:
        """Run one of its programs as who may."""
        path = postgres_program(program)
        assert path is not None, program
        become = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        done = subprocess.run(
            [*become, path, *arguments],
            env={"PATH": f"{Path(path).parent}:/usr/sbin:/usr/bin:/bin"},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def data(self) -> str:
        """Where its files are."""
        return str(self.folder / "data")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # Without waiting for the disk: a process that is killed leaves what it wrote all the same.
        options = f"-p {self.port} -F -c listen_addresses=127.0.0.1"
        options += f" -c unix_socket_directories={self.folder}"
        log = str(self.folder / "log")
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "240", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """End it at once."""
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    def processes(self) -> list[psutil.Process]:
        """The server, then all that it started."""
        number = int((Path(self.data) / "postmaster.pid").read_text("utf-8").splitlines()[0])
        server = psutil.Process(number)
        return [server, *server.children(recursive=True)]


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """One, while it is needed, in a folder of its own: pytest's only root may enter."""
    folder = Path(tempfile.mkdtemp(prefix="jarvis-postgres-", dir="/tmp"))
    try:
        (port,) = free_ports(1)
        server = Postgres(folder, port)
        (folder / "password").write_text("admin")
        if os.getuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres")
        password = f"--pwfile={folder / 'password'}"
        who = ("-U", "postgres", "-A", "scram-sha-256", password)
        server.run("initdb", "-D", server.data, "-N", *who)
        server.start()
        try:
            _make_databases(port)
            yield server
        finally:
            if (Path(server.data) / "postmaster.pid").is_file():
                server.stop()
    finally:
        shutil.rmtree(folder)


def _make_databases(port: int) -> None:
    psql = postgres_program("psql")
    assert psql is not None
    subprocess.run(
        ["sh", str(ROOT / "deploy/postgres/create-databases.sh")],
        env={
            "PATH": f"{Path(psql).parent}:/usr/bin:/bin",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGPASSWORD": "admin",
            **{f"{name.upper()}_DB_PASSWORD": value for name, value in PASSWORDS.items()},
        },
        check=True,
        capture_output=True,
    )
