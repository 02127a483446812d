"""Names that one side cannot hold apart: one file each, on both sides, whatever happens."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.sync import (
    Filter,
    Side,
    SyncOptions,
    SyncReport,
    sync,
)
from jarvis_dagster.services.client_storage.sync.names import may_be_stand_in, stand_ins, tamed
from tests.sync.memory_drive import MemoryDrive
from tests.sync.test_properties import QUICK
from tests.sync.world import World, path_of


class Folder:
    """A drive that holds any name, and a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.drive, self.folder = MemoryDrive(), folder / "local"
        self.folder.mkdir()
        self.state = folder / "state"

    def sync(self, **options: Any) -> SyncReport:
        local = Side(LocalFolderDrive(self.folder))
        return sync(Side(self.drive), local, state=self.state, options=SyncOptions(**options))

    def settle(self, **options: Any) -> dict[str, bytes]:
        report = self.sync(**options)
        assert (report.status, report.failures, report.conflicts) == ("ok", (), ())
        again = self.sync()
        assert (again.status, again.steps) == ("ok", ())
        names = {there: path for side, path, there in again.aliases if side == "b"}
        local = self.local()
        assert {path_of(there, names): data for there, data in local.items()} == self.drive.files()
        return local

    def local(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and "jarvis" not in path.as_posix()[len(str(self.folder)) :]
        }


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_the_name_that_stands_in_is_made_of_the_name_alone() -> None:
    first = next(stand_ins("a?b.txt"))
    assert (first, next(stand_ins("a.txt"))) == ("a_b (f8e3).txt", "a (18b7).txt")
    assert tamed(first) == first
    assert next(stand_ins("Season 1.5", is_folder=True)).startswith("Season 1.5 (")
    for name in stand_ins("?" * 300 + ".mp4"):
        assert tamed(name) == name
        assert name.endswith(").mp4")
        assert may_be_stand_in(name)


def test_two_names_that_a_folder_takes_for_one_are_two_files(folder: Folder) -> None:
    for name in ("a?b", "a:b", "a*b"):
        folder.drive.put(name, name.encode())
    colon, question = next(stand_ins("a:b")), next(stand_ins("a?b"))
    before = folder.settle()
    assert before == {"a_b": b"a*b", colon: b"a:b", question: b"a?b"}
    folder.drive.rm("a*b")
    assert folder.settle() == {colon: b"a:b", question: b"a?b"}
    (folder.folder / question).write_bytes(b"edited here")
    folder.drive.put("a:b", b"edited there")
    assert folder.settle() == {colon: b"edited there", question: b"edited here"}
    assert folder.drive.files() == {"a:b": b"edited there", "a?b": b"edited here"}
    (folder.folder / colon).unlink()
    (folder.folder / question).rename(folder.folder / "plain")
    assert folder.settle() == {"plain": b"edited here"}
    assert folder.drive.files() == {"plain": b"edited here"}


def test_the_same_content_under_two_such_names_is_two_files(folder: Folder) -> None:
    folder.drive.put("a:b", b"same")
    folder.drive.put("a?b", b"same")
    assert folder.settle() == {"a_b": b"same", next(stand_ins("a?b")): b"same"}
    folder.drive.rename("a?b", "d?/a?b")
    assert folder.settle() == {"a_b": b"same", "d_/a_b": b"same"}


def test_who_has_just_that_name_keeps_it(folder: Folder) -> None:
    taken = next(stand_ins("a?b"))
    (folder.folder / "a_b").write_bytes(b"mine")
    (folder.folder / taken).write_bytes(b"mine, too")
    folder.drive.put("a?b", b"yours")
    local = folder.settle()
    _, second, *_ = stand_ins("a?b")
    assert local == {"a_b": b"mine", taken: b"mine, too", second: b"yours"}
    folder.state.unlink()
    assert folder.settle(restart=True) == local
    folder.drive.put("x:y", b"hostile")
    folder.drive.put("x_y", b"plain")
    assert folder.settle() == {**local, "x_y": b"plain", next(stand_ins("x:y")): b"hostile"}


