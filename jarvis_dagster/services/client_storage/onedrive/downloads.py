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
from jarvis_dagster.services.client_storage.onedrive.digests import Digests
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
        self, ref: Ref, write: Callable[[bytes], object], progress: Progress | None = None
    ) -> tuple[Item, str]:
        """Hand the content over in pieces.

        Returns:
            The item that they belong to, and their SHA-256 in hex.

        Raises:
            TransientError: the file changed meanwhile, or what came is damaged.
            NotSupportedError: it is a notebook, which has no content of its own.
        """
        item = self._tree.existing(ref)
        name, size = str(item["name"]), int(item.get("size") or 0)
        self._refuse_others(item, name)
        digests = Digests()
        try:
            while digests.size < size:
                self._graph.repeat(lambda: self._piece(ref, item, digests, write, progress, size))
            after = self._tree.get(ref)
            if after is None or version_of(after) != version_of(item):
                raise _ChangedError
        except _ChangedError:
            raise TransientError(
                f"{name} changed while it was fetched.", "Fetch it when it is complete."
            ) from None
        if digests.agree(after) is False:
            raise TransientError(f"{name} came damaged from OneDrive.", "Fetch it again.")
        if size == 0 and progress is not None:
            progress(0, 0)
        return after, digests.sha256

    def _refuse_others(self, item: Item, name: str) -> None:
        if is_package(item):
            raise NotSupportedError(
                f"{name} is a notebook, which has no content that can be fetched.",
                "Export it with OneNote, as a PDF for instance.",
            )
        if is_folder(item):
            raise BadInputError(f"{name} is a folder, not a file.")
        if "malware" in item:
            raise PermanentError(f"OneDrive holds {name} for harmful.", "Look at the file there.")

    def _piece(
        self,
        ref: Ref,
        item: Item,
        digests: Digests,
        write: Callable[[bytes], object],
        progress: Progress | None,
        size: int,
    ) -> None:
        """Fetch from where the content ends so far, as far as it goes."""
        name, start = str(item["name"]), digests.size
        if start >= size:
            return
        now = self._tree.get(ref)  # an address is good for minutes only
        if now is None or version_of(now) != version_of(item):
            raise _ChangedError
        end = min(start + _PIECE, size) - 1
        with self._graph.open(_url(now, name), name, {"Range": f"bytes={start}-{end}"}) as response:
            skip = _offset(response, start, size, name)
            try:
                for data in response.iter_content(CHUNK_BYTES):
                    fresh, skip = data[skip:], max(skip - len(data), 0)
                    fresh = fresh[: size - digests.size]
                    write(fresh)
                    digests.update(fresh)
                    if progress is not None and fresh:
                        progress(digests.size, size)
            except requests.RequestException as error:
                _broken(name, type(error).__name__)
        if digests.size <= end:
            _broken(name, "cut short")


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
