"""A process that dies at any write or removal leaves every snapshot restorable."""

from __future__ import annotations

import contextlib
import os
import random
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.services.backup import garbage, manifest, packs, writer
from tests.backup.installation import service, state, write_rows
from tests.backup.memory_place import DyingPlace, KilledError, MemoryPlace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.backup import JarvisBackupService


@pytest.fixture(autouse=True)
def _small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many packs and pages out of little data."""
    for module in (packs, garbage, writer):
        monkeypatch.setattr(module, "PACK_BYTES", 40_000)
    monkeypatch.setattr(writer, "_PACKS_PER_INDEX", 2)
    monkeypatch.setattr(manifest, "_PAGE_MEAN", 2)


def change(data: Path, turn: int) -> None:
    chance = random.Random(turn)
    write_rows(data / "mlflow/mlflow.db", [chance.randbytes(3000) for _ in range(3)])
    for number in range(4):
        (data / f"file-{turn}-{number}.bin").write_bytes(chance.randbytes(12_000))
    if turn:
        (data / f"file-{turn - 1}-1.bin").unlink()


def history(data: Path, turns: int) -> tuple[dict[str, bytes], list[dict[str, str]]]:
    """What a place holds after some backups, and what each of them is of."""
    place = MemoryPlace()
    states = []
    data.mkdir()
    for turn in range(turns):
        change(data, turn)
        service(data, place).create()
        states.append(state(data))
    return place.blobs, states


def without_locks(blobs: dict[str, bytes]) -> dict[str, bytes]:
    """What a dead process left: its lock is stale (see the tests of locks)."""
    return {name: blob for name, blob in blobs.items() if not name.startswith("locks/")}


def mutations(
    blobs: dict[str, bytes], data: Path, work: Callable[[JarvisBackupService], object]
) -> int:
    counting = DyingPlace(blobs, 10_000, after=False)
    work(service(data, counting))
    return 10_000 - counting.left


def crash_everywhere(
    blobs: dict[str, bytes], data: Path, work: Callable[[JarvisBackupService], object]
) -> list[MemoryPlace]:
    """What the place holds after a death at each call of ``work``."""
    count = mutations(blobs, data, work)
    assert count > 6
    left = []
    for at in range(1, count + 1):
        for after in (False, True):
            place = DyingPlace(blobs, at, after=after)
            with contextlib.suppress(KilledError):
                work(service(data, place))
            assert place.dead
            left.append(MemoryPlace(without_locks(place.blobs)))
    return left


def test_a_backup_that_dies_anywhere_harms_none_before_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    blobs, states = history(data, 2)
    change(data, 2)
    kept = [name for name in blobs if name.startswith("snapshots/")]
    for number, place in enumerate(crash_everywhere(blobs, data, lambda one: one.create())):
        backups = service(data, place)
        assert backups.verify().findings == ()
        assert set(kept) <= set(place.blobs)
        again = backups.create()
        assert backups.verify().findings == ()
        if number % 8 == 0:
            check_restore(place, tmp_path / f"old{number}", 1, states[1])
            service(tmp_path / f"new{number}", place).restore(again)
            assert state(tmp_path / f"new{number}") == state(data)


def test_the_very_first_backup_may_die_anywhere(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    change(data, 0)
    for place in crash_everywhere({}, data, lambda one: one.create(first=True)):
        backups = service(data, place)
        backups.create(first=True)
        assert backups.verify().findings == ()
        assert backups.snapshots().damaged == ()


def test_pruning_that_dies_anywhere_harms_no_snapshot_that_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    blobs, states = history(data, 5)
    ids = sorted(name.partition("/")[2] for name in blobs if name.startswith("snapshots/"))
    dropped, stay = ids[1:4], [ids[0], ids[4]]

    def prune(backups: JarvisBackupService) -> None:
        there = {blob.name for blob in backups.place.list("snapshots/")}
        backups.prune(drop=[one for one in dropped if f"snapshots/{one}" in there])

    for number, place in enumerate(crash_everywhere(blobs, data, prune)):
        backups = service(data, place)
        assert backups.verify().findings == ()
        assert {f"snapshots/{one}" for one in stay} <= set(place.blobs)
        prune(backups)
        assert backups.verify().findings == ()
        assert {one.id for one in backups.snapshots().snapshots} == set(stay)
        if number % 8 == 0:
            check_restore(place, tmp_path / f"first{number}", 0, states[0])
            check_restore(place, tmp_path / f"last{number}", 1, states[4])


def test_nothing_is_left_of_a_backup_whose_snapshots_are_gone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    blobs, _ = history(data, 3)
    place = MemoryPlace(blobs)
    backups = service(data, place)
    backups.prune(drop=[one.id for one in backups.snapshots().snapshots])
    assert {name.partition("/")[0] for name in place.blobs} == {
        "catalogue",
        "repository.json",
        "repository-copy.json",
    }


def test_pruning_gives_back_what_dropped_snapshots_took(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    place = MemoryPlace()
    for _ in range(8):
        (data / "always.bin").write_bytes(random.Random(1).randbytes(30_000))
        (data / "changing.bin").write_bytes(os.urandom(30_000))
        service(data, place).create()
    rules = {"last": 1, "daily": 0, "weekly": 0, "monthly": 0}
    backups = service(data, place, retention=rules)
    before = sum(map(len, place.blobs.values()))
    pruned = backups.prune()
    after = sum(map(len, place.blobs.values()))
    assert len(pruned.removed) == 7
    assert after < 75_000 < before
    assert pruned.freed_bytes >= before - after
    assert backups.verify().findings == ()


def test_what_a_dead_backup_stored_is_used_by_the_next(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(12):
        (data / f"{number:02}.bin").write_bytes(os.urandom(50_000))
    count = mutations({}, data, lambda one: one.create(first=True))
    place = DyingPlace({}, count - 4, after=True)
    with contextlib.suppress(KilledError):
        service(data, place).create(first=True)
    snapshot = service(data, MemoryPlace(without_locks(place.blobs))).create()
    assert snapshot.new_bytes < 150_000


def test_a_restore_that_dies_goes_on_when_it_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    blobs, states = history(data, 1)
    backups = service(other, MemoryPlace(blobs))
    snapshot = backups.choose()
    real, left = os.replace, [4]

    def dying(*names: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KilledError
        real(*names)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", dying)
    with pytest.raises(KilledError):
        backups.restore(snapshot)
    monkeypatch.undo()
    assert state(other) != states[0]
    service(other, MemoryPlace(blobs)).restore(snapshot)
    assert state(other) == states[0]


def check_restore(place: MemoryPlace, folder: Path, which: int, expected: dict[str, str]) -> None:
    backups = service(folder, place)
    assert backups.restore(backups.snapshots().snapshots[which]).failed == ()
    assert state(folder) == expected
