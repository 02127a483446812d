"""What is in the iCloud Drive of the local server.

Belongs here: items, their entity tags, and what the service does to them. Does
not belong here: HTTP, JSON requests (``drivews.py``, ``docws.py``).

An entity tag of a file is two counters in base 36, ``2k::2j``: the last change
of any kind, and the last of the content. A folder has the first alone.
"""

from __future__ import annotations

import dataclasses
import datetime
import threading
import uuid
from typing import Any, Literal

__all__ = ["ROOT", "TRASH", "Behaviour", "Item", "Tree"]

ZONE = "com.apple.CloudDocs"
ROOT = f"FOLDER::{ZONE}::root"
TRASH = "TRASH_ROOT"


@dataclasses.dataclass
class Behaviour:
    """Where nobody knows what the service does, a server can do it in each way.

    Attributes:
        taken: What happens to a rename, move or new folder whose name is taken.
        etags: Whether a file's entity tag tells changes of the content apart.
        folds_case: Whether names that differ in case alone are the same.
        bare: Whether an item tells no more than pyicloud itself reads: no count, no
            folder, no status of a listing, no date but that of the content.
    """

    taken: Literal["number", "refuse", "allow"] = "number"
    etags: Literal["pair", "single"] = "pair"
    folds_case: bool = False
    bare: bool = False


@dataclasses.dataclass
class Item:
    """A file or folder; ``parent`` is the drivewsid of its folder."""

    docwsid: str
    name: str
    parent: str
    zone: str = ZONE
    kind: str = "FILE"
    content: bytes = b""
    is_package: bool = False
    changed: int = 0
    written: int = 0
    created: datetime.datetime = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    modified: datetime.datetime = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    restore_path: str = ""
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def is_folder(self) -> bool:
        """Whether it holds other items."""
        return not self.kind.startswith("FILE")

    @property
    def id(self) -> str:
        """The drivewsid; an app's folder is a FOLDER there."""
        kind = "FOLDER" if self.kind == "APP_LIBRARY" else self.kind
        return f"{kind}::{self.zone}::{self.docwsid}"


