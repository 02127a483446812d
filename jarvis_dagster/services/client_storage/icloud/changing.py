"""What is done to files and folders in iCloud Drive: made, named, moved, thrown away.

Belongs here: single changes, and names that nobody else has. Does not belong
here: contents (``transfer.py``), which change follows which (``drive.py``).

iCloud answers 200 to every change and says in the body what came of it, an
answer may be lost, and what the service does when a name is taken is not
known: it may number the name, refuse, or have two of one name. So every change
begins with a look, is bound to the entity tag that was seen, and ends with a
look that decides.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.services.client_storage.icloud.conflicts import (
    TakenError,
    changed,
    gone,
    not_done,
    taken,
)
from jarvis_dagster.services.client_storage.icloud.names import interim
from jarvis_dagster.services.client_storage.icloud.tree import oldest
from jarvis_dagster.services.client_storage.names import numbered

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.client_storage.icloud.client import ICloudClient
    from jarvis_dagster.services.client_storage.icloud.nodes import Node
    from jarvis_dagster.services.client_storage.icloud.tree import ICloudTree

__all__ = ["Changer", "free"]

_MOST = 1000


class Changer:
    """Changes single files and folders, each at most once."""

    def __init__(self, client: ICloudClient, tree: ICloudTree) -> None:
        self._client = client
        self._tree = tree

    def make_folder(self, parent: Node, name: str) -> Node:
        """The folder of that name in another; an existing one is taken."""
        answer = ""

        def attempt() -> Node:
            nonlocal answer
            before = self._tree.children(parent)
            there = oldest(before, name)
            if there is None:
                if answer != "OK":  # not made again: iCloud may only be slow to list it
                    answer = self._act(name, lambda drive: drive.node(parent).mkdir(name))
                there = self._made(parent, name, {node.id for node in before})
            if there is None:
                raise not_done(f"make {name}", answer)
            if not there.is_folder:
                raise BadInputError(f"A file is named {there.path}.", "Take another name.")
            return there

        return self._client.retry(attempt)

    def _made(self, parent: Node, name: str, before: set[str]) -> Node | None:
        """The folder that was made, or the one whose name iCloud holds for the same.

        For that it compares without regard to case; it has made ``NAME 2`` beside it,
        which goes again.
        """
        found = self._tree.children(parent)
        there = oldest(found, name)
        if there is not None:
            return there
        same = [node for node in found if node.name.casefold() == name.casefold()]
        for stray in found:
            if same and stray.id not in before and stray.name == f"{name} 2":
                self.trash(stray)
        return same[0] if same else None

    def rename(self, node: Node, name: str) -> Node:
        """Give a node another name in its folder.

        Raises:
            TakenError: iCloud did not, because another has it.
        """
        return self._renamed(node, name)[0]

    def _renamed(self, node: Node, name: str) -> tuple[Node, list[Node]]:
        """The node with another name, and what else is in its folder."""
        seen = _Seen(self._tree, node)

        def attempt() -> tuple[Node, list[Node]]:
            here = seen.now()
            if here is None:
                raise gone(node)
            old, answer = here.name, "OK"
            if old != name:
                answer = self._act(node.path, lambda drive: drive.node(here).rename(name))
            here = seen.look()
            if here is None:
                raise gone(node)
            others = [other for other in seen.siblings if other.id != node.id]
            if here.name == name:
                return here, others
            is_taken = name.casefold() in {other.name.casefold() for other in others}
            if answer == "ETAG_CONFLICT" or (here.name == old and not is_taken):
                raise not_done(f"rename {node.path}", answer)
            numbered_as = here
            if here.name != old:  # numbered: as it was, until another name is chosen
                self._act(node.path, lambda drive: drive.node(numbered_as).rename(old))
            raise TakenError(f"There is another {name}.", "Take another name.")

        return self._client.retry(attempt)

    def move(self, node: Node, folder: Node) -> Node:
        """Put a node into another folder under the name that it has there, whatever it is."""
        seen = _Seen(self._tree, node)

        def attempt() -> Node:
            here, answer = seen.now(), "OK"
            if here is not None:
                answer = self._act(
                    node.path,
                    lambda drive: drive.service.move_nodes_to_node(
                        [drive.node(here)], drive.node(folder)
                    ),
                )
            there = next((n for n in self._tree.children(folder) if n.id == node.id), None)
            if there is not None:
                return there
            if here is None:
                raise gone(node)
            raise not_done(f"move {node.path}", answer)

        return self._client.retry(attempt)

    def trash(self, node: Node, *, version: str | None = None) -> None:
        """Put a node into the trash, from where a person can bring it back for 30 days.

        Raises:
            ConflictError: it is no longer the version that is meant.
        """
        seen = _Seen(self._tree, node)
        was_tried = False

        def attempt() -> None:
            nonlocal was_tried
            here = seen.now()
            if here is None and was_tried:
                return  # only the answer was lost
            if here is None:
                raise gone(node)
            if version is not None and here.version != version:
                raise changed(node.path)
            was_first, was_tried = not was_tried, True
            answer = self._act(node.path, lambda drive: drive.node(here).move_to_trash())
            if seen.look() is not None:
                raise not_done(f"trash {node.path}", answer)
            if was_first and answer != "OK":  # somebody else threw it away, or moved it
                raise gone(node)

        self._client.retry(attempt)

    def name_in(self, node: Node, name: str, *, exact: bool = False) -> Node:
        """Give a node a name that nobody in its folder has: ``name (2)`` where it is taken.

        Raises:
            ConflictError: ``exact``, and the name is taken.
        """
        folder, refused = _parent(node), set[str]()
        others: list[Node] | None = None
        for _ in range(_MOST):
            if others is None:
                others = [n for n in self._tree.children(folder) if n.id != node.id]
            in_use = {other.name for other in others}
            wanted = free(name, in_use | refused, is_folder=node.is_folder)
            if exact and wanted != name:
                raise taken(name, folder)
            if wanted == node.name:
                return node
            try:
                node, others = self._renamed(node, wanted)
            except TakenError:
                refused.add(wanted)
                others = None
            else:
                if all(other.name != wanted for other in others):
                    return node
                # Somebody was as fast, and iCloud has both: one of us takes the next name.
        raise PermanentError(f"There are too many files named {name}.", "Tidy the folder up.")

    def relocate(self, node: Node, folder: Node, name: str, *, exact: bool = False) -> Node:
        """Put a node into another folder, under a name that nobody has there.

        Whatever stops this halfway, the node is in one of the folders.
        """
        there = {n.name for n in self._tree.children(folder)}
        wanted = free(name, there, is_folder=node.is_folder)
        if exact and wanted != name:
            raise taken(name, folder)
        siblings = self._tree.children(_parent(node))
        here = {n.name for n in siblings if n.id != node.id}
        # The name on the way must be free in both folders, in any case.
        in_use = {other.casefold() for other in here | there}
        names = (wanted, node.name, interim(name).removeprefix("~$"))
        on_the_way = next(candidate for candidate in names if candidate.casefold() not in in_use)
        old = node.name
        if on_the_way != old:
            node = self.rename(node, on_the_way)
        try:
            moved = self.move(node, folder)
        except PermanentError:
            self.rename(node, old)
            raise
        return self.name_in(moved, name, exact=exact)

    def _act(self, what: str, work: Callable[[Any], Any]) -> str:
        """Ask for one change; what iCloud says came of it."""
        answer = self._client.call(what, lambda service: work(_Drive(service)), changes=True)
        items: Any = None
        if isinstance(answer, dict):
            items = answer.get("items") or answer.get("folders")
        if isinstance(items, list) and items and isinstance(items[0], dict):
            return str(items[0].get("status", "OK"))
        return "OK"


class _Drive:
    """pyicloud's service, and its nodes."""

    def __init__(self, service: Any) -> None:
        self.service = service

    def node(self, node: Node) -> Any:
        """A node as pyicloud has it."""
        from pyicloud.services.drive import DriveNode

        return DriveNode(self.service, node.data)


class _Seen:
    """A node as it was seen last: the first try of a change goes without another look.

    If it is out of date the entity tag says so, and the next try looks.
    """

    def __init__(self, tree: ICloudTree, node: Node) -> None:
        self._tree, self._node = tree, node
        self._here: Node | None = node
        self._is_used = False
        self.siblings: list[Node] = []

    def now(self) -> Node | None:
        """The node as it was handed in, and later as it is; None where it is gone."""
        if self._is_used:
            return self.look()
        self._is_used = True
        return self._here

    def look(self) -> Node | None:
        """The node as it is in its folder."""
        self.siblings = self._tree.children(_parent(self._node))
        return next((node for node in self.siblings if node.id == self._node.id), None)


def free(name: str, others: set[str], *, is_folder: bool) -> str:
    """``name``, or the first ``name (2)`` that no other has."""
    names = (numbered(name, number, is_folder=is_folder) for number in itertools.count(1))
    return next(candidate for candidate in names if candidate not in others)


def _parent(node: Node) -> Node:
    assert node.parent is not None
    return node.parent
