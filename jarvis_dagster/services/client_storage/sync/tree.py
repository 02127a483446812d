"""What both sides hold, by paths that mean the same on both.

Belongs here: listing a side, telling apart or bringing together names, and
leaving out what the filter leaves out. Does not belong here: decisions.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.client_storage.sync.filters import MARKER
from jarvis_dagster.services.client_storage.sync.model import SIDES, Node, Tree
from jarvis_dagster.services.client_storage.sync.names import composed, parents
from jarvis_dagster.services.client_storage.sync.pairing import Listed, pair

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.sync.filters import Filter
    from jarvis_dagster.services.client_storage.sync.model import Agreed, FileKey, Side, SideName

__all__ = ["Listing", "read_side", "trees"]


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a side lists.

    Attributes:
        entries: Listed paths from the side's folder, and what is there.
        markers: The pairs whose marker lies in the folder.
        top: What the drive's paths have before those of the side's folder.
    """

    entries: tuple[tuple[str, DriveFile], ...]
    markers: frozenset[str]
    top: str = ""


def read_side(side: Side) -> Listing:
    """List everything below a side's folder.

    Raises:
        TransientError: the drive could not list everything.
        PermanentError: the folder is gone, or the listing makes no sense.
    """
    top = ""
    if side.folder_id is not None:
        folder = side.drive.stat(side.folder_id)
        if folder is None or not folder.is_folder:
            raise PermanentError(
                f"The folder {side.folder_id} of {side.name or 'the drive'} is not there.",
                "Check that the drive is connected and the folder not in its trash.",
            )
        top = f"{composed(folder.path)}/"
    markers: set[str] = set()
    entries: list[tuple[str, DriveFile]] = []
    ids: dict[str, str] = {}
    for file in side.drive.list_all(side.folder_id, recursive=True):
        path = composed(file.path)
        if ids.setdefault(file.id, path) != path:
            raise TransientError(
                f"{path} was moved while {side.name or 'the drive'} was listed.",
                "Try again when the folder is quiet.",
            )
        if not path.startswith(top):
            raise PermanentError(f"{path} was listed in {top}, where it is not.")
        path = path[len(top) :]
        marker = MARKER.fullmatch(path)
        if marker is not None and not file.is_folder:
            markers.add(marker[1])
        else:
            entries.append((path, file))
    return Listing(tuple(entries), frozenset(markers), top)


def trees(
    a: Listing,
    b: Listing,
    agreed: Mapping[str, Agreed],
    only: Filter,
    without: Collection[FileKey],
    is_same: Callable[[DriveFile, DriveFile], bool],
) -> tuple[Tree, Tree]:
    """The trees of both sides without what the filter leaves out, and ``without`` these files.

    What is left out on one side is so on the other: a file that grew beyond the
    limit here is not deleted there.

    Args:
        is_same: Whether a file of A and one of B have the same content; asked where
            the one may stand in for the other under another name.
    """
    placed = _both_placed(a, b, agreed, is_same)
    left_out = frozenset(
        path
        for side, entries in zip(SIDES, placed, strict=True)
        for path, _, file in entries
        if only.leaves_out(path, size=file.size, is_folder=file.is_folder)
        or (without and (side, file.id) in without)
    )
    if left_out:
        left_out |= {
            path
            for entries in placed
            for path, _, _ in entries
            if not left_out.isdisjoint(parents(path))
        }
    return (
        _tree(a, placed[0], left_out, agreed, "a"),
        _tree(b, placed[1], left_out, agreed, "b"),
    )


_Placed = list[tuple[str, str, "DriveFile"]]


def _placed(listing: Listing, names: Mapping[str, str]) -> _Placed:
    if not names:
        return [(raw, raw, file) for raw, file in listing.entries]
    return [(_path(raw, names), raw, file) for raw, file in listing.entries]


def _path(raw: str, names: Mapping[str, str]) -> str:
    """The path of what is listed as ``raw``, whose folders may have other names, too."""
    if raw in names:
        return names[raw]
    above, _, name = raw.rpartition("/")
    return f"{_path(above, names)}/{name}" if above else raw


def _both_placed(
    a: Listing,
    b: Listing,
    agreed: Mapping[str, Agreed],
    is_same: Callable[[DriveFile, DriveFile], bool],
) -> tuple[_Placed, _Placed]:
    """Everything by the path that both sides know it by."""
    names_a = {seen.a.raw: path for path, seen in agreed.items() if seen.a.raw}
    names_b = {seen.b.raw: path for path, seen in agreed.items() if seen.b.raw}
    placed_a, placed_b = _placed(a, names_a), _placed(b, names_b)
    if {path for path, _, _ in placed_a} != {path for path, _, _ in placed_b}:
        # What a state knows by its own name is not another's.
        more_a, more_b = pair(_unknown(placed_a, agreed), _unknown(placed_b, agreed), is_same)
        if more_a:
            return _placed(a, names_a | more_a), _placed(b, names_b | more_b)
    return placed_a, placed_b


def _unknown(placed: _Placed, agreed: Mapping[str, Agreed]) -> dict[str, Listed]:
    return {path: Listed(raw, file) for path, raw, file in placed if path not in agreed}


def _tree(
    listing: Listing,
    entries: _Placed,
    left_out: frozenset[str],
    agreed: Mapping[str, Agreed],
    side: SideName,
) -> Tree:
    nodes: dict[str, Node] = {}
    extras: list[Node] = []
    for path, raw, file in entries:
        if path in left_out:
            continue
        node = Node(file, path, raw, file.sha256)
        there = nodes.get(path)
        if there is None:
            nodes[path] = node
            continue
        known = agreed[path].on(side).id if path in agreed else ""
        if there.file.is_folder and file.is_folder:
            # A side may have the folder and another that was taken for it: the same stays first.
            first, second = sorted((there, node), key=lambda n: (n.file.id != known, *_age(n.file)))
            twins = (*there.twins, second.file)
            nodes[path] = dataclasses.replace(first, twins=twins)
        else:
            keeps, extra = sorted((there, node), key=lambda n: _rank(n.file, known))
            nodes[path] = keeps
            extras.append(extra)
    for path in _held(entries, left_out, nodes):
        nodes[path] = dataclasses.replace(nodes[path], held=True)
    extras.sort(key=lambda node: (node.path, *_age(node.file)))
    return Tree(
        nodes, tuple(extras), listing.top, frozenset(file.id for _, file in listing.entries)
    )


def _held(entries: _Placed, left_out: frozenset[str], nodes: Mapping[str, Node]) -> Iterable[str]:
    """Folders in which, however deep, there is something that is left out."""
    full = {above for path, _, _ in entries if path in left_out for above in parents(path)}
    return [path for path in full if path in nodes and nodes[path].file.is_folder]


def _rank(file: DriveFile, known: str) -> tuple[object, ...]:
    """Who keeps the path: a folder, the file that was agreed on, the oldest."""
    return (not file.is_folder, file.id != known, *_age(file))


def _age(file: DriveFile) -> tuple[object, ...]:
    return (file.modified, file.id)
