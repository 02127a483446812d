"""The files and folders below the drive's root, as iCloud lists them now.

Belongs here: looking. Does not belong here: anything that changes the drive
(``changing.py``), contents (``transfer.py``).

iCloud has no way to ask for one file by its id that pyicloud knows; it lists
folders. So a file is looked for where it was seen last, from the root down,
which also tells the names above it, and everywhere if it is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.drive import is_temporary
from jarvis_dagster.services.client_storage.icloud.faults import GoneError
from jarvis_dagster.services.client_storage.icloud.names import cleaned
from jarvis_dagster.services.client_storage.icloud.nodes import TOP, Node, is_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jarvis_dagster.services.client_storage.icloud.client import ICloudClient

__all__ = ["ICloudTree", "oldest"]

_MOST_HINTS = 200_000


class ICloudTree:
    """Reads iCloud Drive below a folder.

    Args:
        root: Names from the top; empty is the top itself.
        make: Creates a folder in another; for a root that is missing.
        remembered: Where a file was seen in an earlier life of the process.
    """

    def __init__(
        self,
        client: ICloudClient,
        root: str,
        *,
        make: Callable[[Node, str], Node],
        remembered: Callable[[str], str | None],
    ) -> None:
        self._client = client
        self._root = [cleaned(part) for part in root.split("/") if part]
        self._make = make
        self._remembered = remembered
        self._seen_in: dict[str, str] = {}  # hints only: what is there now decides

    def root(self) -> Node:
        """The drive's root; made when it is missing."""
        here = TOP
        for name in self._root:
            there = self.named(here, name)
            here = self._make(here, name) if there is None else there
            if not here.is_folder:
                raise BadInputError(
                    f"{name} is not a folder of iCloud Drive.",
                    "Rename that file, or set another `root` of the drive.",
                )
        return Node(here.data)

    def children(self, folder: Node) -> list[Node]:
        """Everything that is directly in a folder, asked for anew.

        Raises:
            GoneError: the folder is not there.
            TransientError: iCloud did not list all of it.
        """
        what = folder.path or "the drive"
        found = self._client.retry(lambda: self._listed(folder, what))
        if len(self._seen_in) > _MOST_HINTS:
            self._seen_in.clear()
        self._seen_in.update((node.id, folder.id) for node in found)
        return found

    def named(self, folder: Node, name: str) -> Node | None:
        """The entry of that name, in any Unicode form; of several, the oldest."""
        return oldest(self.children(folder), cleaned(name))

    def again(self, node: Node) -> Node | None:
        """What a node is now; None where it is no longer in its folder."""
        assert node.parent is not None
        return next((n for n in self.children(node.parent) if n.id == node.id), None)

    def folder(self, folder_id: str | None) -> Node:
        """A folder by its id; None is the root."""
        if folder_id is None:
            return self.root()
        node = self.existing(folder_id)
        if not node.is_folder:
            raise BadInputError(
                f"{node.path} is not a folder.",
                "Give a folder; `jarvis drive ls` lists what is there.",
            )
        return node

    def file(self, file_id: str) -> Node:
        """A file by its id."""
        node = self.existing(file_id)
        if node.is_folder:
            raise BadInputError(
                f"{node.path} is not a file.", "Give a file; `jarvis drive ls` lists what is there."
            )
        return node

    def existing(self, file_id: str) -> Node:
        """A file or folder by its id."""
        node = self.locate(file_id)
        if node is None:
            raise BadInputError(
                f"{file_id!r} is not in the drive.", "`jarvis drive ls` lists what is there."
            )
        return node

    def locate(self, file_id: str) -> Node | None:
        """A file or folder by its id; None where it is nowhere below the root."""
        if not is_id(file_id):
            return None
        root = self.root()
        found = self._follow(root, self._hints(root, file_id))
        if found is not None:
            return found
        return next((n for n in self._walk(root, recursive=True) if n.id == file_id), None)

    def walk(self, folder: Node, *, recursive: bool) -> Iterator[Node]:
        """The visible entries of a folder, and of those below; not sorted."""
        yield from self._walk(folder, recursive=recursive, skip=is_temporary)

    def _walk(
        self, folder: Node, *, recursive: bool, skip: Callable[[str], bool] = lambda _: False
    ) -> Iterator[Node]:
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            try:
                found = self.children(here)
            except GoneError:
                if here is folder or self.again(here) is not None:
                    raise
                continue  # removed since its parent was read
            for node in found:
                if not skip(node.name):
                    yield node
                    if recursive and node.is_folder:
                        waiting.append(node)

    def _listed(self, folder: Node, what: str) -> list[Node]:
        share = folder.data.get("shareID")
        data = self._client.call(what, lambda service: service.get_node_data(folder.id, share))
        items = data.get("items") if isinstance(data, dict) else None
        if not isinstance(items, list):
            status = str(data.get("status", "")) if isinstance(data, dict) else ""
            if any(word in status for word in ("INVALID", "NOT_FOUND", "DELETED")):
                raise GoneError(f"{what} is not in iCloud Drive any more.")
            if "DENIED" in status:
                raise PermanentError(
                    f"This account may not look into {what}.",
                    "Ask its owner to share it, or take it out of the folder.",
                )
            raise TransientError(f"iCloud did not list {what}.", "Try again later.")
        count, status = data.get("numberOfItems", 0), data.get("status", "OK")
        is_short = isinstance(count, int) and count > len(items)
        if data.get("partialData") or status != "OK" or is_short:
            raise TransientError(
                f"iCloud listed {len(items)} entries of {what}, which is not all.",
                "Try again later.",
            )
        return [Node.of(item, folder) for item in items]

    def _hints(self, root: Node, file_id: str) -> list[str]:
        """Ids from below the root to the file, as they were seen last; empty if not known."""
        chain = [file_id]
        while len(chain) < 100:
            above = self._seen_in.get(chain[-1]) or self._remembered(chain[-1])
            if above is None:
                return []
            if above in {"", root.id}:
                return chain[::-1]
            chain.append(above)
        return []

    def _follow(self, root: Node, chain: list[str]) -> Node | None:
        here: Node | None = root if chain else None
        for wanted in chain:
            assert here is not None
            try:
                found = self.children(here)
            except GoneError:
                return None
            here = next((node for node in found if node.id == wanted), None)
            if here is None:
                return None
        return here


def oldest(nodes: list[Node], name: str) -> Node | None:
    """Of the nodes of one name, the one that was there first."""
    same = [node for node in nodes if node.name == name]
    return min(same, key=lambda node: (node.created, node.id), default=None)
