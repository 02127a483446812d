"""A drive in memory that behaves like each of the providers where they differ.

Belongs here: the reference drive of the synchronisation's tests, its faults and
its ledger. Does not belong here: what is expected of a synchronisation.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import itertools
import unicodedata
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, ConflictError, NotSupportedError
from jarvis_dagster.services.client_storage import Changes, Drive, DriveFile, Page, Quota
from jarvis_dagster.services.client_storage.names import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import Progress

__all__ = ["Crash", "MemoryDrive"]


class Crash(BaseException):
    """The process ends here."""


@dataclasses.dataclass
class _Item:
    id: str
    name: str
    parent: str  # "" is the root
    content: bytes | None  # None is a folder
    version: int
    modified: datetime.datetime
    serial: int
    trashed: bool = False


class MemoryDrive(Drive):
    """Files in memory.

    Args:
        hashes: The listing tells SHA-256, as Google Drive's does.
        case_sensitive: ``A.txt`` and ``a.txt`` are two files.
        twins: Somebody else may make two files of one name, as in Google Drive;
            what this interface does stays within its promises.
        new_ids: A replaced file gets a new id, as in iCloud Drive.
        versions_move: A move makes a new version.
        tame: Names become what a folder of this machine can hold.
    """

    def __init__(
        self,
        *,
        hashes: bool = False,
        case_sensitive: bool = True,
        new_ids: bool = False,
        versions_move: bool = False,
        tame: bool = False,
    ) -> None:
        self.tame = tame
        self.hashes = hashes
        self.case_sensitive = case_sensitive
        self.new_ids = new_ids
        self.versions_move = versions_move
        self.items: dict[str, _Item] = {}
        self.serial = itertools.count(1)
        self.calls: list[str] = []
        self.before: Callable[[str, str], None] = lambda name, what: None
        self.after: Callable[[str, str], None] = lambda name, what: None
        self.hidden: set[str] = set()  # paths that listings leave out

    # -- what a person does ----------------------------------------------------

    def put(self, path: str, content: bytes, *, twin: bool = False, touch: bool = True) -> str:
        """Write a file, in place where there is one; returns its id."""
        folder = self._make_folders(path)
        name = self._held(path.rpartition("/")[2])
        item = None if twin else self._child(folder, name)
        if item is None:
            return self._add(folder, name, content).id
        item.content = content
        self._touch(item)
        return item.id

    def mkdir(self, path: str) -> str:
        """Make a folder and those above it."""
        return self._make_folders(f"{path}/x")

    def rm(self, path: str) -> None:
        """Delete a file, or a folder with what is in it."""
        self._at(path).trashed = True

    def rename(self, path: str, new: str) -> None:
        """Move a file or folder."""
        item = self._at(path)
        item.parent = self._make_folders(new)
        item.name = self._held(new.rpartition("/")[2])

    def may_hold(self, path: str, *, is_file: bool) -> bool:
        """Whether a file or folder may be put there: nothing on the way is of the other kind."""
        folder = ""
        *above, last = path.split("/")
        for name in above:
            child = self._child(folder, self._held(name))
            if child is None:
                return True
            if child.content is not None:
                return False
            folder = child.id
        child = self._child(folder, self._held(last))
        return child is None or (child.content is not None) is is_file

    def is_free(self, path: str, *, below: str) -> bool:
        """Whether what is at ``below`` can be moved to a path, which is not in it."""
        moved, folder = self._at(below), ""
        *above, last = path.split("/")
        for name in above:
            child = self._child(folder, self._held(name))
            if child is None:
                return True
            if child.content is not None or child is moved:
                return False
            folder = child.id
        return self._child(folder, self._held(last)) in (None, moved)

    def files(self) -> dict[str, bytes]:
        """The content of each file by its path, without markers of synchronisation."""
        return {
            path: item.content
            for path, item in self._walk("")
            if item.content is not None and not path.startswith("jarvis-sync-")
        }

    def tree(self) -> dict[str, bytes | None]:
        """The same with folders, whose content is None."""
        return {
            path: item.content
            for path, item in self._walk("")
            if not path.startswith("jarvis-sync-")
        }

    def all_files(self) -> list[tuple[str, bytes]]:
        """Every file, with those of one name."""
        return sorted(
            (path, item.content)
            for path, item in self._walk("")
            if item.content is not None and not path.startswith("jarvis-sync-")
        )

    def all_files_by_id(self) -> dict[str, tuple[str, bytes]]:
        """Path and content of every file."""
        return {
            item.id: (path, item.content)
            for path, item in self._walk("")
            if item.content is not None and not path.startswith("jarvis-sync-")
        }

    # -- the interface -----------------------------------------------------------

    def list(
        self,
        folder_id: str | None = None,
        *,
        recursive: bool = False,
        page_token: str | None = None,
        page_size: int = 200,
    ) -> Page:
        with self._call("list", page_token or ""):
            start = self._path(self._folder(folder_id)) if folder_id else ""
            found = [
                self._file(item)
                for path, item in self._walk(folder_id or "", f"{start}/" if start else "")
                if path not in self.hidden and (recursive or item.parent == (folder_id or ""))
            ]
            begin = int(page_token or 0)
            more = begin + page_size < len(found)
            return Page(
                tuple(found[begin : begin + page_size]), str(begin + page_size) if more else None
            )

    def stat(self, file_id: str) -> DriveFile | None:
        with self._call("stat", file_id):
            item = self.items.get(file_id)
            return None if item is None or self._is_gone(item) else self._file(item)

    def find(self, path: str) -> DriveFile | None:
        with self._call("find", path):
            with contextlib.suppress(KeyError):
                return self._file(self._at(path))
            return None

    def sha256(self, file_id: str) -> str:
        with self._call("sha256", file_id):
            return hashlib.sha256(self._content(file_id)).hexdigest()

    def download(self, file_id: str, path: Path, *, progress: Progress | None = None) -> DriveFile:
        with self._call("download", file_id):
            path.write_bytes(self._content(file_id))
            return self._file(self.items[file_id])

    def upload(
        self,
        path: Path,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        replace: DriveFile | None = None,
        exact: bool = False,
        progress: Progress | None = None,
    ) -> DriveFile:
        content = path.read_bytes()
        name = unicodedata.normalize("NFC", self._held(name or path.name))
        with self._call("upload", name):
            folder = self._folder(folder_id) if folder_id else ""
            there = self._child(folder, name)
            if there is not None and there.content == content:
                return self._file(there)
            if replace is not None:
                item = self.items.get(replace.id)
                there_still = item is not None and not self._is_gone(item)
                if there_still and self._version(item) == replace.version:
                    return self._file(self._replaced(item, content))
                if exact:
                    raise ConflictError(f"{replace.path} was changed.")
            if there is not None:
                if exact:
                    raise ConflictError(f"There is another {name}.")
                name = self._free(folder, name)
            return self._file(self._add(folder, name, content))

    def create_folder(self, name: str, parent_id: str | None = None) -> DriveFile:
        name = unicodedata.normalize("NFC", self._held(name))
        with self._call("create_folder", name):
            parent = self._folder(parent_id) if parent_id else ""
            there = self._child(parent, name)
            if there is not None and there.content is None:
                return self._file(there)
            if there is not None:
                raise BadInputError(f"{name} is a file.")
            return self._file(self._add(parent, name, None))

    def move(
        self,
        file_id: str,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        exact: bool = False,
    ) -> DriveFile:
        with self._call("move", f"{file_id} {name}"):
            item = self._existing(file_id)
            folder = self._folder(folder_id) if folder_id else ""
            name = unicodedata.normalize("NFC", self._held(name or item.name))
            there = self._child(folder, name)
            if there is not None and there is not item:
                if exact:
                    raise ConflictError(f"There is another {name}.")
                name = self._free(folder, name)
            item.parent, item.name = folder, name
            if self.versions_move:
                item.version += 1
            return self._file(item)

    def trash(self, file_id: str, *, version: str | None = None) -> None:
        with self._call("trash", file_id):
            item = self._existing(file_id)
            if version is not None and self._version(item) != version:
                raise ConflictError(f"{item.name} was changed.")
            item.trashed = True

    def start_token(self) -> str:
        raise NotSupportedError("There is no feed.")

    def changes(self, token: str, *, limit: int = 200) -> Changes:
        raise NotSupportedError("There is no feed.")

    def check(self) -> None:
        pass

    def quota(self) -> Quota:
        return Quota(sum(len(item.content or b"") for item in self.items.values()), None)

    # -- inside ------------------------------------------------------------------

    @contextlib.contextmanager
    def _call(self, name: str, what: str) -> Iterator[None]:
        self.calls.append(name)
        self.before(name, what)
        yield
        self.after(name, what)

    def _walk(self, folder: str, prefix: str = "") -> Iterator[tuple[str, _Item]]:
        children = [i for i in self.items.values() if i.parent == folder and not i.trashed]
        for item in sorted(children, key=lambda item: (item.name, item.serial)):
            yield prefix + item.name, item
            if item.content is None:
                yield from self._walk(item.id, f"{prefix}{item.name}/")

    def _path(self, folder: str) -> str:
        item = self.items[folder]
        return f"{self._path(item.parent)}/{item.name}" if item.parent else item.name

    def _is_gone(self, item: _Item) -> bool:
        return item.trashed or (bool(item.parent) and self._is_gone(self.items[item.parent]))

    def _existing(self, file_id: str) -> _Item:
        item = self.items.get(file_id)
        if item is None or self._is_gone(item):
            raise BadInputError(f"{file_id} does not exist.")
        return item

    def _folder(self, folder_id: str) -> str:
        if self._existing(folder_id).content is not None:
            raise BadInputError(f"{folder_id} is not a folder.")
        return folder_id

    def _content(self, file_id: str) -> bytes:
        content = self._existing(file_id).content
        if content is None:
            raise BadInputError(f"{file_id} is a folder.")
        return content

    def _held(self, name: str) -> str:
        """The name as this drive holds it."""
        return visible(name) if self.tame else name

    def _same(self, one: str, another: str) -> bool:
        one, another = (unicodedata.normalize("NFC", name) for name in (one, another))
        if not self.case_sensitive:
            one, another = one.casefold(), another.casefold()
        return one == another

    def _child(self, folder: str, name: str) -> _Item | None:
        found = [
            item
            for item in self.items.values()
            if item.parent == folder and not item.trashed and self._same(item.name, name)
        ]
        return min(found, key=lambda item: item.serial, default=None)

    def _free(self, folder: str, name: str) -> str:
        for number in itertools.count(2):
            if self._child(folder, f"{name} ({number})") is None:
                return f"{name} ({number})"
        raise AssertionError

    def _make_folders(self, path: str) -> str:
        folder = ""
        for name in path.split("/")[:-1]:
            child = self._child(folder, self._held(name))
            folder = (child or self._add(folder, self._held(name), None)).id
        return folder

    def _at(self, path: str) -> _Item:
        folder, item = "", None
        for name in path.split("/"):
            item = self._child(folder, name)
            if item is None:
                raise KeyError(path)
            folder = item.id
        assert item is not None
        return item

    def _add(self, folder: str, name: str, content: bytes | None) -> _Item:
        serial = next(self.serial)
        now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        item = _Item(f"id{serial}", name, folder, content, 1, now, serial)
        self.items[item.id] = item
        return item

    def _replaced(self, item: _Item, content: bytes) -> _Item:
        if self.new_ids:
            item.trashed = True
            return self._add(item.parent, item.name, content)
        item.content = content
        self._touch(item)
        return item

    def _touch(self, item: _Item) -> None:
        item.version += 1

    def _version(self, item: _Item) -> str:
        return f"v{item.version}"

    def _file(self, item: _Item) -> DriveFile:
        folder = item.content is None
        return DriveFile(
            id=item.id,
            path=unicodedata.normalize("NFC", self._path(item.id)),
            size=len(item.content or b""),
            version="" if folder else self._version(item),
            modified=item.modified,
            media_type="" if folder else "application/octet-stream",
            is_folder=folder,
            sha256=hashlib.sha256(item.content).hexdigest()
            if self.hashes and item.content is not None
            else "",
            parent_id=item.parent,
        )
