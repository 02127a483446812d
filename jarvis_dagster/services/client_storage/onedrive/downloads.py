"""Fetching the content of files.

Belongs here: pieces, resuming, and whether what came is what OneDrive has
(https://learn.microsoft.com/graph/api/driveitem-get-content). Does not belong
here: where it is put.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

import requests

from jarvis_dagster.errors import (
    BadInputError,
    NotSupportedError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.client_storage.onedrive.digests import Digests, hashes_of
from jarvis_dagster.services.client_storage.onedrive.faults import fault
from jarvis_dagster.services.client_storage.onedrive.items import (
    Item,
    Ref,
    is_folder,
    is_package,
    version_of,
)
from jarvis_dagster.services.files import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.client_storage.drive import Progress
    from jarvis_dagster.services.client_storage.onedrive.graph import Graph
    from jarvis_dagster.services.client_storage.onedrive.tree import Tree

__all__ = ["Downloads"]

_PIECE = 32 << 20  # each piece has its own attempts, so a long transfer outlasts many faults
_URL = "@microsoft.graph.downloadUrl"


class _ChangedError(Exception):
    """The file is no longer the one that the transfer began with."""


class Downloads:
    """Reads files piece by piece; a broken piece is continued where it broke."""

    def __init__(self, graph: Graph, tree: Tree) -> None:
        self._graph = graph
        self._tree = tree

    def fetch(
        self,
        item: Item,
        ref: Ref,
        write: Callable[[bytes], object] = lambda _: None,
        progress: Progress | None = None,
    ) -> tuple[Item, str]:
        """Hand the content over in pieces.

        Args:
            item: As it was looked at just now.

        Returns:
            The item that the pieces belong to, and their SHA-256 in hex.

        Raises:
            TransientError: the file changed meanwhile, or what came is damaged.
            NotSupportedError: it is a notebook, which has no content of its own.
        """
        name = str(item["name"])
        _refuse_others(item, name)
        transfer = _Transfer(self._graph, self._tree, item, ref, write, progress)
        try:
            after = transfer.run()
        except _ChangedError:
            raise TransientError(
                f"{name} changed while it was fetched.", "Fetch it when it is complete."
            ) from None
        if transfer.digests.agree(after) is False:
            raise TransientError(f"{name} came damaged from OneDrive.", "Fetch it again.")
        return after, transfer.digests.sha256


class _Transfer:
    """One file on its way, and how far it is."""

    def __init__(
        self,
        graph: Graph,
        tree: Tree,
        item: Item,
        ref: Ref,
        write: Callable[[bytes], object],
        progress: Progress | None,
    ) -> None:
        self.digests = Digests(hashes_of(item))
        self._graph = graph
        self._tree = tree
        self._version = version_of(item)
        self._size = int(item.get("size") or 0)
        self._name = str(item["name"])
        self._latest: Item | None = item
        self._ref = ref
        self._write = write
        self._progress = progress

    def run(self) -> Item:
        """Fetch everything; the item as it is afterwards."""
        while self.digests.size < self._size:
            self._graph.repeat(self._piece)
        if self._size == 0 and self._progress is not None:
            self._progress(0, 0)
        return self._look()

    def _look(self) -> Item:
        item = self._tree.get(self._ref)
        if item is None or version_of(item) != self._version:
            raise _ChangedError
        return item

    def _piece(self) -> None:
        """Fetch from where the content ends so far, as far as it goes."""
        item = self._latest or self._look()
        self._latest = None  # its address is good for minutes only: the next piece asks anew
        start = self.digests.size
        end = min(start + _PIECE, self._size) - 1
        span = {"Range": f"bytes={start}-{end}"}
        with self._graph.open(_url(item, self._name), self._name, span) as response:
            skip = _offset(response, start, self._size, self._name)
            try:
                for data in response.iter_content(CHUNK_BYTES):
                    self._take(data[skip:])
                    skip = max(skip - len(data), 0)
            except requests.RequestException as error:
                _broken(self._name, type(error).__name__)
        if self.digests.size <= end:
            _broken(self._name, "cut short")

    def _take(self, data: bytes) -> None:
        data = data[: self._size - self.digests.size]
        if not data:
            return
        self._write(data)
        self.digests.update(data)
        if self._progress is not None:
            self._progress(self.digests.size, self._size)


def _refuse_others(item: Item, name: str) -> None:
    if is_package(item):
        raise NotSupportedError(
            f"{name} is a notebook, which has no content that can be fetched.",
            "Export it with OneNote, as a PDF for instance.",
        )
    if is_folder(item):
        raise BadInputError(
            f"{name} is a folder, not a file.",
            "Give a file; `jarvis drive ls` lists what is there.",
        )
    if "malware" in item:
        raise PermanentError(f"OneDrive holds {name} for harmful.", "Look at the file there.")


def _url(item: Item, name: str) -> str:
    facts = item.get("remoteItem") or item
    url = facts.get(_URL) or item.get(_URL)
    if not isinstance(url, str):
        raise PermanentError(
            f"OneDrive gives no address to fetch {name} from.", "Ask its owner to allow downloads."
        )
    return url


def _offset(response: requests.Response, start: int, size: int, name: str) -> int:
    """How many bytes of the answer are known already."""
    status = response.status_code
    if status == 200:  # the range was ignored, which the service may do
        return start
    if status == 206:
        told = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if told is None or int(told[1]) != start:
            _broken(name, "another part")
        if told[2] not in ("*", str(size)):
            raise _ChangedError
        return 0
    if status == 416:
        raise _ChangedError
    if status in (401, 403, 404, 410):
        _broken(name, "the address expired")  # each attempt asks for a new one
    raise fault(status, response.headers, None, name)


def _broken(name: str, why: str) -> NoReturn:
    raise TransientError(f"The transfer of {name} broke off ({why}).", "Try again.")