class Tree:
    """The items by id, and everything that can be done to them; thread-safe."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.lock = threading.RLock()
        self.behaviour = behaviour or Behaviour()
        self.items: dict[str, Item] = {}
        self._counter = 40
        root = Item("root", "", "", kind="FOLDER")
        self.items[root.id] = root
        self.total_bytes = 5 * 2**30

    # What people do on their own devices, and tests ask for.

    def add(
        self, name: str, content: bytes = b"", parent: str = ROOT, *, folder: bool = False
    ) -> Item:
        """A new file or folder, whatever else has that name."""
        with self.lock:
            kind = "FOLDER" if folder else "FILE"
            zone = self.items[parent].zone
            item = Item(str(uuid.uuid4()).upper(), name, parent, zone, kind, content)
            item.created = item.modified = datetime.datetime.now(datetime.UTC)
            self.items[item.id] = item
            self._touch(item, content=True)
            return item

    def write(self, item_id: str, content: bytes) -> None:
        """Another content of a file."""
        with self.lock:
            item = self.items[item_id]
            item.content, item.modified = content, datetime.datetime.now(datetime.UTC)
            self._touch(item, content=True)

    def children(self, parent: str) -> list[Item]:
        """What is directly in a folder, in no particular order."""
        with self.lock:
            return [item for item in self.items.values() if item.parent == parent]

    def path(self, item: Item) -> str:
        """Names from the root; empty for the root and what is not below it."""
        names: list[str] = []
        while item.parent in self.items:
            names.append(item.name)
            item = self.items[item.parent]
        return "/".join(reversed(names)) if item.id == ROOT else ""

    def contents(self) -> dict[str, bytes]:
        """The files that are not in the trash, by path; two of one name are an error."""
        with self.lock:
            files = [i for i in self.items.values() if not i.is_folder and self.path(i)]
            paths = [self.path(item) for item in files]
            assert len(set(paths)) == len(paths), f"two files of one name: {sorted(paths)}"
            return {path: item.content for path, item in zip(paths, files, strict=True)}

    def trashed(self) -> list[str]:
        """The names in the trash."""
        return sorted(item.name for item in self.children(TRASH))

    # What the service does.

    def rename(self, item: Item, name: str) -> str:
        """Another name; the status."""
        status = self._take(item, item.parent, name)
        return status or self._touch(item)

    def move(self, item: Item, parent: str) -> str:
        """Into another folder; the status."""
        target = self.items.get(parent)
        if target is None or not target.is_folder or not self._is_there(target):
            return "ID_INVALID"
        if target.zone != item.zone:
            return "CROSS_ZONE_MOVE_NOT_ALLOWED"
        above: Item | None = target
        while above is not None:
            if above.id == item.id:
                return "INVALID_ARGUMENT"
            above = self.items.get(above.parent)
        old = item.parent
        status = self._take(item, parent, item.name)
        if status:
            return status
        self._touch(self.items[old])
        return self._touch(item)

    def trash(self, item: Item) -> str:
        """Into the trash; the status."""
        item.restore_path = self.path(item)
        old = self.items.get(item.parent)
        item.parent = TRASH
        if old is not None:
            self._touch(old)
        return self._touch(item)

    def restore(self, item: Item) -> str:
        """Out of the trash, into the root; the status."""
        item.parent, item.restore_path = ROOT, ""
        return self._touch(item)

    def delete(self, item: Item) -> str:
        """For ever, with what is in it; the status."""
        for child in self.children(item.id):
            self.delete(child)
        self.items.pop(item.id, None)
        return "OK"

    def new_folder(self, parent: str, name: str) -> tuple[str, Item | None]:
        """A folder; the status, and the folder."""
        target = self.items.get(parent)
        if target is None or not target.is_folder or not self._is_there(target):
            return "ID_INVALID", None
        item = Item(str(uuid.uuid4()).upper(), "", parent, target.zone, "FOLDER")
        status = self._take(item, parent, name)
        if status:
            return status, None
        self.items[item.id] = item
        self._touch(item, content=True)
        return "OK", item

    def new_file(self, docwsid: str, zone: str, folder: str, name: str, content: bytes) -> Item:
        """A file that was sent, ``name 2.ext`` where the name is taken.

        Raises:
            LookupError: the folder is gone.
        """
        parent = f"FOLDER::{zone}::{folder}"
        target = self.items.get(parent)
        if target is None or not self._is_there(target):
            raise LookupError(parent)
        item = Item(docwsid, name, parent, zone, "FILE", content)
        item.name = self._free(item, parent, name)
        item.created = item.modified = datetime.datetime.now(datetime.UTC)
        self.items[item.id] = item
        self._touch(item, content=True)
        return item

    def etag(self, item: Item) -> str:
        """The entity tag of now."""
        if item.is_folder or self.behaviour.etags == "single":
            return _base36(item.changed)
        return f"{_base36(item.changed)}::{_base36(item.written)}"

    def used_bytes(self) -> int:
        """What all files take."""
        return sum(len(item.content) for item in self.items.values())

    def _is_there(self, item: Item) -> bool:
        return item.id == ROOT or (
            item.parent in self.items and self._is_there(self.items[item.parent])
        )

    def _take(self, item: Item, parent: str, name: str) -> str:
        """Give an item a name in a folder; empty, or why not."""
        taken = self._key(name) in self._keys(item, parent)
        if taken and self.behaviour.taken == "refuse":
            return "ITEM_ALREADY_EXISTS"
        if taken and self.behaviour.taken == "number":
            name = self._free(item, parent, name)
        item.parent, item.name = parent, name
        return ""

    def _free(self, item: Item, parent: str, name: str) -> str:
        names = self._keys(item, parent)
        stem, dot, extension = name.rpartition(".")
        if not stem or item.is_folder:
            stem, dot, extension = name, "", ""
        number, found = 2, name
        while self._key(found) in names:
            found, number = f"{stem} {number}{dot}{extension}", number + 1
        return found

    def _keys(self, item: Item, parent: str) -> set[str]:
        return {self._key(i.name) for i in self.children(parent) if i.id != item.id}

    def _key(self, name: str) -> str:
        return name.casefold() if self.behaviour.folds_case else name

    def _touch(self, item: Item, *, content: bool = False) -> str:
        self._counter += 1
        item.changed = self._counter
        if content:
            item.written = self._counter
        above = self.items.get(item.parent)
        while above is not None:
            above.changed = self._counter
            above = self.items.get(above.parent)
        return "OK"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"
