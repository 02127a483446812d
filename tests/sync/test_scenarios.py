"""One situation each, as rclone bisync, Unison and Syncthing have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import NotSupportedError, PermanentError
from jarvis_dagster.services.client_storage.sync import (
    Filter,
)
from tests.sync.memory_drive import MemoryDrive

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage import DriveFile
from tests.sync.pairs import Pair

# -- the first time -----------------------------------------------------------------


def test_a_first_sync_is_a_union(pair: Pair) -> None:
    pair.a.put("only a.txt", b"a")
    pair.b.put("deep/only b.txt", b"b")
    pair.a.put("both.txt", b"same")
    pair.b.put("both.txt", b"same")
    assert pair.settle() == {"only a.txt": b"a", "deep/only b.txt": b"b", "both.txt": b"same"}


def test_what_is_the_same_on_both_sides_is_not_sent(pair: Pair) -> None:
    for drive in (pair.a, pair.b):
        drive.put("big.mp4", b"x" * 1000)
    pair.sync()
    assert "download" not in pair.a.calls + pair.b.calls


def test_an_empty_side_is_filled_at_first(pair: Pair) -> None:
    pair.b.put("x/y/z.txt", b"z")
    assert pair.settle() == {"x/y/z.txt": b"z"}


def test_two_empty_sides_are_in_step(pair: Pair) -> None:
    assert pair.settle() == {}


# -- changes ----------------------------------------------------------------------


@pytest.mark.parametrize("side", ["a", "b"])
def test_new_changed_and_deleted_files_follow(agreed: Pair, side: str) -> None:
    drive = getattr(agreed, side)
    drive.put("new.txt", b"new")
    drive.put("one.txt", b"changed")
    drive.rm("two.txt")
    assert agreed.settle() == {
        "new.txt": b"new",
        "one.txt": b"changed",
        "three.txt": b"three",
        "four.txt": b"four",
        "folder/in.txt": b"in",
    }


def test_a_change_of_same_size_and_time_is_seen(agreed: Pair) -> None:
    agreed.a.put("one.txt", b"eno")
    assert agreed.settle()["one.txt"] == b"eno"


def test_both_changed_alike_is_no_conflict(agreed: Pair) -> None:
    agreed.a.put("one.txt", b"same")
    agreed.b.put("one.txt", b"same")
    report = agreed.sync()
    assert (report.status, report.steps, report.conflicts) == ("ok", (), ())
    agreed.a.rm("one.txt")
    assert "one.txt" not in agreed.settle()


def test_both_deleted_is_forgotten(agreed: Pair) -> None:
    agreed.a.rm("one.txt")
    agreed.b.rm("one.txt")
    assert agreed.sync().steps == ()
    agreed.b.put("one.txt", b"one")  # what was agreed long ago is new again
    assert agreed.settle()["one.txt"] == b"one"


def test_a_file_that_is_only_touched_is_not_sent(agreed: Pair) -> None:
    agreed.a.put("one.txt", b"one")
    agreed.a.calls.clear()
    assert agreed.sync().steps == ()
    assert agreed.sync().steps == ()
    assert agreed.a.calls.count("sha256") <= 1


def test_unchanged_files_are_never_read(agreed: Pair) -> None:
    agreed.a.calls.clear()
    agreed.b.calls.clear()
    agreed.sync()
    assert set(agreed.a.calls + agreed.b.calls) == {"list"}


# -- filters -----------------------------------------------------------------------


def test_what_a_filter_leaves_out_stays_as_it_is(agreed: Pair) -> None:
    agreed.a.put("film.mov", b"big")
    only = Filter(exclude=("*.mov", "folder"))
    report = agreed.sync(filter=only)
    assert (report.status, report.steps) == ("ok", ())
    agreed.a.rm("folder")
    agreed.b.put("folder/of b.txt", b"x")
    assert agreed.sync(filter=only).steps == ()
    assert "film.mov" not in agreed.b.files()
    files = agreed.settle()  # without the filter: nothing was deleted
    assert (files["folder/in.txt"], files["film.mov"]) == (b"in", b"big")


def test_a_file_that_grows_beyond_the_limit_is_not_deleted(agreed: Pair) -> None:
    agreed.a.put("one.txt", b"x" * 100)
    assert agreed.sync(filter=Filter(max_bytes=50)).steps == ()
    assert agreed.b.files()["one.txt"] == b"one"
    assert agreed.settle()["one.txt"] == b"x" * 100


def test_only_what_is_included_takes_part(agreed: Pair) -> None:
    agreed.a.put("clip.mp4", b"clip")
    agreed.a.put("deep/er/clip.mp4", b"clip")
    agreed.a.put("notes.md", b"notes")
    assert agreed.sync(filter=Filter(include=("*.mp4",))).status == "ok"
    assert "notes.md" not in agreed.b.files()
    assert agreed.b.files()["deep/er/clip.mp4"] == b"clip"


def test_a_folder_with_what_is_left_out_is_not_removed(agreed: Pair) -> None:
    agreed.b.put("folder/film.mov", b"film")
    agreed.a.rm("folder")
    only = {"filter": Filter(exclude=("*.mov",))}
    assert agreed.sync(**only).status == "ok"
    assert agreed.b.files()["folder/film.mov"] == b"film"
    assert "folder/in.txt" not in agreed.b.files()
    again = agreed.sync(**only)
    assert (again.status, again.steps) == ("ok", ())
    assert agreed.settle()["folder/film.mov"] == b"film"


# -- names ------------------------------------------------------------------------


def test_two_files_of_one_name_are_kept(tmp_path: Path) -> None:
    pair = Pair(tmp_path, MemoryDrive(), MemoryDrive())
    pair.b.put("twin.txt", b"first")
    pair.b.put("twin.txt", b"second", twin=True)
    pair.b.put("twin.txt", b"second", twin=True)
    files = pair.settle()
    assert files["twin.txt"] == b"first"
    assert sorted(files.values()) == [b"first", b"second", b"second"]
    pair.b.put("twin.txt", b"third", twin=True)
    files = pair.settle()
    assert files["twin.txt"] == b"first"
    assert sorted(files.values()) == [b"first", b"second", b"second", b"third"]


def test_a_file_and_a_folder_of_one_name_are_kept(tmp_path: Path) -> None:
    pair = Pair(tmp_path, MemoryDrive(), MemoryDrive())
    pair.b.put("thing/inside", b"inside")
    pair.b.put("thing", b"file", twin=True)
    files = pair.settle()
    assert files["thing/inside"] == b"inside"
    assert b"file" in files.values()


def test_the_same_content_in_two_cases_is_not_lost(tmp_path: Path) -> None:
    pair = Pair(tmp_path, MemoryDrive(), MemoryDrive(case_sensitive=False))
    pair.a.put("A.txt", b"same")
    pair.settle()
    pair.a.rename("A.txt", "a.txt")
    for _ in range(3):
        pair.sync()
        assert b"same" in pair.a.files().values()
        assert b"same" in pair.b.files().values()


def test_unicode_forms_are_one_file(pair: Pair) -> None:
    pair.a.put("\u00dcbung.txt", b"same")
    pair.b.put("U\u0308bung.txt", b"same")
    assert pair.sync().steps == ()
    pair.b.put("U\u0308bung.txt", b"changed")
    pair.sync()
    assert list(pair.a.files().values()) == list(pair.b.files().values()) == [b"changed"]


def test_folders_of_one_name_are_one(tmp_path: Path) -> None:
    pair = Pair(tmp_path, MemoryDrive(), MemoryDrive())
    pair.b.put("twin/1", b"1")
    second = pair.b._add("", "twin", None)
    pair.b._add(second.id, "2", b"2")
    report = pair.sync()
    assert (report.status, pair.a.files()) == ("ok", {"twin/1": b"1", "twin/2": b"2"})
    pair.a.put("twin/3", b"3")
    pair.a.put("other", b"other")
    assert pair.sync().status == "ok"
    assert len(pair.b.all_files()) == 4
    pair.a.rm("twin")
    assert pair.sync().status == "ok"
    assert pair.b.tree() == pair.a.tree() == {"other": b"other"}


@pytest.mark.parametrize("exported", [True, False])
def test_documents_without_content_are_left_out(tmp_path: Path, exported: bool) -> None:
    pair = Pair(tmp_path, MemoryDrive(), Documents(exported=exported))
    pair.b.put("Plan.docx", b"")
    pair.b.put("folder/Notes.docx", b"")
    pair.b.put("folder/clip.mp4", b"clip")
    report = pair.sync()
    assert (report.status, report.left_out) == ("ok", ("Plan.docx", "folder/Notes.docx"))
    assert pair.a.files() == {"folder/clip.mp4": b"clip"}
    pair.b.calls.clear()
    again = pair.sync()
    assert (again.status, again.steps, again.left_out) == ("ok", (), report.left_out)
    assert "download" not in pair.b.calls
    pair.a.rm("folder")
    assert pair.sync(allow_empty=True).status == "ok"
    assert pair.b.files() == {"Plan.docx": b"", "folder/Notes.docx": b""}


class Documents(MemoryDrive):
    """A drive with documents of its own kind, which it exports each time a little different."""

    def __init__(self, *, exported: bool) -> None:
        super().__init__()
        self.exported = exported

    def download(self, file_id: str, path: Path, **options: Any) -> DriveFile:
        file = super().download(file_id, path, **options)
        if file.name.endswith(".docx"):
            if not self.exported:
                raise NotSupportedError("It cannot be exported.")
            path.write_bytes(b"export %d" % len(self.calls))
        return file


# -- trouble ----------------------------------------------------------------------


def test_a_refused_file_does_not_stop_the_rest(agreed: Pair) -> None:
    def refuse(name: str, what: str) -> None:
        if name == "upload" and what == "bad.txt":
            raise PermanentError("No space is left.")

    agreed.b.before = refuse
    agreed.a.put("bad.txt", b"bad")
    agreed.a.put("good.txt", b"good")
    report = agreed.sync()
    assert report.status == "incomplete"
    assert [problem.path for problem in report.failures] == ["bad.txt"]
    assert agreed.b.files()["good.txt"] == b"good"
    agreed.b.before = lambda name, what: None
    assert agreed.settle()["bad.txt"] == b"bad"


def test_a_conflict_whose_copy_is_refused_changes_nothing(agreed: Pair) -> None:
    def refuse(name: str, what: str) -> None:
        if name == "upload" and "conflict" in what:
            raise PermanentError("No space is left.")

    agreed.a.put("one.txt", b"of a")
    agreed.b.put("one.txt", b"of b")
    agreed.b.before = refuse
    assert agreed.sync().status == "incomplete"
    assert agreed.b.files()["one.txt"] == b"of b"
    agreed.b.before = lambda name, what: None
    assert {b"of a", b"of b"} <= set(agreed.settle().values())


@pytest.mark.parametrize("call", ["download", "upload", "trash", "move", "create_folder"])
def test_what_changes_during_the_run_is_left_for_the_next(agreed: Pair, call: str) -> None:
    def edit(name: str, what: str) -> None:
        if name == call and not edited:
            edited.append(what)
            for drive in (agreed.a, agreed.b):
                for path in [path for path in drive.files() if path != "four.txt"]:
                    drive.put(path, b"late " + path.encode() + id(drive).to_bytes(8))
                drive.put("late/file.txt", b"late")

    edited: list[str] = []
    agreed.a.put("two.txt", b"two, changed")
    agreed.a.rm("one.txt")
    agreed.a.rename("folder", "renamed")
    agreed.b.before = edit
    agreed.a.before = edit
    report = agreed.sync()
    assert edited
    assert report.status == "changed meanwhile"
    late = {b for drive in (agreed.a, agreed.b) for b in drive.files().values() if b[:4] == b"late"}
    agreed.a.before = agreed.b.before = lambda name, what: None
    assert late <= set(agreed.settle().values())


def test_hostile_names_that_a_folder_would_make_one_are_two_files(tmp_path: Path) -> None:
    pair = Pair(tmp_path, MemoryDrive(), MemoryDrive())
    pair.a.put("a:b", b"colon")
    pair.b.put("a?b", b"question")
    assert pair.settle() == {"a:b": b"colon", "a?b": b"question"}
