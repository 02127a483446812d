"""Folders that are made, emptied, renamed, or become files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sync.memory_drive import MemoryDrive

if TYPE_CHECKING:
    from pathlib import Path

from tests.sync.pairs import Pair


def test_empty_folders_are_synchronised(agreed: Pair) -> None:
    agreed.a.mkdir("empty/inside")
    agreed.settle()
    assert "empty/inside" in agreed.b.tree()
    agreed.b.rm("empty")
    agreed.settle()
    assert "empty" not in agreed.a.tree()


def test_an_emptied_folder_stays(agreed: Pair) -> None:
    agreed.b.rm("folder/in.txt")
    agreed.settle()
    assert "folder" in agreed.a.tree()


def test_a_renamed_folder_is_moved_and_not_sent(agreed: Pair) -> None:
    agreed.a.put("folder/sub/more.txt", b"more")
    agreed.settle()
    agreed.a.rename("folder", "renamed")
    agreed.b.calls.clear()
    agreed.a.calls.clear()
    report = agreed.sync()
    assert report.status == "ok"
    assert "upload" not in agreed.b.calls
    assert "download" not in agreed.a.calls
    files = agreed.settle()
    assert (files["renamed/in.txt"], files["renamed/sub/more.txt"]) == (b"in", b"more")
    assert not any(path.startswith("folder") for path in agreed.b.tree())


def test_a_folder_renamed_on_both_sides_has_both_names(agreed: Pair) -> None:
    agreed.a.rename("folder", "name of a")
    agreed.b.rename("folder", "name of b")
    files = agreed.settle()
    assert files["name of a/in.txt"] == files["name of b/in.txt"] == b"in"


def test_two_files_that_swap_their_names(agreed: Pair) -> None:
    agreed.a.rename("one.txt", "x")
    agreed.a.rename("two.txt", "one.txt")
    agreed.a.rename("x", "two.txt")
    files = agreed.settle()
    assert (files["one.txt"], files["two.txt"]) == (b"two", b"one")


def test_a_moved_file_that_the_other_side_edited_keeps_both(agreed: Pair) -> None:
    agreed.a.rename("one.txt", "moved.txt")
    agreed.b.put("one.txt", b"edited")
    files = agreed.settle()
    assert (files["moved.txt"], files["one.txt"]) == (b"one", b"edited")


@pytest.mark.parametrize(("one", "another"), [("a", "b"), ("b", "a")])
def test_a_file_becomes_a_folder(agreed: Pair, one: str, another: str) -> None:
    getattr(agreed, one).rm("one.txt")
    getattr(agreed, one).put("one.txt/inside", b"inside")
    files = agreed.settle()
    assert files["one.txt/inside"] == b"inside"
    assert b"one" not in files.values()
    getattr(agreed, another).rm("one.txt")
    getattr(agreed, another).put("one.txt", b"file again")
    files = agreed.settle()
    assert files["one.txt"] == b"file again"


@pytest.mark.parametrize(("one", "another"), [("a", "b"), ("b", "a")])
def test_a_file_that_became_a_folder_and_was_edited_keeps_both(
    agreed: Pair, one: str, another: str
) -> None:
    getattr(agreed, one).rm("one.txt")
    getattr(agreed, one).put("one.txt/inside", b"inside")
    getattr(agreed, another).put("one.txt", b"edited")
    files = agreed.settle()
    assert files["one.txt/inside"] == b"inside"
    assert b"edited" in files.values()


def test_a_folder_that_became_a_file_and_was_written_to_keeps_both(agreed: Pair) -> None:
    agreed.a.rm("folder")
    agreed.a.put("folder", b"file")
    agreed.b.put("folder/new", b"new")
    files = agreed.settle()
    assert files["folder/new"] == b"new"
    assert b"file" in files.values()
    assert "folder/in.txt" not in files


def test_a_file_against_a_folder_at_first_keeps_both(pair: Pair) -> None:
    pair.a.put("thing", b"file")
    pair.b.put("thing/inside", b"inside")
    files = pair.settle()
    assert files["thing/inside"] == b"inside"
    assert b"file" in files.values()


def test_a_file_that_moves_into_a_folder_of_its_own_name(agreed: Pair) -> None:
    agreed.a.rm("one.txt")
    agreed.a.put("one.txt/one.txt", b"one")
    agreed.a.put("copy.txt", b"one")
    files = agreed.settle()
    assert files["one.txt/one.txt"] == files["copy.txt"] == b"one"


def test_twins_make_room_for_a_folder(tmp_path: Path) -> None:
    pair = Pair(tmp_path, MemoryDrive(), MemoryDrive())
    pair.a.put("thing", b"same")
    pair.a.put("thing", b"same", twin=True)
    pair.b.put("thing/inside", b"inside")
    assert sorted(pair.settle().values()) == [b"inside", b"same", b"same"]
