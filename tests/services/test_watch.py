"""Looks that cost what happened see exactly what looks at everything see."""

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage import watch as watch_module
from jarvis_dagster.services.client_storage.local_tree import LocalTree
from jarvis_dagster.services.client_storage.watch import FolderWatch, watch_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells on Linux alone")

NAMES = ("a", "b", "c.part")
PATHS = [*NAMES, *(f"{x}/{y}" for x in "ab" for y in NAMES), "a/a/a", "a/b/c.part"]
STEP = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(PATHS), st.integers(0, 9)),
    st.tuples(st.just("folder"), st.sampled_from(PATHS), st.just(0)),
    st.tuples(st.just("remove"), st.sampled_from(PATHS), st.just(0)),
    st.tuples(st.just("rename"), st.sampled_from(PATHS), st.sampled_from(PATHS)),
    st.tuples(st.just("out"), st.sampled_from(PATHS), st.just(0)),
    st.tuples(st.just("in"), st.sampled_from(PATHS), st.just(0)),
    st.tuples(st.just("look"), st.just(""), st.just(0)),
)


def step(root: Path, outside: Path, what: str, at: str, argument: int | str) -> None:
    """One thing that a person does to the folder; what cannot be done is not."""
    path = root / at
    try:
        if what == "write":
            path.write_bytes(b"x" * int(argument))
        elif what == "folder":
            path.mkdir()
        elif what == "remove" and path.is_dir():
            shutil.rmtree(path)
        elif what == "remove":
            path.unlink()
        elif what == "rename":
            path.rename(root / str(argument))
        elif what == "out":
            path.rename(outside / "kept")
        elif what == "in":
            (outside / "kept").rename(path)
    except OSError:
        return


@given(st.lists(STEP, max_size=25))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_look_sees_what_a_walk_sees(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int | str]]
) -> None:
    folder = tmp_path_factory.mktemp("watched")
    root, outside = folder / "root", folder / "outside"
    outside.mkdir()
    drive = LocalFolderDrive(root, folder / "state")
    token, seen = drive.start_token(), {}
    for what, at, argument in [*steps, ("look", "", 0)]:
        step(root, outside, what, at, argument)
        if what != "look":
            continue
        changes = drive.changes(token)
        token = changes.token
        seen.update({file.id: file for file in changes.files})
        for gone in changes.removed:
            seen.pop(gone, None)
        there = {file.id: file.version for file in LocalTree(root).walk(root, recursive=True)}
        assert {key: file.version for key, file in seen.items()} == there
    shutil.rmtree(folder)


def test_a_look_that_fails_counts_for_nothing(tmp_path: Path) -> None:
    watch = FolderWatch(tmp_path)
    with watch.look("notes") as touched:
        assert touched is None
    (tmp_path / "a").touch()
    seen = []

    def fail() -> None:
        with watch.look("notes") as touched:
            seen.append(touched)
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert seen == [{"a"}]
    with watch.look("notes") as touched:
        assert touched is None
    with watch.look("notes") as touched:
        assert touched == set()


def test_other_notes_know_nothing(tmp_path: Path) -> None:
    watch = FolderWatch(tmp_path)
    for notes, expected in (("a", None), ("a", set()), ("b", None), ("a", None), ("a", set())):
        with watch.look(notes) as touched:
            assert touched == expected


def test_two_readers_are_both_told(tmp_path: Path) -> None:
    root = tmp_path / "root"
    drives = [LocalFolderDrive(root, tmp_path / name) for name in ("one", "two")]
    tokens = [drive.start_token() for drive in drives]
    (root / "a.mp4").touch()
    for drive, token in zip(drives, tokens, strict=True):
        assert [file.path for file in drive.changes(token).files] == ["a.mp4"]


def test_more_than_the_kernel_queues_is_looked_at_as_a_whole(tmp_path: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 20_000:
        pytest.skip("the queue is too long to fill")
    watch = FolderWatch(tmp_path)
    with watch.look("notes"):
        pass
    for number in range(limit // 2 + 10):
        (tmp_path / f"{number}").touch()
        (tmp_path / f"{number}").unlink()
    with watch.look("notes") as touched:
        assert touched is None


def test_a_folder_that_others_write_to_is_looked_at_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_OWN_FILE_SYSTEMS", {"none"})
    watch = FolderWatch(tmp_path)
    for _ in range(3):
        with watch.look("notes") as touched:
            assert touched is None


def test_a_process_has_few_watches(tmp_path: Path) -> None:
    first = watch_of(tmp_path, tmp_path / "0")
    assert watch_of(tmp_path, tmp_path / "0") is first
    for number in range(1, 40):
        with watch_of(tmp_path, tmp_path / f"{number}").look("notes"):
            pass
    assert len(watch_module._watches) <= 16
    again = watch_of(tmp_path, tmp_path / "0")
    with again.look("notes") as touched:
        assert touched is None
