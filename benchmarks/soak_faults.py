"""What befalls the platform in `soak.py`: the stack, and ways to kill, hold and fill its parts.

Belongs here: one function a fault, each of which returns when that is over, and seconds until the
thing answered again. Does not belong here: their order in time, the load (`soak_load.py`), and what
became of everything (`soak.py`).
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import re
import signal
import sqlite3
import time
from functools import partial
from typing import TYPE_CHECKING

import psutil

from jarvis_dagster.stack import PROGRAM_NAMES, StackConfig, ensure_up, stack_status
from jarvis_dagster.stack.processes import marked_processes
from jarvis_dagster.stack.programs import build_program
from jarvis_dagster.stack.readiness import answers
from jarvis_dagster.stack.supervision import SUPERVISOR, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import dagster as dg

    from benchmarks.soak_load import Load
    from jarvis_dagster.stack.program import Program
    from jarvis_dagster.stack.supervision import ProgramState

_POLL_S = 0.3


@dataclasses.dataclass
class Club:
    """A stack, its drive, and what was put there.

    Attributes:
        limit_s: How long anything may take to come back.
        sent: SHA-256 of each video that was put into Uploads, by its name.
    """

    config: StackConfig
    drive: Path
    video: bytes
    load: Load
    limit_s: float
    sent: dict[str, str] = dataclasses.field(default_factory=dict)

    def upload(self) -> None:
        """Put another video there: the same pictures, other bytes, so another video."""
        number = len(self.sent) + 1
        # A box of kind "free" at the end of an mp4 is skipped by whoever reads it.
        note = f"video {number} of {os.getpid()}".encode()
        content = self.video + (len(note) + 8).to_bytes(4, "big") + b"free" + note
        target = self.drive / "Uploads" / f"game {number:02d}.mp4"
        part = target.with_suffix(".part")
        part.write_bytes(content)
        part.replace(target)
        self.sent[target.name] = hashlib.sha256(content).hexdigest()

    def results(self) -> dict[str, list[Path]]:
        """The folders of results by the hash of the video that they are of."""
        found = collections.defaultdict(list)
        for path in (self.drive / "Results").rglob("manifest.json"):
            with contextlib.suppress(ValueError, OSError, KeyError):  # it is being written
                found[json.loads(path.read_bytes())["about"]["video_sha256"]].append(path.parent)
        return found

    def missing(self) -> list[str]:
        there = self.results()
        return [name for name, sha256 in self.sent.items() if sha256 not in there]

    def database(self, name: str) -> Path:
        return next((self.config.data_dir / "dagster").rglob(name))


Fault = tuple[str, "Callable[[], float | None]"]
"""What happens, and the function that does it: seconds until that was there again, None where
nothing of it could be seen."""


if TYPE_CHECKING:
    Happenings = Callable[[Club, Callable[[], None] | None], Iterator[Fault]]
    """One round of faults."""


def faults(club: Club, full_disk: Callable[[], None] | None) -> Iterator[Fault]:
    """One round: every program, the process of a run, and what else befalls a machine."""
    for program in PROGRAM_NAMES:
        yield f"kill -9 {program}", partial(kill_program, club, program)
    yield "kill -9 mlflow's own server", partial(kill_child, club, "mlflow")
    yield "kill -9 a run", partial(kill_run, club)
    yield "kill -9 supervisor, then jarvis up", partial(kill_supervisor, club)
    yield "kill -9 login 6 times at its start", partial(kill_often, club, "login", 6)
    yield "object store stands still for 10 s", partial(stand_still, club, "object-store", 10)
    yield "Temporal stands still for 10 s", partial(stand_still, club, "temporal", 10)
    for name in ("runs.db", "index.db", "schedules.db"):
        yield f"Dagster's {name} held for 8 s", partial(hold_database, club, name, 8)
    yield "drive away for 8 s", partial(take_drive_away, club, 8)
    if full_disk is not None:
        yield "disk full for 40 s", full_disk


def back(club: Club, program: str, was: int | None = None) -> float:
    """Seconds until a program answers, by another process than `was`."""
    began, built = time.monotonic(), build_program(program, club.config)  # type: ignore[arg-type]
    while time.monotonic() - began < club.limit_s:
        state = Supervisor(club.config).states().get(program)
        if state is not None and state.pid not in (None, was) and serves(built, state):
            break
        time.sleep(_POLL_S)
    return time.monotonic() - began


def serves(built: Program, state: ProgramState) -> bool:
    """Whether this very process answers, and not a child of one that was killed."""
    if not answers(built, state):
        return False
    if built.port is None:
        return True
    with contextlib.suppress(psutil.Error):
        head = psutil.Process(state.pid)
        family = [head, *head.children(recursive=True)]
        found = [one for process in family for one in process.net_connections("tcp")]
        return any(
            one.status == psutil.CONN_LISTEN and one.laddr.port == built.port for one in found
        )
    return False


def pid_of(club: Club, program: str) -> int | None:
    state = Supervisor(club.config).states().get(program)
    return state.pid if state else None


def kill_program(club: Club, program: str) -> float | None:
    pid = pid_of(club, program)
    if pid is None:
        return None
    os.kill(pid, signal.SIGKILL)
    return back(club, program, pid)


def kill_child(club: Club, program: str) -> float | None:
    """Kill the process that does a program's work, where that is a child of the one started."""
    pid = pid_of(club, program)
    children = psutil.Process(pid).children() if pid is not None else []
    for child in children:
        child.kill()
    return back(club, program, pid) if children else None


