"""The words of synchronisation: sides, trees, what was agreed, actions.

Belongs here: values. Does not belong here: anything that reads a drive or
decides (``planner.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile

__all__ = [
    "NO_CONTENT",
    "SIDES",
    "Action",
    "Agreed",
    "FileKey",
    "Kind",
    "Node",
    "Place",
    "Plan",
    "Seen",
    "Side",
    "SideName",
    "Tree",
    "other",
]

SideName: TypeAlias = Literal["a", "b"]
SIDES: tuple[SideName, SideName] = ("a", "b")

Place: TypeAlias = tuple[SideName, str]
"""A path on a side."""

FileKey: TypeAlias = tuple[SideName, str]
"""The id of a file on a side."""


NO_CONTENT = "no content"
"""In the place of a hash: what has no content of its own that could be fetched."""


def other(side: SideName) -> SideName:
    """The side that is not ``side``."""
    return "b" if side == "a" else "a"


@dataclasses.dataclass(frozen=True)
class Side:
    """One of the two folders that are kept in step.

    Attributes:
        drive: Where it is.
        folder_id: The folder; None is the drive's root.
        name: What people call it, for messages and so that a state is not used
            with another pair; may be empty.
    """

    drive: Drive
    folder_id: str | None = None
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A file or folder of one side.

    Attributes:
        file: As the drive lists it.
        path: The path that both sides know it by, from the folder of the side;
            differs from the listed one only where a side cannot hold the name.
        raw: The listed path, from the folder of the side, NFC.
        sha256: Of the content; empty for a folder, and where it is not known yet.
        held: A folder in which there is something that the filter leaves out. It
            is not removed, and not made elsewhere for its own sake.
        twins: Other folders of the same path, which some providers allow.
    """

    file: DriveFile
    path: str
    raw: str
    sha256: str = ""
    held: bool = False
    twins: tuple[DriveFile, ...] = ()


@dataclasses.dataclass(frozen=True)
class Tree:
    """What one side holds, by path.

    Attributes:
        nodes: By path.
        extras: Files whose path another one of the side already has.
        top: What the drive's paths have before those of the side's folder.
        ids: Of all that the side lists, with what the filter leaves out.
    """

    nodes: Mapping[str, Node]
    extras: tuple[Node, ...] = ()
    top: str = ""
    ids: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What a side had when its content was agreed.

    Attributes:
        id: The drive's id of it.
        version: That belongs to the agreed content; empty where it may since
            have changed without a new version.
        raw: Its listed path where that is not the path; otherwise empty.
        listed: Whether a listing has shown it. What was sent but never listed
            is not taken for deleted.
    """

    id: str = ""
    version: str = ""
    raw: str = ""
    listed: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Agreed:
    """What both sides held at a path; ``sha256`` is empty for a folder."""

    sha256: str
    size: int
    a: Seen
    b: Seen

    @property
    def is_folder(self) -> bool:
        """Whether it was a folder."""
        return not self.sha256

    def on(self, side: SideName) -> Seen:
        """What ``side`` had."""
        return self.a if side == "a" else self.b


Kind: TypeAlias = Literal["rename", "move", "folder", "copy", "replace", "delete", "remove"]


@dataclasses.dataclass(frozen=True, slots=True)
class Action:
    """One change of one side.

    Attributes:
        kind: ``rename`` gives a file the name ``path`` because its own is taken;
            ``move`` follows a move of the other side; ``folder`` makes one;
            ``copy`` brings a file that is not there, ``replace`` one that takes
            the place of ``target``; ``delete`` takes a file away, ``remove`` a
            folder.
        side: The side that is changed.
        path: What is there afterwards, or no longer is.
        source: What is brought or moved, and the side it is on.
        target: What is replaced, deleted or removed.
        after: Is not done if the changes of these places failed.
        first: Makes room for something else of the same path.
    """

    kind: Kind
    side: SideName
    path: str
    source: Node | None = None
    source_side: SideName = "a"
    target: Node | None = None
    after: tuple[Place, ...] = ()
    first: bool = False


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done, in order, and what is agreed without doing anything.

    Attributes:
        actions: In the order in which they are safe.
        agreed: What both sides turn out to hold and the state does not know so.
        forget: Paths that the state should no longer know.
        unknown: Files whose hash is needed to decide. While there are any, the
            rest of the plan means nothing.
        conflicts: Paths that both sides changed, and the names of the copies.
        deletes: Files that go from a side without coming back elsewhere on it.
    """

    actions: tuple[Action, ...]
    agreed: Mapping[str, Agreed]
    forget: tuple[str, ...]
    unknown: frozenset[FileKey]
    conflicts: tuple[tuple[str, str], ...]
    deletes: Mapping[SideName, int]
