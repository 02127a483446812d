"""What is known to be where while a plan is carried out.

Belongs here: what a side holds at a path after what was done so far, and under
which ids. Does not belong here: doing anything (``hands.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.client_storage.sync.model import Seen
from jarvis_dagster.services.client_storage.sync.names import (
    are_like,
    composed,
    is_same_name,
    parent,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile
    from jarvis_dagster.services.client_storage.sync.model import (
        FileKey,
        Node,
        Place,
        Side,
        SideName,
        Tree,
    )

__all__ = ["Places", "There"]


@dataclasses.dataclass(frozen=True, slots=True)
class There:
    """What is known to be at a place; ``listed`` as in ``Seen``."""

    file: DriveFile
    sha256: str
    raw: str
    listed: bool

    def is_same(self, another: There) -> bool:
        """Whether both are folders, or files of one content."""
        if self.file.is_folder or another.file.is_folder:
            return self.file.is_folder and another.file.is_folder
        return bool(self.sha256) and self.sha256 == another.sha256

    def seen(self) -> Seen:
        """What is remembered of it."""
        return Seen(
            self.file.id, "" if self.file.is_fresh else self.file.version, self.raw, self.listed
        )


class Places:
    """What is where; the trees of the plan, and what was done since.

    Attributes:
        contents: Version and hash of what was sent.
    """

    def __init__(self, sides: Mapping[SideName, Side], trees: Mapping[SideName, Tree]) -> None:
        self.contents: dict[FileKey, tuple[str, str]] = {}
        self._sides = sides
        self._trees = trees
        self._changed: dict[Place, There | None] = {}
        self._moved: dict[FileKey, DriveFile] = {}
        self._owners: dict[SideName, dict[str, str | None]] = {
            side: {
                **dict.fromkeys(tree.ids),
                **{node.file.id: path for path, node in tree.nodes.items()},
            }
            for side, tree in trees.items()
        }

    def there(self, side: SideName, path: str) -> There | None:
        """What is at a path of a side now, as far as this run knows."""
        if (side, path) in self._changed:
            return self._changed[side, path]
        node = self._trees[side].nodes.get(path)
        if node is None:
            return None
        raw = "" if node.raw == node.path else node.raw
        return There(node.file, node.sha256, raw, listed=True)

    def drive(self, side: SideName) -> Drive:
        """The drive of a side."""
        return self._sides[side].drive

    def now(self, side: SideName, node: Node) -> DriveFile:
        """The file of a node, which may have been moved since it was listed."""
        return self._moved.get((side, node.file.id), node.file)

    def folder_id(self, side: SideName, path: str) -> str | None:
        """The id of the folder that a path is in.

        Raises:
            PermanentError: it is not there.
        """
        above = parent(path)
        if not above:
            return self._sides[side].folder_id
        folder = self.there(side, above)
        if folder is None or not folder.file.is_folder:
            raise PermanentError(
                f"{path} has no folder to be in, because {above} is not there.",
                "The next run looks again.",
            )
        return folder.file.id

    def put(self, side: SideName, path: str, file: DriveFile, sha256: str, asked: str) -> None:
        """Note what a drive made, if it is what it was asked for.

        Raises:
            PermanentError: it has another name.
        """
        if not is_same_name(asked, file.name):
            raise PermanentError(
                f"{path} became {file.name}, because the drive cannot tell these names apart"
                " or cannot hold this one.",
                "Rename one of them.",
            )
        top = self._trees[side].top
        raw = composed(file.path)[len(top) :]
        if sha256:
            self.contents[side, file.id] = (file.version, sha256)
        self._owners[side][file.id] = path
        self._changed[side, path] = There(
            file,
            sha256,
            "" if raw == path else raw,
            listed=False,
        )

    def is_still(self, side: SideName, file: DriveFile) -> bool:
        """Whether a file is there with the version that it had."""
        now = self.drive(side).stat(file.id)
        return now is not None and now.version == file.version

    def learn(self, side: SideName, source: Node, path: str, sha256: str) -> None:
        """Note the hash of what was sent, where it came from."""
        file = self.now(side, source)
        self.contents[side, file.id] = (file.version, sha256)
        origin = self.there(side, path)
        if source.path == path and origin is not None:
            self._changed[side, path] = dataclasses.replace(origin, sha256=sha256)

    def is_of_another(self, side: SideName, path: str, file: DriveFile) -> bool:
        """Whether what a drive gave for a path is known already, and not as what is there."""
        owners = self._owners[side]
        return file.id in owners and owners[file.id] != path

    def is_held_back(self, side: SideName, path: str, name: str) -> bool:
        """Whether a name cannot be had in the folder of a path because of one that is like it.

        A file of just that name that nobody knew of is no such: somebody was quicker.
        """
        found = list(self.drive(side).list_all(self.folder_id(side, path)))
        exact = [file for file in found if composed(file.name) == name]
        if exact:
            return any(self.is_of_another(side, path, file) for file in exact)
        return any(are_like(file.name, name) for file in found)

    def move(self, side: SideName, node: Node, moved: DriveFile) -> None:
        """Note that a file has left its path."""
        self._owners[side].pop(self.now(side, node).id, None)
        self._moved[side, node.file.id] = moved
        listed = self._trees[side].nodes.get(node.path)
        if listed is not None and listed.file.id == node.file.id:
            self._changed[side, node.path] = None

    def clear(self, side: SideName, path: str) -> None:
        """Note that nothing is at a path any more."""
        if there := self.there(side, path):
            self._owners[side].pop(there.file.id, None)
        self._changed[side, path] = None
