"""A process that ends at any call: the next run brings both sides in step."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sync.memory_drive import MemoryDrive
from tests.sync.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder that is not on a disk, where there is such a thing."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def busy_world(folder: Path, **kind: bool) -> World:
    """A pair on which every kind of action is due."""
    world = World(folder, MemoryDrive(), MemoryDrive(**kind))
    a, b = world.drives
    for name in ("edited a", "edited b", "gone a", "gone b", "both", "edit/del", "del/edit"):
        a.put(name, b"old " + name.encode())
    for name in ("moved/1", "moved/2", "to folder", "to file/x", "to file/y", "quiet"):
        a.put(name, b"old " + name.encode())
    world.settle()
    a.put("edited a", b"by a")
    b.put("edited b", b"by b")
    a.rm("gone a")
    b.rm("gone b")
    a.put("both", b"both a")
    b.put("both", b"both b")
    a.put("edit/del", b"edited")
    b.rm("edit")
    a.rm("del")
    b.put("del/edit", b"edited too")
    a.rename("moved", "gone there")
    b.rm("to folder")
    b.put("to folder/deep/file", b"deep")
    a.rm("to file")
    a.put("to file", b"now a file")
    b.put("new b/1", b"new of b")
    a.mkdir("empty/one")
    b.put("twin", b"first twin")
    b.put("twin", b"second twin", twin=True)
    return world


def calls_of(world: World) -> int:
    world.crash_at(-2, "before")
    world.sync()
    return world.calls


KINDS = ({}, {"hashes": True, "new_ids": True}, {"versions_move": True})


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_crash_at_any_call_changes_nothing_about_the_outcome(
    quick: Path, kind: dict[str, bool]
) -> None:
    (quick / "whole").mkdir()
    whole = busy_world(quick / "whole", **kind)
    calls = calls_of(whole)
    expected = whole.settle()
    assert calls > 50
    for call in range(1, calls + 1):
        for when in ("before", "after")[bool(kind) :]:
            folder = quick / f"{call}-{when}"
            folder.mkdir()
            world = busy_world(folder, **kind)
            world.crash_at(call, when)
            assert world.sync() is None
            assert world.settle() == expected, f"{when} call {call}"
            shutil.rmtree(folder)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_call_of_the_first_run(quick: Path, when: str) -> None:
    for call in range(1, 200):
        folder = quick / str(call)
        folder.mkdir()
        world = World(folder, MemoryDrive(), MemoryDrive())
        world.drives[0].put("x/one", b"1")
        world.drives[0].put("both", b"a")
        world.drives[1].put("both", b"b")
        world.crash_at(call, when)
        crashed = world.sync() is None
        assert set(world.settle().values()) == {b"1", b"a", b"b"}
        if not crashed:
            return
    raise AssertionError


def test_crash_after_crash_ends_in_step(quick: Path) -> None:
    world = busy_world(quick)
    for _ in range(300):
        world.crash_at(14, "after")
        if world.sync() is not None:
            break
        world.drives[0].put("quiet", b"%d" % _)
    files = world.settle()
    assert sum("both (conflict" in path for path in files) == 1


def test_a_state_that_a_power_cut_set_back_loses_nothing(quick: Path) -> None:
    for call in range(8, 60, 3):
        folder = quick / str(call)
        folder.mkdir()
        world = busy_world(folder)
        shutil.copyfile(world.state, folder / "copy")
        world.crash_at(call, "after")
        world.sync()
        world.forget_newest(folder / "copy")
        world.settle()
