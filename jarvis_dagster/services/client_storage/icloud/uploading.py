"""A file's way into iCloud Drive: sent, checked, named, and in the place of another.

Belongs here: the order of these steps. Does not belong here: how any of them
is done (``transfer.py``, ``changing.py``).

A file is sent under a name that the listing leaves out, checked, and named
when it is right: whoever looks sees all of it or nothing. iCloud cannot
replace a content, so the new file is first named beside the old one, then the
old one is thrown away, then the new one gets its name. Whatever stops this,
one of them is there.
"""

from __future__ import annotations

import contextlib
import datetime
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, ConflictError, JarvisError, TransientError
from jarvis_dagster.services.client_storage.icloud.conflicts import changed, taken
from jarvis_dagster.services.client_storage.icloud.faults import GoneError
from jarvis_dagster.services.client_storage.icloud.names import is_interim
from jarvis_dagster.services.client_storage.icloud.nodes import NO_DATE
from jarvis_dagster.services.client_storage.icloud.tree import oldest
from jarvis_dagster.services.client_storage.local_tree import disk_errors
from jarvis_dagster.services.client_storage.names import numbered, visible
from jarvis_dagster.services.files import readable_file, sha256_file

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import DriveFile, Progress
    from jarvis_dagster.services.client_storage.icloud.changing import Changer
    from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig
    from jarvis_dagster.services.client_storage.icloud.nodes import Node
    from jarvis_dagster.services.client_storage.icloud.transfer import Transfer
    from jarvis_dagster.services.client_storage.icloud.tree import ICloudTree
    from jarvis_dagster.services.client_storage.icloud.unfinished import Unfinished
    from jarvis_dagster.services.client_storage.known_hashes import KnownHashes

__all__ = ["Uploader"]

_ABANDONED = datetime.timedelta(days=1)


class Uploader:
    """Puts files into folders.

    Args:
        unfinished: Notes what is under way.
        naming: Held while a free name is looked for and taken.
    """

    def __init__(
        self,
        tree: ICloudTree,
        changer: Changer,
        transfer: Transfer,
        hashes: KnownHashes,
        unfinished: Unfinished,
        naming: threading.RLock,
        config: ICloudDriveConfig,
    ) -> None:
        self._tree = tree
        self._changer = changer
        self._transfer = transfer
        self._hashes = hashes
        self._unfinished = unfinished
        self._naming = naming
        self._checks_content = config.verify_uploads == "content"

    def upload(
        self,
        path: Path,
        folder_id: str | None,
        name: str | None,
        *,
        replace: DriveFile | None,
        exact: bool,
        progress: Progress | None,
    ) -> Node:
        """See :meth:`Drive.upload`."""
        path = readable_file(path)
        self._unfinished.settle()
        name = visible(name or path.name)
        folder = self._tree.folder(folder_id)
        before, digest = path.stat(), sha256_file(path)
        found = self._tree.children(folder)
        there = oldest(found, name)
        if there is not None and self._has_content(there, before.st_size, digest):
            return there
        old = None if replace is None else self._still(replace)
        if exact and replace is not None and old is None:
            raise changed(replace.path)
        if exact and replace is None and there is not None:
            raise taken(name, folder)
        home = folder if old is None or old.parent is None else old.parent
        self._remove_abandoned(found)
        with _unchanged(path, before):
            sent = self._transfer.send(path, home, old.name if old else name, progress)
        with self._unfinished.noted(sent, old):
            with _unchanged(path, before):
                self._check(sent, digest, before.st_size)
            with self._naming:
                if old is None:
                    node = self._changer.name_in(sent, name, exact=exact)
                else:
                    node = self._take_place(sent, old, exact=exact)
        told = node.describe()
        self._hashes.put(told.id, told.version, digest)
        return node

    def _take_place(self, sent: Node, old: Node, *, exact: bool) -> Node:
        """Name the new file beside the old one, throw that away, take its name."""
        beside = self._changer.name_in(sent, numbered(old.name, 2))
        try:
            self._changer.trash(old, version=old.version)
        except (ConflictError, GoneError):
            if exact:
                self._changer.trash(beside)
                raise changed(old.path) from None
            return beside  # as any other file that came second
        try:
            return self._changer.name_in(beside, old.name, exact=True)
        except ConflictError:  # somebody else took the name just now; nothing is lost
            return beside

    def _still(self, file: DriveFile) -> Node | None:
        """The file if it has not changed since it was looked at."""
        node = self._tree.locate(file.id)
        return node if node is not None and node.version == file.version else None

    def _has_content(self, node: Node, size: int, digest: str) -> bool:
        if node.is_folder or node.size != size:
            return False
        file = node.describe()
        known = self._hashes.get(file.id, file.version)
        if known is None:
            known = self._transfer.fetch(node, None)
            now = self._tree.again(node)
            if now is None or now.version != node.version:
                return False
            self._hashes.put(file.id, file.version, known)
        return known == digest

    def _check(self, sent: Node, digest: str, size: int) -> None:
        """What arrived is what was sent; looked at twice, as fetching can fail as well."""
        if sent.size == size:
            if not self._checks_content:
                return
            if digest in (self._transfer.fetch(sent, None) for _ in range(2)):
                return
        raise TransientError(f"{sent.path} arrived damaged.", "Send it again.")

    def _remove_abandoned(self, found: list[Node]) -> None:
        """Throw away what uploads left that were killed a day ago or more."""
        latest = datetime.datetime.now(datetime.UTC) - _ABANDONED
        for node in found:
            # Without a date it may be an upload that is under way just now.
            if is_interim(node.name) and NO_DATE < node.created < latest:
                # An upload that is under way somewhere else may take it just now.
                with contextlib.suppress(GoneError, ConflictError):
                    self._changer.trash(node)


@contextlib.contextmanager
def _unchanged(path: Path, before: os.stat_result) -> Iterator[None]:
    """Whatever goes wrong with a file that is still being written, that is the reason."""
    failure: JarvisError | None = None
    try:
        with disk_errors(str(path)):
            yield
    except JarvisError as error:
        failure = error
    if not path.exists() or _key(path.stat()) != _key(before):
        raise BadInputError(f"{path} changed while it was sent.", "Send it when it is complete.")
    if failure is not None:
        raise failure


def _key(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
