"""Looking at both sides until it is clear what to do.

Belongs here: listing, and reading the files whose hash decides. Does not belong
here: the decision (``planner.py``).

A file is read at most once for each of its versions: what was agreed on or read
before is known by id and version.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, JarvisError, PermanentError
from jarvis_dagster.services.client_storage.sync.model import NO_CONTENT, SIDES
from jarvis_dagster.services.client_storage.sync.planner import plan
from jarvis_dagster.services.client_storage.sync.report import Problem
from jarvis_dagster.services.client_storage.sync.tree import read_side, trees

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.sync.filters import Filter
    from jarvis_dagster.services.client_storage.sync.model import (
        Agreed,
        FileKey,
        Node,
        Plan,
        Side,
        SideName,
        Tree,
    )
    from jarvis_dagster.services.client_storage.sync.tree import Listing

__all__ = ["Looker", "View"]

_Hashes = dict["FileKey", tuple[str, str]]

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class View:
    """Both sides at a time, and what is to be done about them."""

    listings: Mapping[SideName, Listing]
    trees: Mapping[SideName, Tree]
    plan: Plan


class Looker:
    """Looks at two sides.

    Attributes:
        unreadable: Files whose content could not be read; they are left alone.
        changed: Paths of files that were gone when they were to be read.
        left_out: Files without content of their own, at the last look.
    """

    def __init__(
        self,
        sides: Mapping[SideName, Side],
        names: Mapping[SideName, str],
        only: Filter,
        hashes: Mapping[FileKey, tuple[str, str]],
    ) -> None:
        self.unreadable: list[Problem] = []
        self.changed: set[str] = set()
        self.left_out: set[str] = set()
        self._sides = sides
        self._names = names
        self._filter = only
        self._hashes: _Hashes = dict(hashes)
        self._now: _Hashes = {}
        self._leave: set[str] = set()

    def learn(self, contents: Mapping[FileKey, tuple[str, str]]) -> None:
        """Version and hash of what was sent; good for this run alone."""
        self._now.update(contents)

    def leave_out(self, no_content: Mapping[FileKey, str]) -> None:
        """Leave these versions of files out, which have no content of their own."""
        self._hashes |= {key: (version, NO_CONTENT) for key, version in no_content.items()}

    def look(self, agreed: Mapping[str, Agreed]) -> View:
        """List both sides, and read what has to be read to decide.

        Raises:
            PermanentError: a side could not be listed.
        """
        listings: dict[SideName, Listing] = {}
        for side in SIDES:
            try:
                listings[side] = read_side(self._sides[side])
            except JarvisError as error:
                what = f"{self._names[side]} could not be listed: {error}"
                raise PermanentError(what) from error
        without = {
            (side, file.id)
            for side in SIDES
            for _, file in listings[side].entries
            if self._hashes.get((side, file.id)) == (file.version, NO_CONTENT)
        }
        known = self._known(agreed)

        def is_same(mine: DriveFile, yours: DriveFile) -> bool:
            if mine.size != yours.size:
                return False
            one, another = self._hash("a", mine, known), self._hash("b", yours, known)
            return one == another or not (one and another)  # not to make it twice in doubt

        mine, yours = trees(listings["a"], listings["b"], agreed, self._filter, without, is_same)
        self.left_out = {
            raw
            for side in SIDES
            for raw, file in listings[side].entries
            if (side, file.id) in without
        }
        view: dict[SideName, Tree] = {
            "a": _with_hashes("a", mine, known),
            "b": _with_hashes("b", yours, known),
        }
        while True:
            decided = plan(view["a"], view["b"], agreed, self._leave)
            if not decided.unknown:
                return View(listings, view, decided)
            for side in SIDES:
                ids = {file_id for at, file_id in decided.unknown if at == side}
                view[side] = self._read(side, view[side], ids)

    def hashes_of_use(self, view: View, agreed: Mapping[str, Agreed]) -> _Hashes:
        """Version and hash of what was read, is there, and is not known as agreed."""
        there = {
            (side, file.id): file.version
            for side in SIDES
            for _, file in view.listings[side].entries
        }
        known = {(side, last.on(side).id) for last in agreed.values() for side in SIDES}
        return {
            key: value
            for key, value in self._hashes.items()
            if there.get(key) == value[0] and key not in known
        }

    def _known(self, agreed: Mapping[str, Agreed]) -> _Hashes:
        known = dict(self._hashes)
        for last in agreed.values():
            if last.sha256:
                known["a", last.a.id] = (last.a.version, last.sha256)
                known["b", last.b.id] = (last.b.version, last.sha256)
        return known | self._now

    def _hash(self, side: SideName, file: DriveFile, known: _Hashes) -> str:
        """The hash of a file, read where it is not known; empty where it cannot be read."""
        version, sha256 = known.get((side, file.id), ("", ""))
        if file.sha256 or (version and version == file.version):
            return file.sha256 or sha256
        try:
            sha256 = self._sides[side].drive.sha256(file.id)
        except JarvisError as error:
            _LOG.info("%s could not be read: %s", file.path, error)
            return ""
        self._keep(side, file, sha256)
        known[side, file.id] = (file.version, sha256)
        return sha256

    def _keep(self, side: SideName, file: DriveFile, sha256: str) -> None:
        kept = self._now if file.is_fresh else self._hashes
        kept[side, file.id] = (file.version, sha256)

    def _read(self, side: SideName, tree: Tree, ids: set[str]) -> Tree:
        """The tree with the hashes of these files; one that cannot be read is left alone."""

        def read(node: Node) -> Node:
            if node.file.id not in ids or node.file.is_folder:
                return node
            drive = self._sides[side].drive
            try:
                sha256 = drive.sha256(node.file.id)
            except JarvisError as error:
                self._leave.add(node.path)
                if isinstance(error, BadInputError) and drive.stat(node.file.id) is None:
                    self.changed.add(node.path)
                else:
                    self.unreadable.append(Problem(side, node.path, str(error)))
                return node
            self._keep(side, node.file, sha256)
            return dataclasses.replace(node, sha256=sha256)

        nodes = {path: read(node) for path, node in tree.nodes.items()}
        return dataclasses.replace(tree, nodes=nodes, extras=tuple(map(read, tree.extras)))


def _with_hashes(side: SideName, tree: Tree, known: _Hashes) -> Tree:
    def with_hash(node: Node) -> Node:
        if node.sha256 or node.file.is_folder:
            return node
        version, sha256 = known.get((side, node.file.id), ("", ""))
        if not version or version != node.file.version:
            return node
        return dataclasses.replace(node, sha256=sha256)

    return dataclasses.replace(
        tree,
        nodes={path: with_hash(node) for path, node in tree.nodes.items()},
        extras=tuple(map(with_hash, tree.extras)),
    )
