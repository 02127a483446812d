"""The part of a OneDrive that Jarvis may see: which drive, which folder, what is where.

Belongs here: addresses and paths of items, and looking at one. Does not belong
here: listings (``listing.py``), changes of anything.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

from jarvis_dagster.errors import BadInputError, TransientError
from jarvis_dagster.services.client_storage.onedrive.faults import ForbiddenError
from jarvis_dagster.services.client_storage.onedrive.items import Item, Ref, is_folder, to_file
from jarvis_dagster.services.client_storage.onedrive.names import forms
from jarvis_dagster.services.client_storage.onedrive.roots import Known, ask, climb, decoded

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.onedrive.config import OneDriveConfig
    from jarvis_dagster.services.client_storage.onedrive.graph import Graph

__all__ = ["Tree"]

_DEEPEST = 200


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
                self._known = ask(self._graph, self.drive_link, self._config.folder)
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
            raise BadInputError(
                f"{item.get('name')} is not a folder.",
                "Give a folder; `jarvis drive ls` lists what is there.",
            )
        return self.behind(item, ref)

    def behind(self, item: Item, ref: Ref) -> Ref:
        """Where a shortcut leads; the item itself if it is none."""
        remote = item.get("remoteItem")
        if not remote:
            return ref
        drive = (remote.get("parentReference") or {}).get("driveId")
        if not drive or not remote.get("id"):
            raise BadInputError(
                f"{item.get('name')} leads to something that was taken away.",
                "Remove the shortcut.",
            )
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
            raise BadInputError(
                f"{ref.id} does not exist in this OneDrive.",
                "`jarvis drive ls` lists what is there.",
            )
        return item

    def find(self, path: str) -> tuple[Item, Ref] | None:
        """What is at a path from the root, in whatever case and Unicode form, and its address."""
        parts = path.split("/")
        if {"", ".", ".."} & set(parts):
            return None
        item = self._at(path) if len(parts) > 1 else None
        if item is not None:
            return item, Ref(str(item["id"]))
        here = ref = Ref(self.known.root)
        for part in parts:
            if item is not None and not is_folder(item):
                return None
            item = self.child(here, part)
            if item is None:
                return None
            ref = self.ref(item, here)
            here = self.behind(item, ref)
        return None if item is None else (item, ref)

    def _at(self, path: str) -> Item | None:
        """What is at a path, where one request can tell."""
        item = self._graph.find(f"{self.link(Ref(self.known.root))}:/{quote(path)}", path)
        drive = ((item or {}).get("parentReference") or {}).get("driveId")
        if item is None or drive != self.known.drive or "deleted" in item:
            return None  # of another drive: its id would lead nowhere
        return self.filled(item, Ref(str(item["id"])))

    def child(self, folder: Ref, name: str) -> Item | None:
        """What has that name in a folder, in whatever case and Unicode form."""
        for form in forms(name):
            item = self._graph.find(self.child_link(folder, form), name)
            if item is not None and "deleted" not in item:
                return self.filled(item, self.ref(item, folder))
        return None

    def is_library(self, folder: Ref) -> bool:
        """Whether a folder is the top of a SharePoint library, or may be."""
        known = self.known
        return not known.personal and not known.root_path and folder.item == known.root

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
        above = decoded(told, self.known.personal) if isinstance(told, str) else None
        if above is None:
            found = parents if parents is not None else {}
            return climb(self._graph, item, self.known.drive, self.known.root, found)
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
        if not ref.drive and (not known.root_path or item.get("id") == known.root):
            return True
        return self.path(item, ref) is not None

    def _path_through_shortcut(self, item: Item, ref: Ref) -> str | None:
        shortcut = self._graph.find(self.link(Ref(ref.shortcut)), ref.shortcut)
        if shortcut is None or not shortcut.get("remoteItem"):
            return None
        above = self.path(shortcut, Ref(ref.shortcut))
        top = self.behind(shortcut, Ref(ref.shortcut))
        if top.drive != ref.drive:
            return None
        if item.get("id") == top.item:
            return above
        below = climb(self._graph, item, ref.drive, top.item, {})
        return None if above is None or below is None else f"{above}/{below}"
