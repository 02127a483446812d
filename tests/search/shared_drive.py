"""A drive in memory with people, whose change feed says no more than it must.

Belongs here: the drive, its feed, faults. Does not belong here: what the index
should make of it (the tests).

A folder that is moved, shared or trashed is told with the folder alone, and a
change of readers may not be told at all, as with the drives of the world.
"""

from __future__ import annotations

import dataclasses
import datetime
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from jarvis_dagster.errors import BadInputError, TokenExpiredError
from jarvis_dagster.services.client_storage.drive import (
    Changes,
    Drive,
    DriveFile,
    Page,
    Permission,
    Quota,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["CrashError", "SharedDrive"]

_EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class CrashError(BaseException):
    """The process dies here; nothing may catch it."""


@dataclasses.dataclass
class _Node:
    id: str
    name: str
    parent: str
    content: bytes | None = None
    version: int = 1
    grants: list[Permission] = dataclasses.field(default_factory=list)


class SharedDrive(Drive):
    """Use :attr:`nodes` through the methods below; ids never change."""

    can_share: ClassVar[bool] = True

    def __init__(self, *, tells_sharing: bool = True, page: int = 200) -> None:
        self.nodes: dict[str, _Node] = {}
        self.members: list[Permission] = []
        self.tells_sharing = tells_sharing
        self.calls: Counter[str] = Counter()
        self.before: Callable[[str, str], None] = lambda _method, _file_id: None
        self.expired = False
        self._page = page
        self._feed: list[str] = []
        self._number = 0

    # What people do.

    def add(self, name: str, content: bytes | None = None, parent: str = "") -> str:
        self._number += 1
        node = _Node(f"id{self._number}", name, parent, content)
        self.nodes[node.id] = node
        self._feed.append(node.id)
        return node.id

    def write(self, file_id: str, content: bytes) -> None:
        node = self.nodes[file_id]
        node.content, node.version = content, node.version + 1
        self._feed.append(file_id)

    def place(self, file_id: str, *, parent: str | None = None, name: str | None = None) -> None:
        node = self.nodes[file_id]
        node.parent = node.parent if parent is None else parent
        node.name = name or node.name
        self._feed.append(file_id)

    def grant(
        self,
        file_id: str,
        who: str,
        kind: str = "person",
        expires: datetime.datetime | None = None,
        role: str = "reader",
    ) -> None:
        permission = Permission(f"p-{who}", kind, who, role, expires)  # type: ignore[arg-type]
        self.nodes[file_id].grants.append(permission)
        if self.tells_sharing:
            self._feed.append(file_id)

    def revoke(self, file_id: str) -> None:
        self.nodes[file_id].grants.clear()
        if self.tells_sharing:
            self._feed.append(file_id)

    def delete(self, file_id: str) -> None:
        for child in [node.id for node in self.nodes.values() if node.parent == file_id]:
            self._forget(child)
        del self.nodes[file_id]
        self._feed.append(file_id)

    def _forget(self, file_id: str) -> None:
        for child in [node.id for node in self.nodes.values() if node.parent == file_id]:
            self._forget(child)
        del self.nodes[file_id]

    def is_below(self, file_id: str, folder_id: str) -> bool:
        while file_id:
            if file_id == folder_id:
                return True
            file_id = self.nodes[file_id].parent
        return False

    # What the provider answers.

    def _called(self, method: str, file_id: str = "") -> None:
        self.calls[method] += 1
        self.before(method, file_id)

    def _file(self, node: _Node) -> DriveFile:
        parts, parent = [node.name], node.parent
        while parent:
            parts.append(self.nodes[parent].name)
            parent = self.nodes[parent].parent
        return DriveFile(
            id=node.id,
            path=unicodedata.normalize("NFC", "/".join(reversed(parts))),
            size=len(node.content or b""),
            version="" if node.content is None else str(node.version),
            modified=_EPOCH + datetime.timedelta(seconds=node.version),
            media_type="" if node.content is None else "text/plain",
            is_folder=node.content is None,
            parent_id=node.parent,
        )

    def list(
        self,
        folder_id: str | None = None,
        *,
        recursive: bool = False,
        page_token: str | None = None,
        page_size: int = 200,
    ) -> Page:
        self._called("list", folder_id or "")
        nodes = [
            node
            for node in self.nodes.values()
            if (node.parent == (folder_id or ""))
            or (recursive and node.id != folder_id and self.is_below(node.id, folder_id or ""))
            or (recursive and folder_id is None)
        ]
        start = int(page_token or 0)
        files = tuple(self._file(node) for node in nodes[start : start + page_size])
        more = start + page_size < len(nodes)
        return Page(files, str(start + page_size) if more else None)

    def stat(self, file_id: str) -> DriveFile | None:
        self._called("stat", file_id)
        return self._file(self.nodes[file_id]) if file_id in self.nodes else None

    def start_token(self) -> str:
        self._called("start_token")
        return str(len(self._feed))

    def changes(self, token: str, *, limit: int = 200) -> Changes:
        self._called("changes")
        if self.expired:
            raise TokenExpiredError("The token is too old.")
        start = int(token)
        end = min(start + min(limit, self._page), len(self._feed))
        told = dict.fromkeys(self._feed[start:end])
        return Changes(
            tuple(self._file(self.nodes[file_id]) for file_id in told if file_id in self.nodes),
            tuple(file_id for file_id in told if file_id not in self.nodes),
            str(end),
            more=end < len(self._feed),
        )

    def download(
        self, file_id: str, path: Path, *, progress: Callable[[int, int], None] | None = None
    ) -> DriveFile:
        self._called("download", file_id)
        if file_id not in self.nodes:
            raise BadInputError(f"{file_id} is gone.")
        node = self.nodes[file_id]
        path.write_bytes(node.content or b"")
        return self._file(node)

    def permissions(self, file_id: str) -> Sequence[Permission]:
        self._called("permissions", file_id)
        if file_id not in self.nodes:
            raise BadInputError(f"{file_id} is gone.")
        node = self.nodes[file_id]
        found = [Permission("", "person", "owner@club.org", "owner"), *node.grants]
        while node.parent:
            node = self.nodes[node.parent]
            found += [dataclasses.replace(grant, inherited=True) for grant in node.grants]
        return [*found, *(dataclasses.replace(one, inherited=True) for one in self.members)]

    def check(self) -> None:
        self._called("check")

    def find(self, path: str) -> DriveFile | None:
        raise NotImplementedError

    def sha256(self, file_id: str) -> str:
        raise NotImplementedError

    def upload(self, *_: object, **__: object) -> DriveFile:
        raise NotImplementedError

    def create_folder(self, name: str, parent_id: str | None = None) -> DriveFile:
        raise NotImplementedError

    def move(self, *_: object, **__: object) -> DriveFile:
        raise NotImplementedError

    def trash(self, file_id: str, *, version: str | None = None) -> None:
        raise NotImplementedError

    def quota(self) -> Quota:
        raise NotImplementedError
