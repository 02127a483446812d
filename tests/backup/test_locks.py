"""Two at once: the second is refused; nobody waits for a dead process."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.backup import locks
from jarvis_dagster.services.backup.locks import BusyError, locked
from tests.backup.installation import fill, service
from tests.backup.memory_place import MemoryPlace

if TYPE_CHECKING:
    from pathlib import Path

STALE_S = 600.0


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_TRIES", 1)


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        ("create", "create", True),
        ("create", "prune", True),
        ("create", "read", False),
        ("prune", "create", True),
        ("prune", "prune", True),
        ("prune", "read", True),
        ("read", "create", False),
        ("read", "prune", True),
        ("read", "read", False),
    ],
)
def test_which_work_excludes_which(first: locks.Work, second: locks.Work, refused: bool) -> None:
    place = MemoryPlace()
    with locked(place, first, stale_s=STALE_S):
        if refused:
            with (
                pytest.raises(BusyError, match=f"{first} by process {os.getpid()}"),
                locked(place, second, stale_s=STALE_S),
            ):
                pytest.fail("let in")
        else:
            with locked(place, second, stale_s=STALE_S):
                pass
    assert place.blobs == {}


def test_two_backups_at_once_the_second_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill(data)
    place = MemoryPlace()
    backups = service(data, place)
    with locked(place, "create", stale_s=STALE_S), pytest.raises(BusyError, match="in use"):
        backups.create()
    backups.create()


def test_of_many_at_the_same_moment_one_at_most_is_let_in() -> None:
    place = MemoryPlace()
    inside, most, begin = [0], [0], threading.Barrier(8)
    guard = threading.Lock()

    def work() -> None:
        begin.wait()
        for _ in range(20):
            try:
                with locked(place, "create", stale_s=STALE_S):
                    with guard:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    with guard:
                        inside[0] -= 1
            except BusyError:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
    assert place.blobs == {}


def test_the_lock_of_a_dead_process_does_not_block() -> None:
    place = MemoryPlace()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    holder = locks._holder("prune")
    place.put("locks/dead", json.dumps(holder | {"pid": str(dead.pid)}).encode())
    with locked(place, "create", stale_s=STALE_S):
        assert "locks/dead" not in place.blobs


def test_a_process_that_has_the_number_of_a_dead_one_is_told_from_it() -> None:
    place = MemoryPlace()
    holder = locks._holder("prune")
    earlier = {"started": repr(float(holder["started"]) - 3600)}
    place.put("locks/dead", json.dumps(holder | earlier).encode())
    with locked(place, "create", stale_s=STALE_S):
        pass


@pytest.mark.parametrize("content", [b"", b"not json", b"[]", b'{"host": "another"}'])
def test_a_lock_of_elsewhere_blocks_until_it_is_old(content: bytes) -> None:
    place = MemoryPlace()
    place.put("locks/other", content)
    with pytest.raises(BusyError), locked(place, "create", stale_s=STALE_S):
        pass
    age = datetime.timedelta(seconds=STALE_S + 1)
    place.modified["locks/other"] = datetime.datetime.now(datetime.UTC) - age
    with locked(place, "create", stale_s=STALE_S):
        pass


def test_a_lock_that_was_taken_over_stops_its_holder(tmp_path: Path) -> None:
    fill(tmp_path / "data")

    class TakenOver(MemoryPlace):
        def put(self, name: str, data: bytes) -> None:
            super().put(name, data)
            if name.startswith("index/"):
                for lock in [one for one in self.blobs if one.startswith("locks/")]:
                    del self.blobs[lock]

    place = TakenOver()
    with pytest.raises(BusyError, match="was lost"):
        service(tmp_path / "data", place).create()
    assert not any(name.startswith("snapshots/") for name in place.blobs)


def test_a_long_work_renews_its_lock() -> None:
    place = MemoryPlace()
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    with locked(place, "create", stale_s=0.2) as lock:
        place.modified[lock.name] = long_ago
        renewed = threading.Event()
        for _ in range(100):
            if place.modified[lock.name] != long_ago:
                break
            renewed.wait(0.05)
        assert place.modified[lock.name] > long_ago
        lock.confirm()


def test_a_place_that_cannot_be_written_can_still_be_read(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    place = MemoryPlace()
    service(tmp_path / "data", place).create()

    class ReadOnly(MemoryPlace):
        def put(self, name: str, data: bytes) -> None:
            raise PermanentError("read-only")

    backups = service(tmp_path / "other", ReadOnly(place.blobs))
    assert backups.verify().findings == ()
    assert backups.restore(backups.choose()).failed == ()
