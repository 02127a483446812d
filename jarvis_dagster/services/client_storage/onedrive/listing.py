"""What is in a folder, and in those below.

Belongs here: pages, whole listings, and whether one is whole. Does not belong
here: what changed since a token (``feed.py``).
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import zlib
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, TokenExpiredError, TransientError
from jarvis_dagster.services.client_storage.drive import DriveFile, Page, is_temporary
from jarvis_dagster.services.client_storage.onedrive.faults import MalformedError, NotFoundError
from jarvis_dagster.services.client_storage.onedrive.items import Item, Ref, is_folder, to_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.client_storage.onedrive.feed import Feed
    from jarvis_dagster.services.client_storage.onedrive.graph import Graph
    from jarvis_dagster.services.client_storage.onedrive.tree import Tree

__all__ = ["Listing"]

_LARGEST_PAGE = 1000
_ROUNDS = 5


@dataclasses.dataclass(frozen=True)
class _Folder:
    """A folder to list.

    Attributes:
        id: As a file of the drive has it; empty for the root.
        prefix: What the paths of its files begin with.
    """

    ref: Ref
    id: str
    prefix: str


class Listing:
    """Lists folders level by level, each in the service's order."""

    def __init__(self, graph: Graph, tree: Tree, feed: Feed) -> None:
        self._graph = graph
        self._tree = tree
        self._feed = feed

    def page(self, folder_id: str | None, *, recursive: bool, token: str | None, size: int) -> Page:
        """See ``Drive.list``. The token holds the folders that are still to be listed."""
        waiting, link = ([self._top(folder_id)], None) if token is None else _decode(token)
        files: list[DriveFile] = []
        while waiting and not files:
            try:
                found, link = self._children(waiting[0], link, size)
            except NotFoundError:
                if token is None and waiting[0].id == (folder_id or ""):
                    raise
                found, link = [], None  # removed since the folder above was read
            files = [file for file, _ in found]
            if recursive:
                waiting += [below for _, below in found if below is not None]
            if link is None:
                waiting.pop(0)
        return Page(tuple(files), _encode(waiting, link) if waiting else None)

    def whole(self, folder_id: str | None, *, recursive: bool) -> Iterator[DriveFile]:
        """Everything, or an error.

        While somebody writes, pages of children may skip a file that moved to a
        page or folder that was read already. So the feed of changes is asked
        afterwards, and folders that something happened to are listed again.
        Folders of other drives are not in the feed: they are listed once.

        Raises:
            TransientError: it changes faster than it can be listed.
        """
        if not recursive:
            page = self.page(folder_id, recursive=False, token=None, size=_LARGEST_PAGE)
            if page.next_token is None:  # one answer is of one moment
                return iter(page.files)
        token = self._feed.start()
        top = self._top(folder_id)
        found: _Found = {}
        self._walk(found, top, recursive=recursive)
        for _ in range(_ROUNDS):
            touched, token = self._feed.touched(token)
            again = [entry for entry in _reached(found, top) if _concerns(touched, *entry)]
            if not again:
                return (file for _, held in _reached(found, top) for file, _ in held)
            for folder, _ in again:
                self._walk(found, folder, recursive=recursive)
        raise TransientError("The drive changes faster than it can be listed.", "List later.")

    def _walk(self, found: _Found, top: _Folder, *, recursive: bool) -> None:
        """List a folder, and those below that are not known under this path."""
        waiting = [top]
        while waiting:
            folder = waiting.pop(0)
            held: _Held = []
            link: str | None = None
            try:
                while True:
                    more, link = self._children(folder, link, _LARGEST_PAGE)
                    held += more
                    if link is None:
                        break
            except NotFoundError:
                if not found:
                    raise
                found.pop(folder, None)  # removed since the folder above was read
                continue
            found[folder] = held
            if recursive:
                waiting += [below for _, below in held if below is not None and below not in found]

    def _children(self, folder: _Folder, link: str | None, size: int) -> tuple[_Held, str | None]:
        first = f"{self._tree.link(folder.ref)}/children?$top={max(1, min(size, _LARGEST_PAGE))}"
        try:
            answer = self._graph.call("GET", link or first, "the listing")
        except (TokenExpiredError, MalformedError):
            if link is None:
                raise
            raise TransientError("OneDrive forgot where the listing was.", "List anew.") from None
        items = answer.get("value")
        if not isinstance(items, list):
            raise TransientError("The listing of OneDrive is damaged.", "Try again.")
        held: _Held = []
        for item in items:
            nested = bool(folder.ref.drive and item.get("remoteItem"))
            if "deleted" in item or nested or is_temporary(str(item.get("name"))):
                continue  # shortcuts of other people's drives could lead in circles
            described = self._described(item, folder)
            if described is not None:
                held.append(described)
        following = answer.get("@odata.nextLink")
        return held, self._graph.below(following) if following else None

    def _described(self, told: Item, folder: _Folder) -> tuple[DriveFile, _Folder | None] | None:
        ref = self._tree.ref(told, folder.ref)
        item = self._tree.filled(told, ref)
        if item is None:
            return None
        file = to_file(item, ref, f"{folder.prefix}{item['name']}", folder.id)
        if not is_folder(item):
            return file, None
        return file, _Folder(
            self._tree.behind(item, ref), ref.id, f"{folder.prefix}{item['name']}/"
        )

    def _top(self, folder_id: str | None) -> _Folder:
        ref = self._tree.folder(folder_id)
        if folder_id is None or ref.item == self._tree.known.root:
            return _Folder(ref, "", "")
        named = Ref.parse(folder_id)
        return _Folder(ref, folder_id, f"{self._tree.path(self._tree.existing(named), named)}/")


_Held = list[tuple[DriveFile, _Folder | None]]
"""The files of a folder, each with the folder that it is, if it is one."""

_Found = dict[_Folder, _Held]


def _reached(found: _Found, top: _Folder) -> Iterator[tuple[_Folder, _Held]]:
    """The folders that are still where they were listed, from the top."""
    waiting = [top]
    while waiting:
        folder = waiting.pop(0)
        if folder in found:
            yield folder, found[folder]
            waiting += [below for _, below in found[folder] if below is not None]


def _concerns(touched: dict[str, str], folder: _Folder, held: _Held) -> bool:
    """Whether something happened in a folder.

    Args:
        touched: What was changed, moved or deleted: the folder it is in, by its id.
    """
    if not touched or folder.ref.drive:
        return False
    return folder.ref.item in touched.values() or any(file.id in touched for file, _ in held)


def _encode(waiting: list[_Folder], link: str | None) -> str:
    folders = [[folder.ref.id, folder.id, folder.prefix] for folder in waiting]
    text = json.dumps([folders, link], separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(text.encode())).decode()


def _decode(token: str) -> tuple[list[_Folder], str | None]:
    try:
        content: Any = json.loads(zlib.decompress(base64.urlsafe_b64decode(token)))
        folders, link = content
        waiting = [_Folder(Ref.parse(ref), str(id_), str(prefix)) for ref, id_, prefix in folders]
        if not waiting or (link is not None and not str(link).startswith("/")):
            raise ValueError
    except (ValueError, TypeError, zlib.error, binascii.Error) as error:
        raise BadInputError(
            "The token of the listing is damaged.", "List from the start."
        ) from error
    return waiting, link
