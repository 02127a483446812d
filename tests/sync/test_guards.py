"""What stops a run, with nothing changed on either side."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.client_storage.sync import Side, SyncOptions, SyncReport, sync
from tests.sync.memory_drive import MemoryDrive

if TYPE_CHECKING:
    from pathlib import Path


class Watched:
    """A pair of drives that agreed on ten files, and tells whether a run changed anything."""

    def __init__(self, folder: Path) -> None:
        self.a, self.b, self.state = MemoryDrive(), MemoryDrive(), folder / "state"
        for number in range(10):
            self.a.put(f"folder/{number}.txt", b"%d" % number)
        assert self.run().status == "ok"

    def run(self, **options: Any) -> SyncReport:
        return sync(
            Side(self.a, name="left"),
            Side(self.b, name="right"),
            state=self.state,
            options=SyncOptions(**options),
        )

    def stops(self, code: str, **options: Any) -> str:
        before = (self.a.tree(), self.b.tree(), self.state.exists() and self.state.read_bytes())
        for dry_run in (False, True):
            self.a.calls.clear()
            self.b.calls.clear()
            report = self.run(dry_run=dry_run, **options)
            assert report.status == "stopped"
            assert report.steps == ()
            calls = set(self.a.calls + self.b.calls)
            assert calls <= {"list", "stat", "sha256"}
            after = (self.a.tree(), self.b.tree(), self.state.exists() and self.state.read_bytes())
            assert after == before
        assert [reason.code for reason in report.reasons] == [code]
        return report.reasons[0].message


@pytest.fixture
def pair(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def marker(drive: MemoryDrive) -> str:
    (name,) = [path for path, _ in drive._walk("") if path.startswith("jarvis-sync-")]
    return name


# -- listings -------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_side_that_lists_nothing_stops(pair: Watched, side: str) -> None:
    drive = getattr(pair, side)
    drive.hidden = {path for path, _ in drive._walk("")}
    before = (pair.a.tree(), pair.b.tree())
    report = pair.run()
    assert (report.status, {r.code for r in report.reasons}) == ("stopped", {"marker", "empty"})
    assert (pair.a.tree(), pair.b.tree()) == before
    assert pair.run(allow_empty=True).status == "stopped"
    assert pair.run(accept_missing_marker=True).status == "stopped"
    assert pair.run(force_deletes=True).status == "stopped"


def test_a_listing_that_leaves_a_file_out_stops(pair: Watched) -> None:
    pair.b.hidden = {"folder/3.txt"}
    assert "folder/3.txt" in pair.stops("listing")
    pair.b.hidden = set()
    report = pair.run()
    assert (report.status, report.steps) == ("ok", ())


def test_a_listing_that_leaves_a_folder_out_stops_even_if_forced(pair: Watched) -> None:
    pair.a.hidden = {path for path in pair.a.tree() if path.startswith("folder")}
    pair.a.put("other", b"other")
    pair.stops("deletes")
    pair.stops("listing", force_deletes=True)


def test_a_listing_that_fails_stops(pair: Watched) -> None:
    def fail(name: str, what: str) -> None:
        if name == "list":
            raise TransientError("The provider could not list all that there is.")

    pair.a.rm("folder/1.txt")
    pair.b.before = fail
    assert "right" in pair.stops("listing")


def test_a_folder_that_is_gone_stops(tmp_path: Path) -> None:
    a, b = MemoryDrive(), MemoryDrive()
    folder = a.mkdir("synchronised")
    a.put("synchronised/x", b"x")
    state = tmp_path / "state"
    assert sync(Side(a, folder), Side(b), state=state).status == "ok"
    assert b.files() == {"x": b"x"}
    a.rm("synchronised")
    report = sync(Side(a, folder), Side(b), state=state)
    assert (report.status, report.reasons[0].code) == ("stopped", "listing")
    assert b.files() == {"x": b"x"}


def test_an_outage_during_the_run_ends_it(pair: Watched) -> None:
    def fail(name: str, what: str) -> None:
        if name == "upload":
            tried.append(what)
            raise TransientError("The provider is away.")

    tried: list[str] = []
    for number in range(50):
        pair.a.put(f"new {number}", b"new")
    pair.b.before = fail
    report = pair.run()
    assert (report.status, report.reasons[0].code) == ("incomplete", "outage")
    assert len(tried) < 10
    pair.b.before = lambda name, what: None
    assert pair.run().status == "ok"


# -- emptied and deleted ------------------------------------------------------------------


@pytest.mark.parametrize("side", ["a", "b"])
def test_an_emptied_side_stops(pair: Watched, side: str) -> None:
    getattr(pair, side).rm("folder")
    pair.stops("empty")
    pair.stops("empty", force_deletes=True)
    assert pair.run(allow_empty=True).status == "ok"
    assert pair.a.files() == pair.b.files() == {}


def test_both_sides_emptied_is_fine_where_it_is_allowed(pair: Watched) -> None:
    pair.a.rm("folder")
    pair.b.rm("folder")
    assert pair.run().status == "stopped"
    assert pair.run(allow_empty=True).status == "ok"


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_mass_delete_stops(pair: Watched, side: str) -> None:
    for number in range(6):
        getattr(pair, side).rm(f"folder/{number}.txt")
    pair.stops("deletes")
    pair.stops("deletes", allow_empty=True, accept_missing_marker=True)
    assert pair.run(force_deletes=True).status == "ok"
    assert len(pair.a.files()) == len(pair.b.files()) == 4


def test_the_limits_of_a_mass_delete_can_be_set(pair: Watched) -> None:
    for number in range(3):
        pair.a.rm(f"folder/{number}.txt")
    pair.stops("deletes", max_deletes=2, max_delete_share=0.2)
    assert pair.run().status == "ok"


def test_renaming_everything_is_no_mass_delete(pair: Watched) -> None:
    pair.a.rename("folder", "renamed")
    assert pair.run().status == "ok"
    assert len(pair.b.files()) == 10


def test_a_single_file_may_be_the_last_one(tmp_path: Path) -> None:
    a, b = MemoryDrive(), MemoryDrive()
    a.put("only", b"only")
    assert sync(Side(a), Side(b), state=tmp_path / "s").status == "ok"
    b.rm("only")
    assert sync(Side(a), Side(b), state=tmp_path / "s").status == "ok"
    assert a.files() == {}


# -- markers and state ---------------------------------------------------------------------


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_missing_marker_stops(pair: Watched, side: str) -> None:
    drive = getattr(pair, side)
    name = marker(drive)
    drive.rm(name)
    assert name in pair.stops("marker")
    pair.stops("marker", force_deletes=True, allow_empty=True)
    assert pair.run(accept_missing_marker=True).status == "ok"
    assert marker(drive) == name
    assert pair.run().status == "ok"


def test_another_folder_in_the_place_of_the_right_one_stops(pair: Watched) -> None:
    pair.b = MemoryDrive()
    pair.b.put("holiday.jpg", b"mine")
    pair.stops("marker")


def test_a_lost_state_stops(pair: Watched) -> None:
    pair.a.rm("folder/1.txt")
    pair.state.unlink()
    pair.stops("state")
    pair.stops("state", force_deletes=True, allow_empty=True, accept_missing_marker=True)
    assert pair.run(restart=True).status == "ok"
    assert pair.a.files()["folder/1.txt"] == b"1"  # nothing is deleted: it is a union again
    pair.a.rm("folder/1.txt")
    assert pair.run().status == "ok"
    assert "folder/1.txt" not in pair.b.files()


@pytest.mark.parametrize("damage", ["garbage", "truncated", "flipped"])
def test_a_damaged_state_stops(pair: Watched, damage: str) -> None:
    content = pair.state.read_bytes()
    if damage == "garbage":
        pair.state.write_bytes(b"garbage" * 1000)
    elif damage == "truncated":
        pair.state.write_bytes(content[: len(content) // 2])
    else:
        pair.state.write_bytes(content[:100] + bytes(len(content) - 100))
    pair.a.rm("folder/1.txt")
    pair.stops("state")
    assert pair.run(restart=True).status == "ok"
    assert len(pair.a.files()) == len(pair.b.files()) == 10


def test_an_emptied_state_stops(pair: Watched) -> None:
    pair.state.write_bytes(b"")
    pair.stops("state")


def test_a_state_of_other_folders_stops(pair: Watched) -> None:
    report = sync(Side(pair.a, name="left"), Side(pair.b, name="another"), state=pair.state)
    assert (report.status, report.reasons[0].code) == ("stopped", "sides")


@pytest.mark.parametrize("inner", ["outer", "outer/inner", ""])
def test_a_folder_and_one_in_it_stop(tmp_path: Path, inner: str) -> None:
    drive = MemoryDrive()
    outer = drive.mkdir("outer")
    inside = drive.mkdir(inner) if inner else None
    drive.put("outer/x", b"x")
    report = sync(Side(drive, outer), Side(drive, inside), state=tmp_path / "state")
    assert (report.status, report.reasons[0].code) == ("stopped", "sides")
    beside = drive.mkdir("outer too")
    assert sync(Side(drive, outer), Side(drive, beside), state=tmp_path / "state").status == "ok"
    assert drive.files()["outer too/x"] == b"x"


def test_a_state_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(PermanentError, match="cannot be written"):
        sync(Side(MemoryDrive()), Side(MemoryDrive()), state=tmp_path / "file" / "state")


def test_a_restart_that_is_stopped_keeps_the_state(pair: Watched) -> None:
    def fail(name: str, what: str) -> None:
        raise TransientError("The provider is away.")

    before = pair.state.read_bytes()
    pair.a.before = fail
    assert pair.run(restart=True).status == "stopped"
    assert pair.state.read_bytes() == before


def test_a_folder_may_be_kept_in_step_with_two_others(tmp_path: Path) -> None:
    a, b, c = MemoryDrive(), MemoryDrive(), MemoryDrive()
    a.put("x", b"x")
    assert sync(Side(a), Side(b), state=tmp_path / "1").status == "ok"
    assert sync(Side(b), Side(c), state=tmp_path / "2").status == "ok"
    c.put("y", b"y")
    for _ in range(2):
        assert sync(Side(b), Side(c), state=tmp_path / "2").status == "ok"
        assert sync(Side(a), Side(b), state=tmp_path / "1").status == "ok"
    assert a.files() == b.files() == c.files() == {"x": b"x", "y": b"y"}


def test_without_markers_no_file_is_added(tmp_path: Path) -> None:
    a, b = MemoryDrive(), MemoryDrive()
    a.put("x", b"x")
    for _ in range(2):
        report = sync(Side(a), Side(b), state=tmp_path / "s", options=SyncOptions(marker=False))
        assert report.status == "ok"
    assert [path for path, _ in b._walk("")] == ["x"]


def test_a_drive_that_takes_no_marker_stops_the_first_run(tmp_path: Path) -> None:
    def refuse(name: str, what: str) -> None:
        if name == "upload":
            raise TransientError("The drive is read-only.")

    a, b = MemoryDrive(), MemoryDrive()
    b.put("x", b"x")
    b.before = refuse
    report = sync(Side(a), Side(b), state=tmp_path / "s")
    assert (report.status, report.reasons[0].code) == ("stopped", "marker")
    assert a.files() == {}


# -- dry runs ----------------------------------------------------------------------------


def test_a_dry_run_tells_and_changes_nothing(tmp_path: Path) -> None:
    a, b = MemoryDrive(), MemoryDrive()
    a.put("x", b"x")
    folder = tmp_path / "of state"
    options = SyncOptions(dry_run=True)
    report = sync(Side(a), Side(b), state=folder / "state", options=options)
    assert (report.status, [step.path for step in report.steps]) == ("ok", ["x"])
    assert not folder.exists()
    assert b.tree() == {}
    real = sync(Side(a), Side(b), state=folder / "state")
    assert real.steps == report.steps
    a.put("y", b"y")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    report = sync(Side(a), Side(b), state=folder / "state", options=options)
    assert [step.path for step in report.steps] == ["y"]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


# -- two at once --------------------------------------------------------------------------


def test_of_two_runs_at_once_the_second_is_refused(pair: Watched) -> None:
    def second(name: str, what: str) -> None:
        pair.b.before = lambda name, what: None
        thread = threading.Thread(target=lambda: reports.append(pair.run()))
        thread.start()
        thread.join()

    reports: list[SyncReport] = []
    pair.a.put("new", b"new")
    pair.b.before = second
    assert pair.run().status == "ok"
    assert [(r.status, r.reasons[0].code) for r in reports] == [("stopped", "busy")]


def _hold(lock: str, held: Any) -> None:
    descriptor = os.open(lock, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    held.set()
    threading.Event().wait()


def test_the_lock_of_a_killed_run_does_not_block(pair: Watched) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    lock = pair.state.with_name("state.lock")
    process = context.Process(target=_hold, args=(str(lock), held))
    process.start()
    assert held.wait(240)
    try:
        pair.stops("busy")
    finally:
        process.kill()
        process.join()
    assert lock.exists()
    assert pair.run().status == "ok"