def test_a_lost_state_makes_nothing_twice(folder: Folder) -> None:
    names = ["a?b", "a:b", "d?", "e:/a:b", "e?/a:b", "e?/a?b", "f?/x", "f:"]
    for name in names:
        folder.drive.put(name, name.encode())
    folder.drive.mkdir("d:")
    local = folder.settle()
    for _ in range(2):
        folder.state.unlink()
        assert folder.settle(restart=True) == local
    folder.state.unlink()
    folder.drive.put("a*b", b"another")  # which now is the first in order
    folder.drive.put("e*/c", b"another")
    (folder.folder / next(stand_ins("a?b"))).write_bytes(b"edited")
    folder.settle(restart=True)
    new = [b"another", b"another", b"edited"]
    assert sorted(folder.local().values()) == sorted([*(name.encode() for name in names), *new])


def test_an_innocent_name_that_came_second_is_known_without_the_state(folder: Folder) -> None:
    folder.drive.put("a:b", b"first")
    folder.settle()
    folder.drive.put("a_b", b"second")
    local = folder.settle()
    assert local == {"a_b": b"first", next(stand_ins("a_b")): b"second"}
    folder.state.unlink()
    assert folder.settle(restart=True) == local


def test_a_conflict_of_such_files_keeps_all(folder: Folder) -> None:
    folder.drive.put("a:b", b"1")
    folder.drive.put("a?b", b"2")
    folder.settle()
    for name in ("a:b", "a?b"):
        folder.drive.put(name, name.encode())
    for path in folder.folder.glob("a_b*"):
        path.write_bytes(b"the same here")
    report = folder.sync()
    assert (report.status, len(report.conflicts)) == ("ok", 2)
    assert sorted(folder.drive.files().values()) == sorted(folder.local().values())
    assert len(folder.local()) == 4
    assert folder.sync().steps == ()


def test_what_a_filter_leaves_out_keeps_its_name(folder: Folder) -> None:
    (folder.folder / "a_b").write_bytes(b"left out")
    folder.drive.put("a:b", b"x")
    report = folder.sync(filter=Filter(exclude=("a_b",)))
    assert report.status == "ok"
    assert folder.local() == {"a_b": b"left out", next(stand_ins("a:b")): b"x"}
    assert folder.sync(filter=Filter(exclude=("a_b",))).steps == ()
    assert folder.settle().keys() == {"a_b", next(stand_ins("a:b"))}


@pytest.mark.parametrize("names", [("A.txt", "a.txt"), ("A/x", "a/x"), ("A/x", "a"), ("A", "a/x")])
def test_names_that_differ_in_case_are_two_files(tmp_path: Path, names: tuple[str, str]) -> None:
    world = World(
        tmp_path, MemoryDrive(), MemoryDrive(case_sensitive=False, new_ids=True), aliases=True
    )
    for name in names:
        world.drives[0].put(name, name.encode())
    assert world.settle() == {name: name.encode() for name in names}
    world.drives[0].put(names[1], b"edited")
    world.drives[0].rm(names[0])
    assert world.settle() == {names[1]: b"edited"}


def test_two_sides_that_ignore_case_keep_what_each_has(tmp_path: Path) -> None:
    kind = {"case_sensitive": False}
    world = World(tmp_path, MemoryDrive(**kind), MemoryDrive(**kind), aliases=True)
    world.drives[0].put("A.txt", b"upper")
    world.drives[1].put("a.txt", b"lower")
    assert world.settle() == {"A.txt": b"upper", "a.txt": b"lower"}
    world.lose()
    assert world.settle() == {"A.txt": b"upper", "a.txt": b"lower"}


def test_a_folder_that_comes_under_the_name_that_another_stands_for_is_united_with_it(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, MemoryDrive(), MemoryDrive(), aliases=True)
    world.drives[0].put("d?/x", b"1")
    world.drives[1].put("d_/y", b"2")
    assert world.settle() == {"d?/x": b"1", "d?/y": b"2"}
    world.drives[1].put("d?/x", b"3")
    world.drives[1].put("d?/z", b"4")
    files = world.settle()
    assert sorted(files.values()) == [b"1", b"2", b"3", b"4"]
    assert (files["d?/x"], files["d?/z"]) == (b"1", b"4")


def test_a_name_that_somebody_takes_meanwhile_is_theirs(tmp_path: Path) -> None:
    world = World(tmp_path, MemoryDrive(), MemoryDrive())
    world.drives[0].put("x", b"mine")

    def sooner(call: str, _: str) -> None:
        if call == "upload":
            world.drives[1].put("x", b"theirs")

    world.drives[1].before = sooner
    report = world.sync(marker=False)
    assert report is not None
    assert (report.status, report.changed) == ("changed meanwhile", ("x",))
    assert world.drives[1].files() == {"x": b"theirs"}


