"""What is in the drives: files, folders, who may see them, what happened.

Belongs here: state, and changing it as a person would. Does not belong here:
requests.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.google.errors import ApiError, not_found

__all__ = ["FOLDER", "SHORTCUT", "Item", "Revision", "World"]

FOLDER = "application/vnd.google-apps.folder"
SHORTCUT = "application/vnd.google-apps.shortcut"


@dataclass
class Revision:
    """The content of a file for a while."""

    id: str
    content: bytes
    modified: str
    md5: str
    sha256: str


@dataclass
class Item:
    """A file or folder."""

    id: str
    name: str
    mime_type: str
    parent: str | None
    created: str
    modified: str
    drive_id: str = ""
    owner: str = ""
    version: int = 1
    trashed: bool = False
    target: str = ""
    revisions: list[Revision] = field(default_factory=list)
    exports: dict[str, bytes] = field(default_factory=dict)
    permissions: dict[str, dict[str, Any]] = field(default_factory=dict)
    abusive: bool = False

    @property
    def content(self) -> bytes:
        """The newest content."""
        return self.revisions[-1].content if self.revisions else b""


class World:
    """One account's My Drive, and the shared drives that it is a member of."""

    user = "jarvis@example.org"

    def __init__(self, *, quota: int | None = None) -> None:
        self.lock = threading.RLock()
        self.quota = quota
        self.files: dict[str, Item] = {}
        self.reserved: set[str] = set()
        self.drives: dict[str, str] = {}
        self.log: list[tuple[str, str]] = []  # file and shared drive
        self.first_change = 1000
        self.tells_inheritance = False
        self.hides_root = False
        self._ticks = itertools.count()
        self._began = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        self.root = self._add("My Drive", FOLDER, None).id

    def now(self) -> str:
        """A time that is later than any before."""
        time = self._began + datetime.timedelta(milliseconds=next(self._ticks))
        return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def add_drive(self, name: str) -> str:
        """A shared drive; its id is also that of its root."""
        with self.lock:
            item = self._add(name, FOLDER, None)
            item.drive_id = item.id
            item.owner = ""
            item.permissions = {}
            self.grant(item, "user", "organizer", self.user)
            self.drives[item.id] = name
            return item.id

    def add_folder(self, name: str, parent: str | None = None) -> str:
        """A folder that somebody makes."""
        with self.lock:
            return self._add(name, FOLDER, parent or self.root).id

    def add_file(
        self,
        name: str,
        content: bytes = b"content",
        parent: str | None = None,
        mime_type: str = "application/octet-stream",
    ) -> str:
        """A file that somebody uploads."""
        with self.lock:
            item = self._add(name, mime_type, parent or self.root)
            self.put(item, content)
            return item.id

    def add_document(
        self, name: str, kind: str, exports: dict[str, bytes], parent: str | None = None
    ) -> str:
        """A document of Google of a kind such as ``document``."""
        with self.lock:
            mime_type = f"application/vnd.google-apps.{kind}"
            item = self._add(name, mime_type, parent or self.root)
            item.exports = exports
            return item.id

    def add_shortcut(self, name: str, target: str, parent: str | None = None) -> str:
        """A shortcut to a file or folder."""
        with self.lock:
            item = self._add(name, SHORTCUT, parent or self.root)
            item.target = target
            return item.id

    def change(self, file_id: str, content: bytes) -> None:
        """Somebody puts new content into a file."""
        with self.lock:
            self.put(self.files[file_id], content)

    def edit(self, file_id: str, **values: Any) -> None:
        """Somebody renames, moves, or trashes."""
        with self.lock:
            item = self.files[file_id]
            for key, value in values.items():
                setattr(item, key, value)
            self.touch(item)

    def remove(self, file_id: str) -> None:
        """Delete for good, with everything below."""
        with self.lock:
            for child in [item.id for item in self.files.values() if item.parent == file_id]:
                self.remove(child)
            gone = self.files.pop(file_id)
            self.log.append((file_id, gone.drive_id))

    def item(self, file_id: str, *, all_drives: bool) -> Item:
        """A file that a request names."""
        item = self.files.get(self.root if file_id == "root" else file_id)
        if item is None or (item.drive_id and not all_drives):
            raise not_found(file_id)
        return item

    def create(self, body: dict[str, Any], content: bytes | None) -> Item:
        """A file that a request makes."""
        parents = body.get("parents") or [self.root]
        if len(parents) != 1:
            raise ApiError(403, "teamDrivesParentLimit", "A file has one parent")
        folder = self.files.get(self.root if parents[0] == "root" else parents[0])
        if folder is None or folder.mime_type != FOLDER:
            raise not_found(parents[0])
        mime_type = body.get("mimeType", "application/octet-stream")
        item = self._add(body.get("name", "Untitled"), mime_type, folder.id, body.get("id"))
        if mime_type != FOLDER:
            self.put(item, content or b"")
        return item

    def check_new_id(self, file_id: str | None) -> None:
        """Refuse an id that is in use or was not given out."""
        if file_id is None:
            return
        if file_id in self.files:
            raise ApiError(409, "fileIdInUse", "A file already exists with the provided ID.")
        if file_id not in self.reserved:
            raise ApiError(400, "invalid", "The provided file ID is not usable.")

    def put(self, item: Item, content: bytes) -> None:
        """New content as a new revision."""
        item.modified = self.now()
        md5, sha256 = hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest()
        key = f"rev{secrets.token_hex(8)}"
        item.revisions.append(Revision(key, content, item.modified, md5, sha256))
        self.touch(item)

    def touch(self, item: Item) -> None:
        """Something about a file changed."""
        item.version += 1
        self.log.append((item.id, item.drive_id))

    def is_trashed(self, item: Item) -> bool:
        """Whether it, or a folder above it, is in the trash."""
        here: Item | None = item
        while here is not None:
            if here.trashed:
                return True
            here = self.files.get(here.parent or "")
        return False

    def is_below(self, item: Item, folder_id: str) -> bool:
        """Whether a folder is somewhere above, or the item itself."""
        here: Item | None = item
        while here is not None:
            if here.id == folder_id:
                return True
            here = self.files.get(here.parent or "")
        return False

    def used(self) -> int:
        """Bytes of the newest contents."""
        return sum(len(item.content) for item in self.files.values())

    def check_space(self, more: int) -> None:
        """Refuse what does not fit."""
        if self.quota is not None and self.used() + more > self.quota:
            raise ApiError(403, "storageQuotaExceeded", "The user's storage quota is exceeded.")

    def grant(self, item: Item, kind: str, role: str, who: str = "", **more: Any) -> dict[str, Any]:
        """A permission, given or changed."""
        key = "anyoneWithLink" if kind == "anyone" else hashlib.md5(who.encode()).hexdigest()[:20]
        permission = {"kind": "drive#permission", "id": key, "type": kind, "role": role, **more}
        if kind in ("user", "group"):
            permission["emailAddress"] = who
        if kind == "domain":
            permission["domain"] = who
        item.permissions[key] = permission
        return permission

    def _add(self, name: str, mime_type: str, parent: str | None, key: str | None = None) -> Item:
        now = self.now()
        item = Item(key or f"id{secrets.token_hex(12)}", name, mime_type, parent, now, now)
        if parent is not None:
            item.drive_id = self.files[parent].drive_id
        if not item.drive_id:
            item.owner = self.user
            self.grant(item, "user", "owner", self.user)
        self.files[item.id] = item
        self.log.append((item.id, item.drive_id))
        return item
