"""Putting files into OneDrive.

Belongs here: new files, new versions, and whether what arrived is what was
sent. Does not belong here: which name a file gets (``drive.py``), pieces
(``sessions.py``).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.client_storage.onedrive.faults import (
    ModifiedError,
    NameTakenError,
    NotFoundError,
)
from jarvis_dagster.services.client_storage.onedrive.items import (
    Item,
    Ref,
    is_folder,
    version_of,
)
from jarvis_dagster.services.client_storage.onedrive.sessions import Session, SessionLostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.client_storage.drive import Progress
    from jarvis_dagster.services.client_storage.known_hashes import KnownHashes
    from jarvis_dagster.services.client_storage.onedrive.config import OneDriveConfig
    from jarvis_dagster.services.client_storage.onedrive.downloads import Downloads
    from jarvis_dagster.services.client_storage.onedrive.graph import Graph
    from jarvis_dagster.services.client_storage.onedrive.sources import Source
    from jarvis_dagster.services.client_storage.onedrive.tree import Tree

__all__ = ["Uploads"]

_SMALL = 4 << 20  # what every kind of OneDrive takes in one request
_CONFLICT = "@microsoft.graph.conflictBehavior"
_SESSIONS = 3
_LOOKS = 5
_REWRITTEN = (".docx", ".docm", ".dotx", ".pptx", ".pptm", ".xlsx", ".xlsm", ".xltx")


class Uploads:
    """Sends files; a call whose answer is lost is not done twice."""

    def __init__(
        self,
        config: OneDriveConfig,
        graph: Graph,
        tree: Tree,
        downloads: Downloads,
        remembered: KnownHashes,
    ) -> None:
        self._graph = graph
        self._tree = tree
        self._downloads = downloads
        self._remembered = remembered
        self._chunk = config.chunk_kib * 1024

    def create(self, folder: Ref, name: str, source: Source, progress: Progress | None) -> Item:
        """Put a new file into a folder.

        Raises:
            NameTakenError: the folder has other content of that name.
        """
        link = f"{self._tree.child_link(folder, name)}:"

        def landed() -> Item | None:
            item = self._tree.child(folder, name)
            return item if item is not None and self.same(item, folder, source) else None

        try:
            if source.size <= min(_SMALL, self._chunk):
                item = self._put(f"{link}/content?{_CONFLICT}=fail", name, source, {}, progress)
            else:
                item = self._in_pieces(link, name, source, "fail", {}, progress, landed)
        except NameTakenError:
            there = landed()
            if there is None:
                raise
            return there
        return self._verified(item, self._tree.ref(item, folder), source, new=True)

    def replace(
        self, ref: Ref, version: str, source: Source, progress: Progress | None
    ) -> Item | None:
        """Put new content into a file; None if the file has not that version, or is gone."""
        for _ in range(_LOOKS):
            item = self._tree.get(ref)
            if item is None or is_folder(item):
                return None
            target = self._tree.behind(item, ref)
            if version_of(item) != version:
                # It may have been this very content: its answer was lost.
                return item if self.same(item, ref, source) else None
            try:
                done = self._over(target, item, source, progress)
            except (ModifiedError, NotFoundError):
                continue  # a new name or reader is no new content: look again
            item = self._verified(done, target, source, new=False)
            return item if target == ref else self._tree.existing(ref)
        raise TransientError(f"{source.path.name} is changed all the time.", "Try again later.")

    def same(self, item: Item, beside: Ref, source: Source) -> bool:
        """Whether an item has the content of a file, beyond doubt.

        QuickXorHash does not tell apart what was only swapped about, so
        equal ones are compared by SHA-256, which may have to fetch the file.
        """
        if is_folder(item) or source.agree(item) is False:
            return False
        return self.sha256(item, self._tree.ref(item, beside)) == source.sha256

    def sha256(self, item: Item, ref: Ref) -> str:
        """The SHA-256 of an item's content in hex."""
        told = ((item.get("file") or {}).get("hashes") or {}).get("sha256Hash")
        known = str(told).lower() if told else self._remembered.get(ref.id, version_of(item))
        if known is None:
            item, known = self._downloads.fetch(item, ref)
            self._remembered.put(ref.id, version_of(item), known)
        return known

    def _over(self, ref: Ref, item: Item, source: Source, progress: Progress | None) -> Item:
        """Replace the content of what is still as it was seen."""
        name, link = str(item["name"]), self._tree.link(ref)
        tag = (item.get("remoteItem") or item).get("eTag")
        condition = {"if-match": str(tag)} if tag else {}
        if source.size <= min(_SMALL, self._chunk):
            return self._put(f"{link}/content", name, source, condition, progress)

        def landed() -> Item | None:
            now = self._tree.get(ref)
            return now if now is not None and self.same(now, ref, source) else None

        def unchanged() -> None:
            now = self._tree.get(ref)
            if now is None or version_of(now) != version_of(item):
                raise ModifiedError(
                    f"{name} was changed by somebody else.", "Look at what it is now."
                )

        return self._in_pieces(
            link, name, source, "replace", condition, progress, landed, before_last=unchanged
        )

    def _put(
        self,
        link: str,
        name: str,
        source: Source,
        headers: dict[str, str],
        progress: Progress | None,
    ) -> Item:
        content = source.read(0, source.size)
        source.check()
        item = self._graph.call("PUT", link, name, content=content, headers=headers)
        if progress is not None:
            progress(source.size, source.size)
        return item

    def _in_pieces(
        self,
        link: str,
        name: str,
        source: Source,
        conflict: str,
        headers: dict[str, str],
        progress: Progress | None,
        landed: Callable[[], Item | None],
        before_last: Callable[[], None] = lambda: None,
    ) -> Item:
        facts: dict[str, object] = {_CONFLICT: conflict}
        if self._tree.known.personal:
            facts["fileSize"] = source.size  # then a full drive is told before the transfer
        for _ in range(_SESSIONS):
            answer = self._graph.call(
                "POST", f"{link}/createUploadSession", name, body={"item": facts}, headers=headers
            )
            session = Session(self._graph, str(answer.get("uploadUrl")), source, self._chunk)
            try:
                return session.send(progress, before_last)
            except SessionLostError:
                item = landed()  # the answer to the last piece may have been lost
                if item is not None:
                    return item
        raise TransientError(f"OneDrive forgets the transfer of {name}.", "Try again later.")

    def _verified(self, answer: Item, ref: Ref, source: Source, *, new: bool) -> Item:
        """The item with all its facts, if it holds what was sent.

        Raises:
            TransientError: it does not; a new file was taken away again.
        """
        item = self._tree.get(ref)
        if item is None or (answer.get("cTag") and item.get("cTag") != answer.get("cTag")):
            item = {**(item or {}), **answer}  # somebody was quick to change it
        name = str(item.get("name"))
        agrees = source.agree(item)
        if agrees is None:
            item, sha256 = self._downloads.fetch(item, ref)
            agrees = sha256 == source.sha256
        if not agrees and not self._is_rewritten(name):
            if new:
                self._take_away(item, ref)
            raise TransientError(f"{name} arrived damaged in OneDrive.", "Send it again.")
        if agrees:
            self._remembered.put(ref.id, version_of(item), source.sha256)
        return item

    def _take_away(self, item: Item, ref: Ref) -> None:
        """Trash what arrived damaged, unless somebody has changed it since."""
        condition = {"if-match": str(item["eTag"])} if item.get("eTag") else {}
        with contextlib.suppress(ModifiedError, NotFoundError):
            self._graph.call("DELETE", self._tree.link(ref), str(item["name"]), headers=condition)

    def _is_rewritten(self, name: str) -> bool:
        """SharePoint writes its own properties into office documents as they arrive."""
        return not self._tree.known.personal and name.lower().endswith(_REWRITTEN)