def test_several_at_once_get_the_same_names(tmp_path: Path) -> None:
    for at_once in (1, 4):
        (tmp_path / str(at_once)).mkdir()
        one = Folder(tmp_path / str(at_once))
        for name in ("a?b", "a:b", "a*b", "c", "d"):
            one.drive.put(name, name.encode())
        assert one.settle(transfers=at_once)["a_b"] == b"a*b"


def test_a_crash_at_any_call_makes_nothing_twice(tmp_path: Path) -> None:
    names = ("a:b", "a?b", "d:/x", "d?/x", "n", "n.")
    for call in range(1, 100):
        (tmp_path / str(call)).mkdir()
        world = World(tmp_path / str(call), MemoryDrive(), MemoryDrive(tame=True), aliases=True)
        for name in names:
            world.drives[0].put(name, name.encode())
        world.crash_at(call, "after")
        crashed = world.sync() is None
        assert world.settle() == {name: name.encode() for name in names}
        if not crashed:
            return
    raise AssertionError


NAMES = ["a:b", "a?b", "a_b", "A_b", next(stand_ins("a?b")), "n", "n.", "N"]
PATHS = [*NAMES, "d:/a?b", "d:/a:b", "d?/a?b", "d_/n", "D_/n", "n/x", "n./x", "a?b/x"]

edits = st.tuples(
    st.sampled_from([0, 1]),
    st.sampled_from(["put", "put", "put", "edit", "rm", "rename", "rename", "mkdir", "same"]),
    st.integers(0, 30),
    st.sampled_from(PATHS),
)
ends = st.one_of(st.none(), st.tuples(st.integers(1, 60), st.sampled_from(["before", "after"])))
rounds = st.lists(
    st.tuples(st.lists(edits, max_size=6), ends, st.sampled_from(["", "", "older", "lost"])),
    min_size=1,
    max_size=5,
)
kinds = st.sampled_from(
    [
        {},
        {"tame": True},
        {"tame": True, "versions_move": True},
        {"case_sensitive": False},
        {"case_sensitive": False, "new_ids": True},
        {"case_sensitive": False, "tame": True, "hashes": True},
    ]
)


def edit(world: World, number: int, what: tuple[int, str, int, str]) -> None:
    """What a person does to one side, to what is there or somewhere else."""
    side, kind, which, new = what
    drive, content = world.drives[side], b"%d" % number
    there = sorted(drive.tree().items())
    old, is_file = "", False
    if there:
        old, data = there[which % len(there)]
        is_file = data is not None
    # What a person cannot do, as a file in a file, they do not.
    with contextlib.suppress(KeyError):
        if kind == "edit" and is_file:
            drive.put(old, content)
        elif kind == "rm" and old:
            drive.rm(old)
        elif kind in {"put", "same"} and drive.may_hold(new, is_file=True):
            others = sorted(world.drives[1 - side].files().values())
            drive.put(new, others[0] if kind == "same" and others else content)
        elif kind == "mkdir" and drive.may_hold(new, is_file=False):
            drive.mkdir(new)
        elif kind == "rename" and old and drive.is_free(new, below=old):
            drive.rename(old, new)


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(kind=kinds, other=kinds, story=rounds)
def test_every_name_is_one_file_on_both_sides(
    kind: dict[str, bool],
    other: dict[str, bool],
    story: list[tuple[list[tuple[int, str, int, str]], tuple[int, str] | None, str]],
) -> None:
    with tempfile.TemporaryDirectory(dir=QUICK) as folder:
        world = World(Path(folder), MemoryDrive(**kind), MemoryDrive(**other), aliases=True)
        number = 0
        for changes, crash, setback in story:
            for change in changes:
                number += 1
                edit(world, number, change)
            copy = Path(folder) / "copy"
            if setback and world.state.exists():
                shutil.copyfile(world.state, copy)
            if crash is None:
                world.settle()
            else:
                world.crash_at(*crash)
                world.sync()
            if setback == "older" and crash and copy.exists():
                world.forget_newest(copy)
            elif setback == "lost":
                world.lose()
        world.settle()
