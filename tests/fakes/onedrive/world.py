"""Drives and what is in them.

Belongs here: the state, and rules that hold whatever the call. Does not belong
here: JSON, HTTP.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import re
import threading
import uuid
import zlib
from typing import Any, Literal

from tests.fakes.onedrive.errors import ApiError
from tests.fakes.onedrive.hashing import quick_xor_hash

__all__ = ["DriveState", "Entry", "World", "check_name"]

_FORBIDDEN = re.compile(r'["*:<>?/\\|\x00-\x1f]')
_RESERVED = re.compile(
    r"(CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(\..*)?|\.lock|desktop\.ini", re.IGNORECASE
)


@dataclasses.dataclass
class Entry:
    """A file or folder."""

    id: str
    guid: str
    name: str
    parent: str | None
    folder: bool
    content: bytes = b""
    quick_xor: str = ""
    sha256: str = ""
    e_tag: int = 1
    c_tag: int = 1
    sequence: int = 0
    changes: int = 0
    written: int = 0
    deleted: bool = False
    package: bool = False
    malware: bool = False
    remote: tuple[str, str] | None = None
    old_name: str = ""
    permissions: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


class DriveState:
    """One drive."""

    def __init__(
        self, world: World, kind: Literal["personal", "business"], drive_id: str, owner: str
    ) -> None:
        self.world = world
        self.kind = kind
        self.id = drive_id
        self.owner = owner
        self.total = 1 << 40
        self.used = 0  # the recycle bin counts
        self.entries: dict[str, Entry] = {}
        self.forgotten = 0
        self.root = self._new("root", None, folder=True)

    def get(self, entry_id: str) -> Entry:
        """What is there; not what is in the recycle bin."""
        entry = self.entries.get(entry_id)
        if entry is None and not re.fullmatch(r"[0-9A-Z]+(![0-9a-z]+)?", entry_id):
            raise ApiError(400, "invalidRequest", "malformed id")
        if entry is None or self.is_gone(entry):
            raise ApiError(404)
        return entry

    def is_gone(self, entry: Entry) -> bool:
        """Whether it, or a folder above, is in the recycle bin."""
        here: Entry | None = entry
        while here is not None:
            if here.deleted:
                return True
            here = self.entries.get(here.parent) if here.parent else None
        return False

    def children(self, parent: str) -> list[Entry]:
        """By name."""
        found = [e for e in self.entries.values() if e.parent == parent and not e.deleted]
        return sorted(found, key=lambda entry: (entry.name.casefold(), entry.name))

    def child(self, parent: str, name: str) -> Entry | None:
        """What has that name, in whatever case; Unicode forms are different names."""
        for entry in self.children(parent):
            if entry.name.casefold() == name.casefold():
                return entry
        return None

    def at(self, start: str, path: str) -> Entry:
        """What is at a path from a folder."""
        here = self.get(start)
        for part in path.split("/"):
            found = self.child(here.id, part)
            if found is None:
                raise ApiError(404)
            here = found
        return here

    def above(self, entry: Entry) -> list[Entry]:
        """The folders it is in, from below."""
        found = []
        while entry.parent:
            entry = self.entries[entry.parent]
            found.append(entry)
        return found

    def add(self, name: str, parent: str, *, folder: bool = False, content: bytes = b"") -> Entry:
        """Make a file or folder; whether the name is free is not looked at."""
        check_name(name, in_library_root=self.kind == "business" and parent == self.root.id)
        if self.used + len(content) > self.total:
            raise ApiError(507)
        entry = self._new(name, parent, folder=folder)
        self._fill(entry, content)
        return entry

    def write(self, entry: Entry, content: bytes) -> None:
        """Give a file other content."""
        if self.used + len(content) > self.total:  # the old version is kept
            raise ApiError(507)
        self._fill(entry, content)
        entry.c_tag += 1
        self.touch(entry)

    def touch(self, entry: Entry) -> None:
        """Something about it changed: it, and the folders above, are news."""
        entry.e_tag += 1
        entry.changes += 1
        for one in [*reversed(self.above(entry)), entry]:
            one.sequence = self.world.tick()

    def _fill(self, entry: Entry, content: bytes) -> None:
        self.used += len(content) - len(entry.content)
        entry.content = content
        entry.written = self.world.tick()
        entry.quick_xor = quick_xor_hash(content) if not entry.folder else ""

    def _new(self, name: str, parent: str | None, *, folder: bool) -> Entry:
        number = self.world.tick()
        guid = str(uuid.UUID(int=number + (zlib.crc32(self.id.encode())) * (1 << 64)))
        if self.kind == "personal":
            entry_id = f"{self.id.upper()}!{number}"
        else:
            entry_id = "01" + base64.b32encode(f"{number:020d}".encode()).decode().rstrip("=")
        entry = Entry(entry_id, guid.upper(), name, parent, folder)
        self.entries[entry_id] = entry
        for one in [*reversed(self.above(entry)), entry]:
            one.sequence = self.world.tick()
        return entry


class World:
    """All drives, one lock and one clock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.sequence = 0
        self._began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)
        self.drives: dict[str, DriveState] = {}

    def tick(self) -> int:
        self.sequence += 1
        return self.sequence

    def time(self, sequence: int) -> str:
        """When something happened, as Graph writes it."""
        return f"{self._began + datetime.timedelta(seconds=sequence):%Y-%m-%dT%H:%M:%SZ}"

    def add_drive(
        self, kind: Literal["personal", "business"], drive_id: str, owner: str
    ) -> DriveState:
        self.drives[drive_id] = drive = DriveState(self, kind, drive_id, owner)
        return drive


def check_name(name: str, *, in_library_root: bool = False) -> None:
    """Refuse what OneDrive does not take.

    https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa
    """
    if (
        not name
        or len(name) > 255
        or _FORBIDDEN.search(name)
        or name != name.strip()
        or name.endswith(".")
        or name.startswith("~")
        or _RESERVED.fullmatch(name)
        or "_vti_" in name.lower()
        or (in_library_root and name.lower() == "forms")
    ):
        raise ApiError(400, "invalidRequest", "invalidPath")
