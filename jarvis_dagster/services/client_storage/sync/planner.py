"""What to do so that both sides hold the same: a pure function.

Belongs here: each side's way from what it holds to what both should hold, in an
order in which nothing is lost wherever it stops. Does not belong here: what
both should hold (``wanted.py``), whether the plan may be carried out
(``guards.py``), carrying it out (``executor.py``).
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.sync.model import SIDES, Action, Agreed, Plan, Seen
from jarvis_dagster.services.client_storage.sync.names import parents, tamed_path
from jarvis_dagster.services.client_storage.sync.wanted import (
    Wanted,
    file_of,
    folder_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from jarvis_dagster.services.client_storage.sync.model import Kind, Node, SideName, Tree

__all__ = ["plan"]


def plan(
    a: Tree, b: Tree, agreed: Mapping[str, Agreed], leave: Collection[str] = frozenset()
) -> Plan:
    """What is to be done so that both sides hold the same.

    Args:
        a: What one side holds.
        b: What the other side holds.
        agreed: What both held when they last agreed; empty for the first time.
        leave: Paths that nothing is to be done about now.
    """
    wanted = Wanted(a, b, agreed, frozenset(leave))
    ways = [_Way(wanted, side) for side in SIDES]
    actions = [
        *(Action("rename", side, path, node, side) for side, path, node in wanted.renamed),
        *(act for way in ways for act in way.asides),
        *_bottom_up(act for way in ways for act in way.removals if act.first),
        *(act for way in ways for act in way.folders),
        *(act for way in ways for act in way.moves),
        *sorted((act for way in ways for act in way.copies), key=_keeps_first),
        *_bottom_up(act for way in ways for act in way.removals if not act.first),
    ]
    newly, forget = _agreements(wanted)
    return Plan(
        actions=tuple(actions),
        agreed=newly,
        forget=forget,
        unknown=frozenset(wanted.unknown),
        conflicts=tuple(sorted(wanted.conflicts)),
        deletes={
            side: sum(act.kind == "delete" and act.side == side for act in actions)
            for side in SIDES
        },
    )


class _Way:
    """What one side has to do, by kind."""

    def __init__(self, wanted: Wanted, side: SideName) -> None:
        self.wanted = wanted
        self.side = side
        self.nodes = wanted.nodes[side]
        self.asides: list[Action] = []
        self.folders: list[Action] = []
        self.moves: list[Action] = []
        self.copies: list[Action] = []
        self.removals: list[Action] = []
        self._bring_files()
        self._take_away()
        self._follow_moves()
        self.folders = [
            Action("folder", side, path, after=((side, wanted.asides.get((side, path), path)),))
            for path in sorted(wanted.folders, key=_exact_first)
            if folder_of(self.nodes.get(path)) is None
        ]

    def _bring_files(self) -> None:
        side, aside = self.side, set()
        for (at, path), copy in self.wanted.asides.items():
            if at == side:
                self.asides.append(Action("move", side, copy, self.nodes[path], side))
                aside.add(copy)
        for path, want in self.wanted.files.items():
            there = file_of(self.nodes.get(path))
            if path in aside or (there and (there is want.node or _is_same(there, want.node))):
                continue
            kept = self.wanted.keeps.get((side, path), path)
            after = ((side, kept), (want.side, path))
            kind: Kind = "copy" if there is None else "replace"
            self.copies.append(Action(kind, side, path, want.node, want.side, there, after))

    def _take_away(self) -> None:
        wanted, side = self.wanted, self.side
        for path, node in self.nodes.items():
            if node.file.is_folder:
                stays = node.held or path in wanted.folders
            else:
                stays = path in wanted.files or (side, path) in wanted.asides
            if stays or path in wanted.leave:
                continue
            first = (
                path in wanted.files
                or path in wanted.folders
                or any(above in wanted.files for above in parents(path))
            )
            kind: Kind = "remove" if node.file.is_folder else "delete"
            self.removals.append(Action(kind, side, path, target=node, first=first))

    def _follow_moves(self) -> None:
        """What goes from one path and comes at another is moved, not sent again."""
        gone: dict[int, list[Action]] = defaultdict(list)
        for act in self.removals:
            # What has to make room goes before there is a folder to move it to.
            if act.kind == "delete" and act.target and act.target.file.size and not act.first:
                gone[act.target.file.size].append(act)
        copies = [act for act in self.copies if act.kind == "copy" and act.source]
        for act in sorted(copies, key=lambda act: _exact_first(act.path)):
            come = act.source
            candidates = gone.get(come.file.size) if come else None
            if not come or not candidates or not self.wanted.is_known(come, act.source_side):
                continue
            for old in candidates:
                if old.target and old.target.sha256 == come.sha256:
                    candidates.remove(old)
                    self.removals.remove(old)
                    self.copies.remove(act)
                    self.moves.append(Action("move", self.side, act.path, old.target, self.side))
                    break


def _is_same(there: Node, node: Node) -> bool:
    return bool(there.sha256) and there.sha256 == node.sha256


def _bottom_up(removals: Iterable[Action]) -> list[Action]:
    """Files, then folders, those in others first."""
    return sorted(
        removals,
        key=lambda act: (act.kind == "remove", -act.path.count("/"), act.side, act.path),
    )


def _exact_first(path: str) -> tuple[object, ...]:
    """Where names become one on a side, who has just that name keeps it; folders stay first."""
    return (tamed_path(path) != path, path)


def _keeps_first(act: Action) -> tuple[object, ...]:
    """Copies before what they are copies of is replaced."""
    return (act.kind == "replace", *_exact_first(act.path), act.side != act.source_side, act.side)


def _agreements(wanted: Wanted) -> tuple[dict[str, Agreed], tuple[str, ...]]:
    """What both sides hold already, where the state says something else."""
    a, b, known = wanted.nodes["a"], wanted.nodes["b"], wanted.agreed
    newly = {}
    for path in itertools.chain(wanted.files, wanted.folders):
        mine, yours = a.get(path), b.get(path)
        if mine is None or yours is None or path in wanted.leave:
            continue
        folders = mine.file.is_folder and yours.file.is_folder
        if folders is not (path in wanted.folders) or not (folders or _is_same(mine, yours)):
            continue
        last = known.get(path)
        if not (last and last.sha256 == mine.sha256 and _saw(last.a, mine) and _saw(last.b, yours)):
            newly[path] = Agreed(mine.sha256, mine.file.size, _seen(mine), _seen(yours))
    forget = tuple(
        path for path in known if path not in a and path not in b and path not in wanted.leave
    )
    return newly, forget


def _saw(last: Seen, node: Node) -> bool:
    """Whether what is remembered of a side is what it lists."""
    file = node.file
    return (
        last.id == file.id
        and last.version == ("" if file.is_fresh else file.version)
        and last.raw == ("" if node.raw == node.path else node.raw)
        and last.listed
    )


def _seen(node: Node) -> Seen:
    """What is remembered of a file or folder as it was listed."""
    return Seen(
        id=node.file.id,
        version="" if node.file.is_fresh else node.file.version,
        raw="" if node.raw == node.path else node.raw,
    )
