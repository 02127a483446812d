"""The whole stack under `kill -9` and faults, while videos and calls keep arriving.

    python benchmarks/soak.py [--rounds 1] [--pause 10] [--disk MIB] [--keep DIR] [--json FILE]

A stack of its own is started on loopback with a drive folder. Videos of two seconds are put into
`Uploads/` one after the other, and a client stores, counts, logs and starts workflows
(`soak_load.py`). Meanwhile every program of the stack, the process of a run, and the supervisor are
killed in turn (`kill -9`), one program again and again; between that the object store stands still,
databases are held by somebody else, and the drive is away. With `--disk` the state is on a disk of
that size, which is full for a while (root alone can mount it). Nothing is mended by hand, but for
`jarvis up` after the supervisor's death.

At the end each video must have its results in the drive once, whole by the hashes of its manifest,
and counted once; what the client was told is done must be there; the object store must be without
damage. A bound on time ends it in any case. Exit code 1 when anything was lost or came twice.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.soak_faults import Club, faults, fill_disk, wait_until_ready
from benchmarks.soak_load import Load, metric
from jarvis_dagster.hockey.synthetic import GameSpec, render_game
from jarvis_dagster.settings import load_settings
from jarvis_dagster.stack import StackConfig, ensure_up, stop
from jarvis_dagster.stack.processes import MARKER_PROGRAM
from jarvis_dagster.stack.programs import build_program
from jarvis_dagster.wiring import core_services
from tests.stack.conftest import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.soak_faults import Happenings

_CONSOLE = Console(soft_wrap=True)
_VIDEO_KEY = "soak/game.mp4"
_NEEDS_WORKFLOW = ("object-store", "temporal", "worker")


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

    with core_services(load_settings()) as core:
        return [str(one) for one in verify(core.storage_service)]


@dataclasses.dataclass
class Away:
    """Seconds until what was killed answered again, and until everything did."""

    own: list[float] = dataclasses.field(default_factory=list)
    all: list[float] = dataclasses.field(default_factory=list)


def soak(
    club: Club,
    full_disk: Callable[[], None] | None,
    *,
    rounds: int,
    pause_s: float,
    every: int,
    only: str,
    happenings: Happenings,
) -> dict[str, Away]:
    """How long things were away, after each kind of fault."""
    away: dict[str, Away] = collections.defaultdict(Away)
    for number in range(rounds):
        chosen = [one for one in happenings(club, full_disk) if only in one[0]]
        for turn, (name, happen) in enumerate(chosen):
            if turn % every == 0:
                club.upload()
            if name.split()[-1] in _NEEDS_WORKFLOW:
                club.load.start_workflow(_VIDEO_KEY)
            time.sleep(pause_s)
            began = time.monotonic()
            own = happen()
            if own is not None:
                away[name].own.append(own)
            wait_until_ready(club)
            away[name].all.append(time.monotonic() - began)
            done = len(club.sent) - len(club.missing())
            seconds = "" if own is None else f"back after {own:.1f} s, "
            _CONSOLE.print(
                f"round {number + 1}: {name}: {seconds}all answer {away[name].all[-1]:.1f} s"
                f" after it began; {done} of {len(club.sent)} videos have results"
            )
    return away


def judged(club: Club, limit_s: float) -> dict[str, list[str]]:
    """Wait for the results; what is wrong with them."""
    until = time.monotonic() + limit_s
    while club.missing() and time.monotonic() < until:
        time.sleep(2)
    there = club.results()
    known = set(club.sent.values())
    page = build_program("metrics", club.config).url or ""
    # A delivery is counted when its files are there, so a moment later.
    until = time.monotonic() + 120
    while True:
        delivered = metric(page, "jarvis_videos_delivered_total")
        if delivered >= len(club.sent) or time.monotonic() > until:
            break
        time.sleep(2)
    return {
        "videos without results": club.missing(),
        "results twice": [
            f"{name}: {', '.join(map(str, there[sha256]))}"
            for name, sha256 in club.sent.items()
            if len(there.get(sha256, ())) > 1
        ],
        "results of nothing": [
            str(f) for sha, some in there.items() if sha not in known for f in some
        ],
        "torn results": [path for some in there.values() for f in some for path in torn(f)],
        "deliveries counted wrongly": []
        if delivered == len(club.sent)
        else [f"{delivered:.0f} for {len(club.sent)} videos"],
        **club.load.judged(page, limit_s),
        "damage in the object store": damage(),
    }


def main(happenings: Happenings = faults) -> None:
    """Do it, and leave with 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=1, help="How often each fault happens.")
    parser.add_argument("--pause", type=float, default=10, help="Seconds between two faults.")
    parser.add_argument("--every", type=int, default=1, help="A video before every n-th fault.")
    parser.add_argument("--limit", type=float, default=300, help="Longest wait for a recovery.")
    parser.add_argument("--wait", type=float, default=1800, help="Longest wait for the results.")
    parser.add_argument("--only", default="", help="Only faults whose name has this in it.")
    parser.add_argument("--disk", type=int, help="State on a disk of so many MiB, once full.")
    parser.add_argument("--keep", type=Path, help="A folder for the state, which is then kept.")
    parser.add_argument("--json", type=Path, help="Write the figures there as well.")
    options = parser.parse_args()
    logging.getLogger("jarvis_dagster").setLevel(logging.ERROR)  # failures are what is looked for
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        if options.disk:
            stack.enter_context(small_disk(folder / "data", options.disk))
        club = made(folder, options.limit)
        stack.callback(stop, club.config)
        stack.callback(club.load.close)
        club.load.start()
        full_disk = partial(fill_disk, club, 40) if options.disk else None
        began = time.monotonic()
        away = soak(
            club,
            full_disk,
            rounds=options.rounds,
            pause_s=options.pause,
            every=options.every,
            only=options.only,
            happenings=happenings,
        )
        club.load.close()
        wrong = judged(club, options.wait)
        minutes = (time.monotonic() - began) / 60
    show(club, away, wrong, minutes)
    if options.json:
        times: dict[str, Any] = {name: dataclasses.asdict(one) for name, one in away.items()}
        figures = {"videos": len(club.sent), "minutes": minutes, "away_s": times, "wrong": wrong}
        figures |= {"refused": dict(club.load.refused)}
        options.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    raise SystemExit(1 if any(wrong.values()) else 0)


