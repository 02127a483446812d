"""The whole stack under `kill -9` and faults, while videos keep arriving.

    python benchmarks/soak.py [--rounds 1] [--pause 20] [--keep DIR] [--json FILE]

A stack of its own is started on loopback with a drive folder. Videos of two seconds are put into
`Uploads/` one after the other; meanwhile every program of the stack, and the process of a run, is
killed in turn (`kill -9`), and between that the object store stands still, Dagster's database is
held by somebody else, and the drive is away. Nothing is mended by hand. At the end each video that
was put there must have its results in the drive once, whole by the hashes of its manifest, and
the object store must be without damage. A bound on time ends it in any case.

The table says how long each program was away; the last lines what was lost, and what came twice.
Exit code 1 when anything was.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import yaml
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from jarvis_dagster.hockey.synthetic import GameSpec, render_game
from jarvis_dagster.settings import load_settings
from jarvis_dagster.stack import PROGRAM_NAMES, StackConfig, ensure_up, stack_status, stop
from jarvis_dagster.stack.processes import MARKER_PROGRAM, marked_processes
from tests.stack.conftest import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONSOLE = Console()
_POLL_S = 0.5


@dataclasses.dataclass
class Club:
    """A stack, its drive, and what was put there.

    Attributes:
        sent: SHA-256 of each video that was put into Uploads, by its name.
    """

    config: StackConfig
    drive: Path
    video: bytes
    sent: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def uploads(self) -> Path:
        return self.drive / "Uploads"

    def upload(self) -> None:
        """Put another video there: the same pictures, other bytes, so another video."""
        number = len(self.sent) + 1
        # A box of kind "free" at the end of an mp4 is skipped by whoever reads it.
        note = f"video {number} of {os.getpid()}".encode()
        content = self.video + (len(note) + 8).to_bytes(4, "big") + b"free" + note
        target = self.uploads / f"game {number:02d}.mp4"
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


def faults(club: Club) -> Iterator[tuple[str, Callable[[], None]]]:
    """One round: every program, the process of a run, and what else befalls a machine."""
    for program in PROGRAM_NAMES:
        yield f"kill -9 {program}", partial(kill_program, club, program)
        if program == "object-store":
            yield "object store stands still for 10 s", partial(stand_still, club, program)
        if program == "dagster-webserver":
            yield "kill -9 a run", partial(kill_run, club)
            yield "Dagster's database held for 8 s", partial(hold_database, club, 8)
    yield "drive away for 8 s", partial(take_drive_away, club, 8)


def pid_of(club: Club, program: str) -> int | None:
    return next(row.pid for row in stack_status(club.config) if row.program == program)


def kill_program(club: Club, program: str) -> None:
    pid = pid_of(club, program)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def stand_still(club: Club, program: str) -> None:
    pid = pid_of(club, program)
    if pid is not None:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(10)
        os.kill(pid, signal.SIGCONT)


def kill_run(club: Club) -> None:
    """Kill a process in which a run is; wait a little for one."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for process in marked_processes(str(club.config.data_dir)):
            with contextlib.suppress(psutil.Error):
                if "execute_run" in " ".join(process.cmdline()):
                    process.kill()
                    return
        time.sleep(_POLL_S)


def hold_database(club: Club, seconds: float) -> None:
    """Hold the lock of the database of Dagster's runs, as a backup that hangs would."""
    path = next((club.config.data_dir / "dagster").rglob("runs.db"))
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


def wait_until_ready(club: Club, limit_s: float) -> float:
    """Seconds until every program answers again; the limit when one does not."""
    began = time.monotonic()
    while time.monotonic() - began < limit_s:
        if all(row.state == "ready" for row in stack_status(club.config)):
            break
        time.sleep(_POLL_S)
    return time.monotonic() - began


def torn(folder: Path) -> list[str]:
    """Files that the manifest names and that are not there as it says."""
    wrong = []
    for entry in json.loads((folder / "manifest.json").read_bytes())["files"]:
        path = folder / entry["file"]
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            wrong.append(str(path))
    return wrong


