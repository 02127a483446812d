"""The planner alone: any two trees and any memory of them end equal, and nothing is lost."""

from __future__ import annotations

import datetime
import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis_dagster.services.client_storage import DriveFile
from jarvis_dagster.services.client_storage.sync import (
    Action,
    Agreed,
    Node,
    Plan,
    Seen,
    Tree,
    plan,
)

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
PATHS = ["x", "y", "d", "d/x", "d/y", "d/e", "d/e/x", "f/x"]
Files = dict[str, bytes | None]

trees = st.dictionaries(
    st.sampled_from(PATHS), st.sampled_from([None, b"1", b"2", b"3", b"44"]), max_size=8
)


def grown(files: Files) -> Files:
    """A tree with the folders that its paths need, without files in files."""
    found: Files = {}
    for path in sorted(files):
        above = [path[:end] for end, mark in enumerate(path) if mark == "/"]
        if all(found.get(folder, None) is None for folder in above):
            found.update(dict.fromkeys(above))
            found[path] = files[path]
    return found


def sha256(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()


def tree(files: Files, side: str, *, known: bool = True) -> Tree:
    nodes = {}
    for path, content in files.items():
        size, is_folder = len(content or b""), content is None
        version = "" if is_folder else sha256(content)
        file = DriveFile(f"{side}:{path}", path, size, version, NOW, "", is_folder=is_folder)
        nodes[path] = Node(file, path, path, sha256(content) if known else "")
    return Tree(nodes)


def memory(files: Files) -> dict[str, Agreed]:
    return {
        path: Agreed(
            sha256(content),
            len(content or b""),
            Seen(f"a:{path}", sha256(content)),
            Seen(f"b:{path}", sha256(content)),
        )
        for path, content in files.items()
    }


def carried_out(a: Files, b: Files, decided: Plan) -> None:
    """Do what a plan says to two trees; whatever it may not do is an error."""
    sides = {"a": a, "b": b}
    origin = {side: dict(files) for side, files in sides.items()}
    for act in decided.actions:
        do(act, sides, origin)


def do(act: Action, sides: dict[str, Files], origin: dict[str, Files]) -> None:
    files, above = sides[act.side], act.path.rpartition("/")[0]
    if act.kind in {"delete", "remove"}:
        assert not any(path.startswith(f"{act.path}/") for path in files), act
        del files[act.path]
        return
    assert not above or (above in files and files[above] is None), act
    if act.kind == "folder":
        assert act.path not in files
        files[act.path] = None
        return
    assert act.source is not None
    content = origin[act.source_side][act.source.path]
    assert content is not None
    if act.kind in {"move", "rename"}:
        assert act.path not in files
        assert files.pop(act.source.path) == content
    elif act.kind == "copy":
        assert files.get(act.path, content) == content, act
        assert content in sides[act.source_side].values()  # it may have moved
    else:
        assert files[act.path] is not None
    files[act.path] = content


@settings(max_examples=600, deadline=None, derandomize=True)
@given(trees, trees, trees)
def test_both_sides_end_equal_and_nothing_is_lost(a: Files, b: Files, last: Files) -> None:
    a, b, last = grown(a), grown(b), grown(last)
    before = {"a": dict(a), "b": dict(b)}
    carried_out(a, b, plan(tree(a, "a"), tree(b, "b"), memory(last)))
    assert a == b
    for side, another in (("a", "b"), ("b", "a")):
        for path, content in before[side].items():
            gone = content is not None and content not in a.values()
            if gone:
                assert last.get(path) == content
                assert before[another].get(path) != content
    again = plan(tree(a, "a"), tree(b, "b"), memory(a))
    assert (again.actions, again.agreed, again.forget) == ((), {}, ())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(trees, trees, trees)
def test_hashes_are_asked_for_until_the_plan_is_the_same(a: Files, b: Files, last: Files) -> None:
    a, b, last = grown(a), grown(b), grown(last)
    known: dict[str, Tree] = {"a": tree(a, "a", known=False), "b": tree(b, "b", known=False)}
    whole = {"a": tree(a, "a"), "b": tree(b, "b")}
    for _ in range(10):
        decided = plan(known["a"], known["b"], memory(last))
        if not decided.unknown:
            break
        for side, file_id in decided.unknown:
            path = file_id.partition(":")[2]
            nodes = {**known[side].nodes, path: whole[side].nodes[path]}
            known[side] = Tree(nodes)
    wanted = plan(whole["a"], whole["b"], memory(last))
    assert not decided.unknown
    carried_out(dict(a), dict(b), decided)
    assert [(act.kind, act.side, act.path) for act in decided.actions] == [
        (act.kind, act.side, act.path) for act in wanted.actions
    ]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(trees, trees)
def test_a_first_plan_deletes_nothing(a: Files, b: Files) -> None:
    decided = plan(tree(grown(a), "a"), tree(grown(b), "b"), {})
    assert decided.deletes == {"a": 0, "b": 0}
    assert {act.kind for act in decided.actions} <= {"folder", "copy", "replace", "move"}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(trees, trees, trees, st.sets(st.sampled_from(PATHS)))
def test_what_is_to_be_left_is_left(a: Files, b: Files, last: Files, leave: set[str]) -> None:
    a, b, last = grown(a), grown(b), grown(last)
    decided = plan(tree(a, "a"), tree(b, "b"), memory(last), leave)
    assert leave.isdisjoint(act.path for act in decided.actions if act.kind != "folder")
    assert leave.isdisjoint(decided.agreed)
    assert leave.isdisjoint(decided.forget)