def kill_often(club: Club, program: str, times: int) -> float:
    """Kill a program as soon as it runs, again and again."""
    pid = None
    for _ in range(times):
        until = time.monotonic() + club.limit_s
        while (now := pid_of(club, program)) in (None, pid) and time.monotonic() < until:
            time.sleep(0.05)
        pid = now
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return back(club, program, pid)


def kill_supervisor(club: Club) -> float:
    """Kill what would start the others again; `jarvis up` has to find everything."""
    heads = marked_processes(str(club.config.data_dir)).items()
    for process in [process for process, name in heads if name == SUPERVISOR]:
        process.kill()
    began = time.monotonic()
    ensure_up(club.config)
    return time.monotonic() - began


def stand_still(club: Club, program: str, seconds: float) -> float | None:
    pid = pid_of(club, program)
    if pid is None:
        return None
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
    return back(club, program)


def kill_run(club: Club) -> float | None:
    """Kill a process in which a run is; seconds until another run of its video is asked for."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for process, run in _runs(club):
            with contextlib.suppress(psutil.Error):
                process.kill()
                return _tried_again(club, run)
        time.sleep(_POLL_S)
    return None


def _runs(club: Club) -> Iterator[tuple[psutil.Process, dg.DagsterRun]]:
    """The processes that execute runs, and their runs."""
    import dagster as dg

    with dg.DagsterInstance.from_config(str(club.config.data_dir / "dagster")) as instance:
        started = dg.RunsFilter(job_name="process_video", statuses=[dg.DagsterRunStatus.STARTED])
        for run in instance.get_runs(started):
            events = instance.all_logs(run.run_id, of_type={dg.DagsterEventType.ENGINE_EVENT})
            said = " ".join(one.message or "" for one in events)
            found = re.search(r"in process \(pid: (\d+)\)", said)
            if found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    yield psutil.Process(int(found[1])), run


def _tried_again(club: Club, run: dg.DagsterRun) -> float:
    import dagster as dg

    began = time.monotonic()
    with dg.DagsterInstance.from_config(str(club.config.data_dir / "dagster")) as instance:
        while time.monotonic() - began < club.limit_s:
            tags = {"dagster/partition": run.tags["dagster/partition"]}
            if instance.get_runs(dg.RunsFilter(tags=tags), limit=1)[0].run_id != run.run_id:
                break
            time.sleep(_POLL_S)
    return time.monotonic() - began


def hold_database(club: Club, name: str, seconds: float) -> None:
    """Hold the lock of a database, as a backup that hangs would."""
    path = club.database(name)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as database:
        database.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        database.execute("ROLLBACK")


def take_drive_away(club: Club, seconds: float) -> None:
    """The whole drive is gone for a while, as a disk that is pulled out."""
    drive = club.drive.parent
    aside = drive.with_name("drive that is away")
    drive.rename(aside)
    time.sleep(seconds)
    if drive.exists():
        drive.rename(drive.with_name("made while the drive was away"))
    aside.rename(drive)


def fill_disk(club: Club, seconds: float) -> None:
    """Leave no byte free on the disk of the state for a while."""
    filler = club.config.data_dir / "filler"
    with filler.open("wb", buffering=0) as stream:
        for block in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    stream.write(bytes(block))
    time.sleep(seconds)
    filler.unlink()


def wait_until_ready(club: Club) -> float:
    """Seconds until every program answers again; the limit when one does not."""
    began = time.monotonic()
    while time.monotonic() - began < club.limit_s:
        if all(row.state == "ready" for row in stack_status(club.config)):
            break
        time.sleep(_POLL_S)
    return time.monotonic() - began