def show(club: Club, away: dict[str, Away], wrong: dict[str, list[str]], minutes: float) -> None:
    """Print what was measured."""
    table = Table("what happened", "times", "it was back after (longest)", "all answered (longest)")
    for name, one in away.items():
        table.add_row(name, str(len(one.all)), _middle(one.own), _middle(one.all))
    _CONSOLE.print(table)
    load = club.load
    _CONSOLE.print(
        f"{len(club.sent)} videos, {len(load.files)} files, {load.counted} counted calls,"
        f" {len(load.runs)} runs of MLflow and {len(load.workflows)} workflows in {minutes:.0f} min"
    )
    _CONSOLE.print(f"{sum(load.refused.values())} calls were refused:")
    for words, number in load.refused.most_common():
        _CONSOLE.print(f"  {number} times {words}", markup=False)
    for kind, some in wrong.items():
        _CONSOLE.print(f"{kind}: {len(some)}", *some, markup=False)


def _middle(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.1f} s ({max(seconds):.1f})" if seconds else ""


@contextlib.contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[None]:
    """A file system of its own, in memory."""
    folder.mkdir()
    options = f"size={size_mib}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def made(folder: Path, limit_s: float) -> Club:
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
    core = core_services(load_settings())
    core.storage_service.put_file(_VIDEO_KEY, game.video)
    load = Load(core, folder)
    return Club(config, drive, game.video.read_bytes(), load, limit_s)


if __name__ == "__main__":
    main()
