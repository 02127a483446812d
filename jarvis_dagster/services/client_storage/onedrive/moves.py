"""Folders, moves and the recycle bin of OneDrive.

Belongs here: what changes where something is. Does not belong here: content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    NotSupportedError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.client_storage.names import numbered
from jarvis_dagster.services.client_storage.onedrive.faults import (
    ModifiedError,
    NameTakenError,
    NotFoundError,
)
from jarvis_dagster.services.client_storage.onedrive.items import (
    Item,
    Ref,
    is_folder,
    version_of,
)
from jarvis_dagster.services.client_storage.onedrive.names import visible_name

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.onedrive.graph import Graph
    from jarvis_dagster.services.client_storage.onedrive.tree import Tree

__all__ = ["Moves"]

_CONFLICT = "@microsoft.graph.conflictBehavior"
_LOOKS = 5
_MOST_NAMES = 1000


class Moves:
    """Makes, moves and trashes; a call whose answer is lost does no harm when repeated."""

    def __init__(self, graph: Graph, tree: Tree) -> None:
        self._graph = graph
        self._tree = tree

    def folder(self, parent: Ref, name: str) -> Item:
        """The folder of that name; made if there is none.

        Raises:
            BadInputError: a file has the name.
        """
        for _ in range(_LOOKS):
            there = self._tree.child(parent, name)
            if there is not None:
                if not is_folder(there):
                    raise BadInputError(f"{name} is a file, not a folder.", "Take another name.")
                return there
            body = {"name": name, "folder": {}, _CONFLICT: "fail"}
            link = f"{self._tree.link(parent)}/children"
            try:
                made = self._graph.call("POST", link, name, body=body)
            except NameTakenError:
                continue  # by somebody else, or by this call, whose answer was lost
            return self._tree.get(self._tree.ref(made, parent)) or made
        raise TransientError(f"{name} comes and goes.", "Try again later.")

    def move(self, ref: Ref, folder: Ref, name: str | None, *, exact: bool) -> Item:
        """See ``Drive.move``."""
        item = self._tree.existing(ref)
        if "root" in item or ref.item == self._tree.known.root:
            raise BadInputError("The root of the drive cannot be moved.", "Move what is in it.")
        if ref.drive != folder.drive:
            raise NotSupportedError(
                "OneDrive cannot move between drives.", "Fetch the file and put it there."
            )
        if is_folder(item) and ref.item in (folder.item, *self._tree.ancestors(folder)):
            raise BadInputError(
                f"{item['name']} cannot be moved into itself.", "Take another folder."
            )
        wanted = str(item["name"])
        if name is not None:
            library = self._tree.is_library(folder)
            wanted = visible_name(name, in_library=library, exact=exact)
        here = (item.get("parentReference") or {}).get("id") == folder.item
        if here and wanted == item["name"]:
            return item
        for number in range(1, 2 if exact else _MOST_NAMES):
            free = numbered(wanted, number, is_folder=is_folder(item))
            body = {"parentReference": {"id": folder.item}, "name": free}
            link = f"{self._tree.link(ref)}?{_CONFLICT}=fail"
            try:
                self._graph.call("PATCH", link, wanted, body=body)
            except NameTakenError:
                continue
            return self._tree.existing(ref)
        if exact:
            raise ConflictError(f"There is another {wanted} in the folder.", "Take another name.")
        raise PermanentError(f"There are too many files named {wanted}.", "Tidy the folder up.")

    def trash(self, ref: Ref, version: str | None) -> None:
        """See ``Drive.trash``."""
        if ref.item == self._tree.known.root:
            raise BadInputError("The root of the drive cannot be trashed.", "Trash what is in it.")
        for _ in range(_LOOKS):
            item = self._tree.existing(ref)
            headers: dict[str, str] = {}
            if version is not None:
                if version_of(item) != version:
                    raise ConflictError(
                        f"{item['name']} was changed by somebody else.", "Look at what it is now."
                    )
                # The tag of everything, not of the content alone: read just now.
                headers["if-match"] = str(item.get("eTag"))
            try:
                self._graph.call("DELETE", self._tree.link(ref), item["name"], headers=headers)
            except NotFoundError:
                return  # by somebody else, or by this call, whose answer was lost
            except ModifiedError:
                continue
            return
        raise TransientError("The file is changed all the time.", "Try again later.")
