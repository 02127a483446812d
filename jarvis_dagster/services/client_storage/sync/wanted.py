"""What both sides should hold: decided path by path, from content alone.

Belongs here: who gives way to whom, what a conflict becomes. Does not belong
here: how a side gets there (``planner.py``).

What was agreed and is gone or changed on one side gives way to that; everything
else that is anywhere stays.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.sync.model import SIDES
from jarvis_dagster.services.client_storage.sync.names import conflict_path, parent, parents

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jarvis_dagster.services.client_storage.sync.model import (
        Agreed,
        FileKey,
        Node,
        Place,
        SideName,
        Tree,
    )

__all__ = ["Want", "Wanted", "file_of", "folder_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Want:
    """The file that both sides should hold at a path, and the side it is on."""

    node: Node
    side: SideName


class Wanted:
    """The settled state of both sides.

    Attributes:
        nodes: What each side holds, by path, files with a taken path renamed.
        files: The files that both should hold.
        folders: The folders that both should hold.
        renamed: Files that get the path they have here, because theirs is taken.
        asides: Files of a side that go to another path, to make room for a folder.
        keeps: Files of a side that are copied to another path before they are replaced.
        conflicts: Paths that both changed, with the paths of the copies.
        unknown: Files whose hash is needed; until there are none, nothing is settled.
    """

    def __init__(
        self, a: Tree, b: Tree, agreed: Mapping[str, Agreed], leave: frozenset[str]
    ) -> None:
        self.agreed = agreed
        self.leave = leave
        self.nodes: dict[SideName, dict[str, Node]] = {"a": dict(a.nodes), "b": dict(b.nodes)}
        self.files: dict[str, Want] = {}
        self.folders: set[str] = set()
        self.renamed: list[tuple[SideName, str, Node]] = []
        self.asides: dict[Place, str] = {}
        self.keeps: dict[Place, str] = {}
        self.conflicts: list[tuple[str, str]] = []
        self.unknown: set[FileKey] = set()
        self._claimed: set[str] = set()
        self._rename("a", a.extras)
        self._rename("b", b.extras)
        self._settle_files()
        self._settle_folders()
        self._clear_folders()

    def is_known(self, node: Node, side: SideName) -> bool:
        """Whether the hash of a file is known; asks for it where not."""
        if not node.sha256:
            self.unknown.add((side, node.file.id))
        return bool(node.sha256)

    def _rename(self, side: SideName, extras: tuple[Node, ...]) -> None:
        for extra in extras:
            if extra.path not in self.leave and self.is_known(extra, side):
                path = self._free_path(extra, SIDES)
                self.renamed.append((side, path, extra))
                self.nodes[side][path] = dataclasses.replace(extra, path=path)

    def _settle_files(self) -> None:
        a, b = self.nodes["a"], self.nodes["b"]
        for path in sorted(a.keys() | b.keys()):
            mine, yours = file_of(a.get(path)), file_of(b.get(path))
            if not (mine or yours) or path in self.leave or path in self._claimed:
                continue
            last = self._last(path)
            if mine and yours:
                self._settle_both(path, mine, yours, last)
            elif mine and not (last and self._is_unchanged(mine, "a", last)):
                self.files[path] = Want(mine, "a")
            elif yours and not (last and self._is_unchanged(yours, "b", last)):
                self.files[path] = Want(yours, "b")

    def _settle_both(self, path: str, mine: Node, yours: Node, last: Agreed | None) -> None:
        if self._are_same(mine, yours):
            self.files[path] = Want(mine, "a")
        elif last and self._is_unchanged(mine, "a", last):
            self.files[path] = Want(yours, "b")
        else:
            self.files[path] = Want(mine, "a")
            if not (last and self._is_unchanged(yours, "b", last)) and self.is_known(yours, "b"):
                self.keeps["b", path] = self._put_aside(path, yours, "b", ())

    def _put_aside(self, path: str, node: Node, side: SideName, moves: Collection[SideName]) -> str:
        """Both sides get this file under the name of a copy, which is returned.

        Args:
            moves: The sides that move their file there.
        """
        copy = self._free_path(node, moves)
        self._claimed.add(copy)
        self.files[copy] = Want(node, side)
        self.conflicts.append((path, copy))
        return copy

    def _free_path(self, node: Node, moves: Collection[SideName]) -> str:
        """A path for a copy of a file, at which there may be one already.

        Args:
            moves: The sides that move a file there, so that it has to be free.
        """

        def is_free(path: str) -> bool:
            if path in self.leave or path in self._claimed:
                return False
            there = [(side, nodes[path]) for side, nodes in self.nodes.items() if path in nodes]
            if moves and path in self.agreed and not there:
                return False  # a file of this name was deleted, which is to be seen
            return all(side not in moves and self._holds(n, side, node) for side, n in there)

        return conflict_path(node.path, node.sha256, is_free)

    def _holds(self, found: Node, side: SideName, node: Node) -> bool:
        """Whether what is on a side is a file with the content of ``node``."""
        if found.file.is_folder or found.file.size != node.file.size:
            return False
        return self.is_known(found, side) and found.sha256 == node.sha256

    def _last(self, path: str) -> Agreed | None:
        """What was agreed, unless a side was sent it and has not shown it since."""
        last = self.agreed.get(path)
        if last is None or (last.a.listed and last.b.listed):
            return last
        sent = any(not last.on(side).listed and path not in self.nodes[side] for side in SIDES)
        return None if sent else last

    def _is_unchanged(self, node: Node, side: SideName, last: Agreed) -> bool:
        if last.is_folder or node.file.size != last.size or not self.is_known(node, side):
            return False
        return node.sha256 == last.sha256

    def _are_same(self, mine: Node, yours: Node) -> bool:
        if mine.file.size != yours.file.size:
            return False
        known = self.is_known(mine, "a"), self.is_known(yours, "b")
        return all(known) and mine.sha256 == yours.sha256

    def _settle_folders(self) -> None:
        a, b = self.nodes["a"], self.nodes["b"]
        folders = {path for side in (a, b) for path, node in side.items() if node.file.is_folder}
        for path in folders:
            there = [node for node in (folder_of(a.get(path)), folder_of(b.get(path))) if node]
            real = [node for node in there if not node.held]
            if not real:
                continue
            last = self._last(path)
            if len(there) == 2 or not (last and last.is_folder):
                self.folders.add(path)
        for path in (*self.folders, *self.leave):
            self.folders.update(parents(path))
        for path in self.files:
            if parent(path) not in self.folders:  # with which all above it are
                self.folders.update(parents(path))

    def _clear_folders(self) -> None:
        """A file where a folder has to be goes aside."""
        for path in sorted(self.files.keys() & self.folders):
            want = self.files[path]
            if not self.is_known(want.node, want.side):
                continue
            del self.files[path]
            moves = [
                side
                for side in SIDES
                if (there := file_of(self.nodes[side].get(path)))
                and there.sha256 == want.node.sha256
            ]
            copy = self._put_aside(path, want.node, want.side, moves)
            self.asides.update({(side, path): copy for side in moves})


def file_of(node: Node | None) -> Node | None:
    """The node if it is a file."""
    return None if node is None or node.file.is_folder else node


def folder_of(node: Node | None) -> Node | None:
    """The node if it is a folder."""
    return node if node is not None and node.file.is_folder else None
