"""Both sides changed the same: nothing that somebody wrote is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sync.pairs import Pair


def test_a_conflict_keeps_both_with_the_name_in_place(agreed: Pair) -> None:
    agreed.a.put("one.txt", b"of a")
    agreed.b.put("one.txt", b"of b")
    report = agreed.sync()
    (conflict,) = report.conflicts
    assert conflict[0] == "one.txt"
    assert conflict[1].startswith("one (conflict ")
    assert conflict[1].endswith(").txt")
    files = agreed.settle()
    assert (files["one.txt"], files[conflict[1]]) == (b"of a", b"of b")
    assert sum("conflict" in path for path in files) == 1


def test_a_conflict_at_first_is_one_copy(pair: Pair) -> None:
    pair.a.put("x", b"aa")
    pair.b.put("x", b"bb")
    assert sorted(pair.settle().values()) == [b"aa", b"bb"]


def test_a_conflict_again_and_again_keeps_each(agreed: Pair) -> None:
    for number in range(3):
        agreed.a.put("one.txt", b"a%d" % number)
        agreed.b.put("one.txt", b"b%d" % number)
        files = agreed.settle()
    assert {b"a2", b"b0", b"b1", b"b2"} <= set(files.values())
    assert sum("conflict" in path for path in files) == 3


def test_a_copy_that_was_changed_is_not_overwritten_by_the_same_conflict(agreed: Pair) -> None:
    agreed.a.put("one.txt", b"a")
    agreed.b.put("one.txt", b"b")
    ((_, copy),) = agreed.sync().conflicts
    agreed.a.put(copy, b"notes")
    agreed.a.put("one.txt", b"a2")
    agreed.b.put("one.txt", b"b")
    agreed.settle()
    agreed.a.put("one.txt", b"a3")
    agreed.b.put("one.txt", b"b")
    files = agreed.settle()
    assert files[copy] == b"notes"
    assert b"b" in files.values()


def test_the_names_of_copies_may_be_taken_on_one_side(agreed: Pair) -> None:
    agreed.a.put("one.txt", b"of a")
    agreed.b.put("one.txt", b"of b")
    ((_, copy),) = agreed.sync(dry_run=True).conflicts
    agreed.a.put(copy, b"was here first")
    assert {b"of a", b"of b", b"was here first"} <= set(agreed.settle().values())


# -- an edit beats a delete -----------------------------------------------------------


@pytest.mark.parametrize(("editor", "deleter"), [("a", "b"), ("b", "a")])
def test_an_edit_beats_a_delete(agreed: Pair, editor: str, deleter: str) -> None:
    getattr(agreed, editor).put("one.txt", b"edited")
    getattr(agreed, deleter).rm("one.txt")
    assert agreed.settle()["one.txt"] == b"edited"


@pytest.mark.parametrize(("editor", "deleter"), [("a", "b"), ("b", "a")])
def test_an_edit_beats_the_delete_of_its_folder(pair: Pair, editor: str, deleter: str) -> None:
    for name in ("x/y/1", "x/y/2", "x/3", "4", "5", "6"):
        pair.a.put(name, name.encode())
    pair.settle()
    getattr(pair, editor).put("x/y/1", b"edited")
    getattr(pair, deleter).rm("x")
    assert pair.settle() == {"x/y/1": b"edited", "4": b"4", "5": b"5", "6": b"6"}


def test_a_new_file_beats_the_delete_of_its_folder(agreed: Pair) -> None:
    agreed.b.put("folder/new/deep.txt", b"new")
    agreed.a.rm("folder")
    files = agreed.settle()
    assert files["folder/new/deep.txt"] == b"new"
    assert "folder/in.txt" not in files
