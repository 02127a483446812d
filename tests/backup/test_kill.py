"""``kill -9`` at any moment: every snapshot that was acknowledged and stays can be restored."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

from tests.backup.installation import service, state
from tests.backup.until_killed import digest

ROOT = Path(__file__).parents[2]


def run_and_kill(work: str, data: Path, place: Path, after_s: float) -> list[list[str]]:
    """Let it work for a while, kill it, and return the lines that it printed."""
    command = [sys.executable, "-m", "tests.backup.until_killed", work, str(data), str(place)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        killer = threading.Timer(after_s, process.kill)
        killer.start()
        lines = [line.split() for line in process.stdout]
        killer.cancel()
    return lines


def test_acknowledged_snapshots_survive_a_loop_of_kills(tmp_path: Path) -> None:
    chance = random.Random(11)
    data, place = tmp_path / "data", tmp_path / "place"
    data.mkdir()
    acknowledged: list[tuple[str, str]] = []
    for turn in range(8):
        lines = run_and_kill("create", data, place, chance.uniform(0.05, 1.2))
        acknowledged += [(line[1], line[2]) for line in lines]
        if not acknowledged:
            continue
        backups = service(tmp_path / f"restored{turn}", place)
        assert backups.verify().findings == ()
        there = {one.id: one for one in backups.snapshots().snapshots}
        newest = acknowledged[-3:]  # the rules keep three, whether acknowledged or not
        assert newest[-1][0] in there
        name, expected = next(one for one in newest if one[0] in there)
        assert backups.restore(there[name]).failed == ()
        assert digest(tmp_path / f"restored{turn}") == expected
    assert len(acknowledged) >= 8
    backups = service(data, place)
    backups.create()  # nothing stands in its way
    backups.prune()
    assert backups.verify().findings == ()
    assert not list(place.rglob("*.part"))


def test_a_killed_restore_is_finished_by_the_next(tmp_path: Path) -> None:
    chance = random.Random(12)
    data, place = tmp_path / "data", tmp_path / "place"
    for number in range(60):
        path = data / f"files/{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(100_000))
    service(data, place).create()
    other = tmp_path / "other"
    for _ in range(5):
        run_and_kill("restore", other, place, chance.uniform(0.01, 0.25))
    backups = service(other, place)
    backups.restore(backups.choose(), overwrite=True)
    assert state(other) == state(data)
    assert not (other / "backup/restoring.json").exists()
