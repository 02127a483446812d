"""People edit both sides at random, and processes end at random: nothing is lost."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sync.memory_drive import MemoryDrive
from tests.sync.world import World

QUICK = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a property test waits for no disk
PATHS = ["x", "y.txt", "d", "d/x", "d/y", "d/e", "d/e/x", "f/x", "f/g/h/x"]

edits = st.tuples(
    st.sampled_from([0, 1]),
    st.sampled_from(["put", "put", "put", "rm", "rename", "mkdir", "twin", "same"]),
    st.sampled_from(PATHS),
    st.sampled_from(PATHS),
)
rounds = st.lists(
    st.tuples(
        st.lists(edits, max_size=6),
        st.one_of(st.none(), st.tuples(st.integers(1, 60), st.sampled_from(["before", "after"]))),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)
kinds = st.fixed_dictionaries(
    {"hashes": st.booleans(), "new_ids": st.booleans(), "versions_move": st.booleans()}
)


def edit(world: World, number: int, what: tuple[int, str, str, str]) -> None:
    side, kind, path, new = what
    drive = world.drives[side]
    content = b"%d" % number
    # What a person cannot do, as a file in a file, they do not.
    with contextlib.suppress(KeyError):
        if not drive.files().keys().isdisjoint(_above(path)):
            return
        if kind in {"put", "twin"} and drive.tree().get(path, b"") is not None:
            drive.put(path, content, twin=kind == "twin")
        elif kind == "same" and drive.tree().get(path, b"") is not None:
            other = world.drives[1 - side].files()
            drive.put(path, next(iter(sorted(other.values())), content))
        elif kind == "rm":
            drive.rm(path)
        elif kind == "mkdir" and path not in drive.files():
            drive.mkdir(path)
        elif kind == "rename" and new not in drive.tree() and path not in _above(new):
            free = drive.files().keys().isdisjoint(_above(new))
            drive.rename(path, new if free else path)


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(kind=kinds, other=kinds, story=rounds)
def test_nothing_is_lost_and_both_sides_end_in_step(
    kind: dict[str, bool],
    other: dict[str, bool],
    story: list[tuple[list[tuple[int, str, str, str]], tuple[int, str] | None, bool]],
) -> None:
    with tempfile.TemporaryDirectory(dir=QUICK) as folder:
        world = World(Path(folder), MemoryDrive(**kind), MemoryDrive(**other))
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
                continue
            world.crash_at(*crash)
            world.sync()
            if setback and copy.exists():
                world.forget_newest(copy)
        world.settle()
