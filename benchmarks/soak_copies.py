"""Synchronisations, backups and restores under `kill -9`, in a loop, and flipped bytes in backups.

    python benchmarks/soak_copies.py [--kills 100] [--seconds 300] [--flips 40] [--seed 1]
                                     [--only sync store backup restore] [--json FILE]

- ``sync``: people change two folders, synchronisations are killed at random moments, and more
  files come meanwhile. No name ever shows content that nobody wrote. In the end the run is "ok",
  both trees are equal, one more run has nothing to do, what was new on either side is there, what
  neither side deleted is there, and what both deleted is gone.
- ``store``: the same with a prefix of an object store in place of the second folder.
- ``backup``: data changes, is backed up and pruned until that is killed. Every snapshot that was
  acknowledged and is kept is whole and is restored to what it is of.
- ``restore``: restores are killed; the next one ends with the same data.
- flips: one byte of one blob of the backups at a time; the verification names that blob alone.

``--kills`` and ``--seconds`` are for each of them. Exit code 1 when anything is not so.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import multiprocessing
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.soak_people import People, held
from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.sync import Side, SyncOptions, SyncReport, sync
from jarvis_dagster.services.client_storage.sync.store_drive import StoreDrive
from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig
from tests.backup.installation import fill, service, state
from tests.backup.until_killed import digest
from tests.servers import run_object_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.client_storage import Drive
    from tests.servers import Server

_ROOT = Path(__file__).parent.parent
_FORK = multiprocessing.get_context("fork")
_OPTIONS = SyncOptions(force_deletes=True, allow_empty=True, transfers=4)
_SHOWN = 10
_STORIES = 40  # of one pair of folders, before it gets new ones
_BUCKET = "jarvis-artifacts"


@dataclasses.dataclass
class Outcome:
    """What one kind of work went through, and one sentence for each thing that was wrong."""

    kills: int = 0
    done: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Pair:
    """Two drives, opened anew by whoever uses them, and what was agreed between them."""

    a: Callable[[], Drive]
    b: Callable[[], Drive]
    state: Path

    def sync(self) -> SyncReport:
        """One run, as one process does it."""
        return sync(Side(self.a()), Side(self.b()), state=self.state, options=_OPTIONS)

    def run_and_kill(self, after_s: float | None) -> tuple[bool, float]:
        """Run it in a process of its own; whether it was killed, and how long it lived."""
        process, began = _FORK.Process(target=self.sync), time.monotonic()
        process.start()
        process.join(after_s)
        if process.is_alive():
            process.kill()
        process.join()
        return process.exitcode == -9, time.monotonic() - began


def soak_sync(
    pair: Pair, folder: Path, chance: random.Random, out: Outcome, may_go_on: Callable[[], bool]
) -> None:
    """Let people change both sides and kill what synchronises them, story after story."""
    people, written, typical_s = People(chance, folder), set(), 1.0
    for _ in range(_STORIES):
        if not may_go_on():
            return
        agreed = set(held(pair.a()).values())
        for side in (pair.a(), pair.b()):
            for _ in range(chance.randint(1, 12)):
                written.add(_hash(people.change(side)))
        on_a, on_b = set(held(pair.a()).values()), set(held(pair.b()).values())
        owed, gone = ((on_a | on_b) - agreed) | (on_a & on_b), agreed - on_a - on_b
        while may_go_on() and chance.random() < 0.85:
            was_killed, lived_s = pair.run_and_kill(chance.uniform(0, 1.2 * typical_s))
            out.kills += was_killed
            if not was_killed:
                typical_s = lived_s
            shown = set(held(pair.a()).values()) | set(held(pair.b()).values())
            _say(out, "content that nobody wrote is shown", shown - written)
            _say(out, "was there after a kill no more", owed - shown)
            if chance.random() < 0.5:
                new = _hash(people.add(chance.choice([pair.a, pair.b])()))
                written.add(new)
                owed.add(new)
        _settle(pair, out, owed, gone)


def _settle(pair: Pair, out: Outcome, owed: set[str], gone: set[str]) -> None:
    """Synchronise to the end, and look at what is there."""
    for _ in range(3):
        report = pair.sync()
        if report.status == "ok":
            break
    else:
        out.wrong.append(f"The run ended as {report.status}: {report.failures}{report.reasons}")
    a, b = held(pair.a()), held(pair.b())
    if a != b:
        out.wrong.append(f"The sides differ: {sorted(set(a.items()) ^ set(b.items()))[:4]}")
    _say(out, "is lost", owed - set(a.values()))
    _say(out, "was deleted on both sides and is back", gone & set(a.values()))
    again = pair.sync()
    if again.status != "ok" or again.steps:
        out.wrong.append(f"One more run had something to do: {again.status} {again.steps[:3]}")
    out.done += 1


def _hash(content: bytes | None) -> str:
    return hashlib.sha256(content).hexdigest() if content is not None else ""


def _say(out: Outcome, what: str, hashes: set[str]) -> None:
    out.wrong += [f"{one[:12]} {what}." for one in sorted(hashes)]


def local_pair(folder: Path) -> Pair:
    """Two folders of this machine."""
    for side in "ab":
        (folder / side).mkdir(parents=True)
    return Pair(
        lambda: LocalFolderDrive(folder / "a"),
        lambda: LocalFolderDrive(folder / "b"),
        folder / "state.sqlite",
    )


def store_pair(folder: Path, server: Server) -> Pair:
    """A folder of this machine and a prefix of an object store."""
    (folder / "a").mkdir(parents=True)

    def prefix() -> Drive:
        storage = JarvisStorageService(
            StorageConfig.model_validate(
                {
                    "endpoint": server.address,
                    "access_key": server.access_key,
                    "secret_key": server.secret_key,
                    "spool_dir": folder / "spool",
                }
            )
        )
        storage.ensure_buckets()
        return StoreDrive(storage, _BUCKET, f"soak/{folder.name}", state_dir=folder / "of b")

    return Pair(lambda: LocalFolderDrive(folder / "a"), prefix, folder / "state.sqlite")


def run_and_kill(
    work: str, data: Path, place: Path, after_s: float
) -> tuple[list[list[str]], bool]:
    """Let backups or a restore work and kill them; what it printed, and whether it was killed."""
    command = [sys.executable, "-m", "tests.backup.until_killed", work, str(data), str(place)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # "ready"
        killer = threading.Timer(after_s, process.kill)
        killer.start()
        lines = [line.split() for line in process.stdout]
        killer.cancel()
    return lines, process.returncode == -9


def soak_backup(
    folder: Path, chance: random.Random, out: Outcome, may_go_on: Callable[[], bool]
) -> None:
    """Kill backups and prunings; what was acknowledged last must be restorable each time."""
    data, place = folder / "data", folder / "place"
    data.mkdir(parents=True)
    acknowledged: list[list[str]] = []
    while may_go_on():
        lines, was_killed = run_and_kill("create", data, place, chance.uniform(0.02, 1.5))
        out.kills += was_killed
        acknowledged += lines
        if not acknowledged:
            continue
        with tempfile.TemporaryDirectory(dir=folder) as name:
            backups = service(Path(name), place)
            out.wrong += [f"{one.blob} is {one.problem}." for one in backups.verify().findings]
            there = {one.id: one for one in backups.snapshots().snapshots}
            kept = [line for line in acknowledged[-3:] if line[1] in there]
            if acknowledged[-1] not in kept:
                out.wrong.append(f"Snapshot {acknowledged[-1][1]} was acknowledged and is gone.")
            _, snapshot, expected = chance.choice(kept)
            failed = backups.restore(there[snapshot]).failed
            if failed or digest(Path(name)) != expected:
                out.wrong.append(f"Snapshot {snapshot} came back as something else: {failed}")
            out.done += 1


def soak_restore(
    folder: Path, chance: random.Random, out: Outcome, may_go_on: Callable[[], bool]
) -> None:
    """Kill restores into an empty installation; the one that is let end must bring it all."""
    data, place = folder / "data", folder / "place"
    fill(data)
    for number in range(60):
        (data / f"{number}.bin").write_bytes(chance.randbytes(100_000))
    service(data, place).create()
    while may_go_on():
        with tempfile.TemporaryDirectory(dir=folder) as name:
            other = Path(name) / "other"
            for _ in range(chance.randint(1, 5)):
                _, was_killed = run_and_kill("restore", other, place, chance.uniform(0.01, 0.4))
                out.kills += was_killed
                if not was_killed:  # it is all there, and not written over
                    break
            backups = service(other, place)
            backups.restore(backups.choose(), overwrite=True)
            if state(other) != state(data):
                out.wrong.append("A restore after kills brought something else.")
            out.done += 1


def flip(place: Path, chance: random.Random, out: Outcome, count: int) -> None:
    """Flip one byte of one blob at a time; the verification must name it and nothing else."""
    service(place.parent / "data", place).create()
    files = [path for path in sorted(place.rglob("*")) if path.is_file() and path.stat().st_size]
    blobs = [path for path in files if path.parent.name != "locks" and path.suffix != ".part"]
    for _ in range(count):
        path = chance.choice(blobs)
        whole, name = path.read_bytes(), path.relative_to(place).as_posix()
        flipped = bytearray(whole)
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        findings = [one.blob for one in service(place.parent / "none", place).verify().findings]
        path.write_bytes(whole)
        out.kills += 1
        out.done += findings == [name]
        if findings != [name]:
            out.wrong.append(f"{path.name} was flipped, and {findings} is said to be damaged.")


def main() -> None:
    """Run them one after another and print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = ["sync", "store", "backup", "restore"]
    parser.add_argument("--kills", type=int, default=100, help="of each")
    parser.add_argument("--seconds", type=float, default=300, help="for each, at most")
    parser.add_argument("--flips", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--json", type=Path, help="write the outcome there as well")
    options = parser.parse_args()
    outcomes: dict[str, Outcome] = {}
    console = Console()
    with tempfile.TemporaryDirectory(prefix="soak-") as text:
        folder = Path(text)
        server = run_object_store(folder / "server") if "store" in options.only else None
        try:
            for kind in options.only:
                chance = random.Random(options.seed)  # noqa: S311
                outcomes[kind] = soak(kind, folder, server, chance, options)
                console.print(f"{kind}: {outcomes[kind].kills} kills, {outcomes[kind].done} ends")
        finally:
            if server is not None:
                server.stop()
        if "backup" in options.only and options.flips:
            outcomes["flips"] = Outcome()
            flip(folder / "backup/place", chance, outcomes["flips"], options.flips)
            console.print(f"flips: {outcomes['flips'].kills}, {outcomes['flips'].done} named")
    for kind, out in outcomes.items():
        for line in out.wrong[:_SHOWN]:
            console.print(f"[red]{kind}: {line}")
    if options.json:
        rows = {kind: dataclasses.asdict(out) for kind, out in outcomes.items()}
        options.json.write_text(json.dumps(rows, indent=1), "utf-8")
    sys.exit(any(out.wrong for out in outcomes.values()))


def soak(
    kind: str,
    folder: Path,
    server: Server | None,
    chance: random.Random,
    options: argparse.Namespace,
) -> Outcome:
    """One kind of work until it was killed often enough or for long enough."""
    out, began = Outcome(), time.monotonic()

    def may_go_on() -> bool:
        return out.kills < options.kills and time.monotonic() - began < options.seconds

    if kind == "backup":
        soak_backup(folder / kind, chance, out, may_go_on)
    elif kind == "restore":
        soak_restore(folder / kind, chance, out, may_go_on)
    number = 0
    while kind in ("sync", "store") and may_go_on():
        number += 1
        at = folder / f"{kind}{number}"
        pair = local_pair(at) if server is None or kind == "sync" else store_pair(at, server)
        soak_sync(pair, at, chance, out, may_go_on)
    return out


if __name__ == "__main__":
    main()