def damage() -> list[str]:
    """What the object store says of itself."""
    from jarvis_dagster.services.storage.verification import verify
    from jarvis_dagster.wiring import core_services

    with core_services(load_settings()) as core:
        return [str(one) for one in verify(core.storage_service)]


def soak(club: Club, rounds: int, pause_s: float, limit_s: float) -> dict[str, list[float]]:
    """Seconds until everything answered again, after each kind of fault."""
    away: dict[str, list[float]] = collections.defaultdict(list)
    for number in range(rounds):
        for name, happen in faults(club):
            club.upload()
            time.sleep(pause_s)
            happen()
            took = wait_until_ready(club, limit_s)
            away[name].append(took)
            done = len(club.sent) - len(club.missing())
            _CONSOLE.print(
                f"round {number + 1}: {name}; all answered after {took:.1f} s;"
                f" {done} of {len(club.sent)} videos have results"
            )
    return away


def judged(club: Club, limit_s: float) -> dict[str, list[str]]:
    """Wait for the results; what is wrong with them."""
    until = time.monotonic() + limit_s
    while club.missing() and time.monotonic() < until:
        time.sleep(2)
    there = club.results()
    known = set(club.sent.values())
    return {
        "without results": club.missing(),
        "results twice": [
            f"{name}: {', '.join(map(str, there[sha256]))}"
            for name, sha256 in club.sent.items()
            if len(there.get(sha256, ())) > 1
        ],
        "results of nothing": [
            str(f) for sha, some in there.items() if sha not in known for f in some
        ],
        "torn results": [path for some in there.values() for f in some for path in torn(f)],
        "damage in the object store": damage(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=1, help="How often each fault happens.")
    parser.add_argument("--pause", type=float, default=20, help="Seconds between two faults.")
    parser.add_argument("--limit", type=float, default=300, help="Longest wait for a recovery.")
    parser.add_argument("--wait", type=float, default=1800, help="Longest wait for the results.")
    parser.add_argument("--keep", type=Path, help="A folder for the state, which is then kept.")
    parser.add_argument("--json", type=Path, help="Write the figures there as well.")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        club = made(folder)
        stack.callback(stop, club.config)
        began = time.monotonic()
        away = soak(club, options.rounds, options.pause, options.limit)
        wrong = judged(club, options.wait)
        minutes = (time.monotonic() - began) / 60
    table = Table("what happened", "times", "median s", "longest s")
    for name, seconds in away.items():
        figures = f"{statistics.median(seconds):.1f}", f"{max(seconds):.1f}"
        table.add_row(name, str(len(seconds)), *figures)
    _CONSOLE.print(table)
    _CONSOLE.print(f"{len(club.sent)} videos in {minutes:.0f} min")
    for kind, some in wrong.items():
        _CONSOLE.print(f"{kind}: {len(some)}", *some)
    if options.json:
        figures = {"videos": len(club.sent), "minutes": minutes, "away_s": away, "wrong": wrong}
        options.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    raise SystemExit(1 if any(wrong.values()) else 0)


def made(folder: Path) -> Club:
    """The stack, up, with a video to send."""
    config = StackConfig(data_dir=folder / "data", ports=free_ports(), start_timeout_s=400.0)
    settings = {
        "stack": json.loads(config.model_dump_json()),
        "drive": {"settle_s": 1, "poll_interval_s": 5},
    }
    (folder / "config").mkdir(exist_ok=True)
    file = folder / "config" / "jarvis-core.yaml"
    file.write_text(yaml.safe_dump(settings), "utf-8")
    os.environ.pop(MARKER_PROGRAM, None)
    os.environ |= {"JARVIS_CONFIG": str(file), "JARVIS_ENV": "development"}
    os.environ.pop("JARVIS_DATA_DIR", None)
    game = render_game(folder / "game", GameSpec(seed=7, duration_s=2.0))
    drive = config.data_dir / "drive" / load_settings().drive.root
    (drive / "Uploads").mkdir(parents=True, exist_ok=True)
    ensure_up(config, on_event=lambda event: _CONSOLE.print(event.kind, event.program, event.text))
    return Club(config, drive, game.video.read_bytes())


if __name__ == "__main__":
    main()
