"""`soak.py` with PostgreSQL below Dagster and MLflow, which is ended while videos are analysed.

    python benchmarks/soak_postgres.py [--rounds 1] [and the other options of soak.py]

As in production, Dagster and MLflow keep their state in one PostgreSQL (its program has to be
installed); Temporal's server for one machine knows SQLite alone. The server and all of its
processes are killed and started again, as Docker would, after a moment and after longer; one of
its processes is killed, upon which it throws everybody out; it stands still. Between that, programs
are killed that have to find their way back to it. Nothing else is mended by hand.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psutil
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import soak, soak_faults
from jarvis_dagster.stack import lifecycle, programs
from jarvis_dagster.stack.dagster_home import write_dagster_home
from jarvis_dagster.stack.layout import StackPaths, write_private
from tests.postgres import PASSWORDS, Postgres, missing_for_postgres, running_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jarvis_dagster.stack import StackConfig


def faults(
    server: Postgres, club: soak_faults.Club, full_disk: Callable[[], None] | None
) -> Iterator[soak_faults.Fault]:
    """One round."""
    yield "PostgreSQL killed and started again", partial(restart, server, 0)
    yield "kill -9 dagster-daemon", partial(soak_faults.kill_program, club, "dagster-daemon")
    yield "PostgreSQL killed for 10 s", partial(restart, server, 10)
    yield "kill -9 dagster-code", partial(soak_faults.kill_program, club, "dagster-code")
    yield "PostgreSQL killed for 60 s", partial(restart, server, 60)
    yield "kill -9 mlflow", partial(soak_faults.kill_program, club, "mlflow")
    yield "kill -9 one of PostgreSQL's processes", partial(kill_one, server)
    yield "kill -9 a run", partial(soak_faults.kill_run, club)
    yield "PostgreSQL stands still for 10 s", partial(stand_still, server, 10)
    if full_disk is not None:
        yield "disk full for 40 s", full_disk


def restart(server: Postgres, seconds: float) -> None:
    """Kill all of it, and start it again after so long."""
    killed = server.processes()
    for process in killed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(killed, timeout=60)  # what they share is in use until then
    time.sleep(seconds)
    server.start()


def kill_one(server: Postgres) -> None:
    """Kill a process that serves a connection: the server ends the others, and recovers."""
    serving = [
        one
        for one in server.processes()[1:]
        if any(name in " ".join(one.cmdline()) for name in PASSWORDS)
    ]
    serving[0].kill()


def stand_still(server: Postgres, seconds: float) -> None:
    """Have all of its processes stop for a while."""
    stopped = server.processes()
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    for process in stopped:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)


def use(server: Postgres) -> None:
    """Have the embedded stack keep Dagster's and MLflow's state there."""

    def write_home(config: StackConfig) -> None:
        write_dagster_home(config)
        path = StackPaths(config.data_dir).dagster / "dagster.yaml"
        settings = yaml.safe_load(path.read_text("utf-8"))
        place = {
            "hostname": "127.0.0.1",
            "port": server.port,
            "username": "dagster",
            "password": PASSWORDS["dagster"],
            "db_name": "dagster",
        }
        settings["storage"] = {"postgres": {"postgres_db": place}}
        write_private(path, yaml.safe_dump(settings))

    plain = programs._BUILDERS["mlflow"]

    def mlflow(config: StackConfig, paths: StackPaths) -> dict[str, Any]:
        made = plain(config, paths)
        password = quote(PASSWORDS["mlflow"], safe="")
        address = f"postgresql+psycopg2://mlflow:{password}@127.0.0.1:{server.port}/mlflow"
        argv = tuple(address if one.startswith("sqlite:") else one for one in made["argv"])
        return {**made, "argv": argv}

    lifecycle.write_dagster_home = write_home  # type: ignore[attr-defined]
    programs._BUILDERS["mlflow"] = mlflow


if __name__ == "__main__":
    if missing := missing_for_postgres():
        raise SystemExit(missing)
    with running_postgres() as postgres:
        use(postgres)
        soak.main(partial(faults, postgres))
