"""The part of a OneDrive that Jarvis may see: which drive, which folder, what is where.

Belongs here: addresses and paths of items, and looking at one. Does not belong
here: listings (``listing.py``), changes of anything.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from jarvis_dagster.errors import BadInputError, TransientError
from jarvis_dagster.services.client_storage.onedrive.faults import ForbiddenError
from jarvis_dagster.services.client_storage.onedrive.items import Item, Ref, is_folder, to_file
from jarvis_dagster.services.client_storage.onedrive.names import forms

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.onedrive.config import OneDriveConfig
    from jarvis_dagster.services.client_storage.onedrive.graph import Graph

__all__ = ["Known", "Tree"]

_DEEPEST = 200


@dataclasses.dataclass(frozen=True)
class Known:
    """The drive, once it was asked.

    Attributes:
        drive: Its id.
        personal: Whether it is a person's own, not of an organisation.
        root: The id of the folder that Jarvis may see.
        root_path: Of that folder from the drive's root; empty for the root itself.
    """

    drive: str
    personal: bool
    root: str
    root_path: str


class Tree:
    """The items below the configured folder."""

    def __init__(self, config: OneDriveConfig, graph: Graph) -> None:
        self._config = config
        self._graph = graph
        self._lock = threading.Lock()
        self._known: Known | None = None

    @property
    def known(self) -> Known:
        """The drive and its root; asked once."""
        with self._lock:
            if self._known is None:
                self._known = self._ask()
            return self._known

    @property
    def drive_link(self) -> str:
        """Where the drive is, as the settings say."""
        if self._config.drive_id:
            return f"/drives/{quote(self._config.drive_id, safe='!')}"
        if self._config.user:
            return f"/users/{quote(self._config.user, safe='@')}/drive"
        return "/me/drive"

    def link(self, ref: Ref) -> str:
        """The address of an item."""
        return f"/drives/{ref.drive or self.known.drive}/items/{ref.item}"

    def child_link(self, folder: Ref, name: str) -> str:
        """The address of what has that name in a folder; with a colon before what follows."""
        return f"{self.link(folder)}:/{quote(name, safe='')}"

    def folder(self, folder_id: str | None) -> Ref:
        """A folder; through a shortcut, the one that it leads to.

        Raises:
            BadInputError: it is gone, outside, or not a folder.
        """
        if folder_id is None:
            return Ref(self.known.root)
        ref = Ref.parse(folder_id)
        item = self.existing(ref)
        if not is_folder(item):
            raise BadInputError(f"{item.get('name')} is not a folder.")
        return self.behind(item, ref)

    def behind(self, item: Item, ref: Ref) -> Ref:
        """Where a shortcut leads; the item itself if it is none."""
        remote = item.get("remoteItem")
        if not remote:
            return ref
        drive = (remote.get("parentReference") or {}).get("driveId")
        if not drive or not remote.get("id"):
            raise BadInputError(f"{item.get('name')} leads to something that was taken away.")
        return Ref(str(remote["id"]), str(drive), ref.item)

    def get(self, ref: Ref) -> Item | None:
        """The item, or None where it is gone or outside; a shortcut to a file with its facts."""
        item = self._graph.find(self.link(ref), ref.id)
        if item is None or "deleted" in item or not self._is_inside(item, ref):
            return None
        return self.filled(item, ref)

    def filled(self, item: Item, ref: Ref) -> Item | None:
        """A shortcut with what only the other drive knows, as version and hashes.

        None where what it leads to was taken away.
        """
        if "remoteItem" not in item:
            return item
        try:
            target = self._graph.find(self.link(self.behind(item, ref)), str(item.get("name")))
        except ForbiddenError:
            return None
        if target is None or "deleted" in target:
            return None
        known = {"cTag": target.get("cTag"), "size": target.get("size")}
        return {**item, **known, "remoteItem": {**item["remoteItem"], **target}}

    def existing(self, ref: Ref) -> Item:
        """The item.

        Raises:
            BadInputError: it is gone or outside.
        """
        item = self.get(ref)
        if item is None:
            raise BadInputError(f"{ref.id} does not exist in this OneDrive.")
        return item

    def child(self, folder: Ref, name: str) -> Item | None:
        """What has that name in a folder, in whatever case and Unicode form."""
        for form in forms(name):
            item = self._graph.find(self.child_link(folder, form), name)
            if item is not None and "deleted" not in item:
                return self.filled(item, self.ref(item, folder))
        return None

    def ref(self, item: Item, beside: Ref) -> Ref:
        """The address of an item that was told by its folder or a neighbour."""
        return dataclasses.replace(beside, item=str(item["id"]))

    def file(self, item: Item, ref: Ref, parents: dict[str, Item] | None = None) -> DriveFile:
        """The item as the drive shows it.

        Raises:
            TransientError: it was moved away meanwhile.
        """
        path = self.path(item, ref, parents)
        if path is None:
            raise TransientError(f"{item.get('name')} was moved away meanwhile.", "Look again.")
        return to_file(item, ref, path, self.parent_id(item, ref))

    def parent_id(self, item: Item, ref: Ref) -> str:
        """The id of the folder that it is in; empty for the root."""
        parent = str((item.get("parentReference") or {}).get("id") or "")
        if not ref.drive:
            return "" if parent == self.known.root else parent
        shortcut = self._graph.find(self.link(Ref(ref.shortcut)), ref.shortcut) or {}
        if parent == (shortcut.get("remoteItem") or {}).get("id"):
            return ref.shortcut
        return dataclasses.replace(ref, item=parent).id

    def path(self, item: Item, ref: Ref, parents: dict[str, Item] | None = None) -> str | None:
        """From the root, ``/`` between; None for what is outside.

        Args:
            parents: Folders that were asked for just now, by id; it grows.
        """
        if ref.drive:
            return self._path_through_shortcut(item, ref)
        told = (item.get("parentReference") or {}).get("path")
        above = self._decoded(told) if isinstance(told, str) else None
        if above is None:
            return self._climb(item, "", self.known.root, parents if parents is not None else {})
        root = self.known.root_path
        if above != root and not above.startswith(f"{root}/"):
            return None
        return f"{above}/{item['name']}"[len(root) + 1 :]

    def ancestors(self, ref: Ref) -> list[str]:
        """The ids of the folders that an item is in, from below."""
        found: list[str] = []
        here = ref.item
        while here and len(found) < _DEEPEST:
            item = self._graph.find(self.link(dataclasses.replace(ref, item=here)), here) or {}
            here = str((item.get("parentReference") or {}).get("id") or "")
            if here:
                found.append(here)
        return found

    def _is_inside(self, item: Item, ref: Ref) -> bool:
        known = self.known
        if ref.drive or not known.root_path or item.get("id") == known.root:
            return True
        return self.path(item, ref) is not None

    def _decoded(self, told: str) -> str | None:
        """A ``parentReference.path`` as text; None where it cannot be known.

        It is percent-encoded for personal drives and, against its description,
        not always for those of organisations: there ``%20`` may be a name.
        """
        head, colon, path = told.partition(":")
        if not colon or not head.endswith("/root"):
            return None
        if "%" in path and not self.known.personal:
            return None
        return unquote(path).rstrip("/")

    def _climb(self, item: Item, drive: str, top: str, parents: dict[str, Item]) -> str | None:
        """The path below the folder ``top``, from the names of all folders between."""
        names = [str(item.get("name"))]
        for _ in range(_DEEPEST):
            above = str((item.get("parentReference") or {}).get("id") or "")
            if above == top:
                return "/".join(reversed(names))
            if not above:
                return None
            if above not in parents:
                found = self._graph.find(self.link(Ref(above, drive)), above)
                if found is None:
                    return None
                parents[above] = found
            item = parents[above]
            if "root" in item:
                return None
            names.append(str(item.get("name")))
        return None

    def _path_through_shortcut(self, item: Item, ref: Ref) -> str | None:
        shortcut = self._graph.find(self.link(Ref(ref.shortcut)), ref.shortcut)
        if shortcut is None or not shortcut.get("remoteItem"):
            return None
        above = self.path(shortcut, Ref(ref.shortcut))
        top = self.behind(shortcut, Ref(ref.shortcut))
        if item.get("id") == top.item:
            return above
        below = self._climb(item, ref.drive, top.item, {})
        return None if above is None or below is None else f"{above}/{below}"

    def _ask(self) -> Known:
        drive = self._graph.call("GET", f"{self.drive_link}?$select=id,driveType", "the drive")
        drive_id, personal = str(drive["id"]), drive.get("driveType") == "personal"
        link = f"/drives/{drive_id}/root"
        folder = self._config.folder
        root = self._graph.find(f"{link}:/{quote(folder)}" if folder else link, folder or "root")
        if root is None or not is_folder(root):
            raise BadInputError(
                f"There is no folder {folder!r} in this OneDrive.", "Create it, or set `folder`."
            )
        if not folder:
            return Known(drive_id, personal, str(root["id"]), "")
        whole = self._graph.call("GET", link, "the drive's root")
        path = self._climb(root, drive_id, str(whole["id"]), {})  # in its own case, not that typed
        if path is None:
            raise BadInputError(f"The folder {folder!r} is not in this OneDrive.")
        return Known(drive_id, personal, str(root["id"]), f"/{path}")
