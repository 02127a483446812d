"""OneDrive as a drive.

Belongs here: what the provider does, in terms of the parts of this package.
Does not belong here: how any of them does it; rules that all drives share.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from jarvis_dagster.errors import ConflictError, PermanentError
from jarvis_dagster.services.client_storage.drive import Drive, Quota
from jarvis_dagster.services.client_storage.known_hashes import KnownHashes
from jarvis_dagster.services.client_storage.names import numbered
from jarvis_dagster.services.client_storage.onedrive.auth import Tokens
from jarvis_dagster.services.client_storage.onedrive.downloads import Downloads
from jarvis_dagster.services.client_storage.onedrive.faults import NameTakenError
from jarvis_dagster.services.client_storage.onedrive.feed import Feed
from jarvis_dagster.services.client_storage.onedrive.graph import Graph
from jarvis_dagster.services.client_storage.onedrive.items import Ref
from jarvis_dagster.services.client_storage.onedrive.listing import Listing
from jarvis_dagster.services.client_storage.onedrive.moves import Moves
from jarvis_dagster.services.client_storage.onedrive.names import visible_name
from jarvis_dagster.services.client_storage.onedrive.searching import search
from jarvis_dagster.services.client_storage.onedrive.sharing import Sharing
from jarvis_dagster.services.client_storage.onedrive.sources import Source
from jarvis_dagster.services.client_storage.onedrive.tree import Tree
from jarvis_dagster.services.client_storage.onedrive.uploads import Uploads
from jarvis_dagster.services.files import atomic_path

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import (
        Changes,
        DriveFile,
        Page,
        Permission,
        Progress,
    )
    from jarvis_dagster.services.client_storage.onedrive.config import OneDriveConfig

__all__ = ["OneDrive"]

_MOST_NAMES = 1000


class OneDrive(Drive):
    """A OneDrive, or one folder of it, through Microsoft Graph; see docs/drives/onedrive.md.

    Names that differ in case alone are one name. An id is that of the service;
    what is behind a shortcut to somebody else's folder has an id of three parts.

    Args:
        state_dir: Where the session and known hashes are kept.
        sleep: Waits between attempts.
    """

    can_share: ClassVar[bool] = True
    can_search: ClassVar[bool] = True

    def __init__(
        self,
        config: OneDriveConfig,
        state_dir: Path,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._graph = Graph(config, Tokens(config, state_dir), sleep)
        self._tree = Tree(config, self._graph)
        self._feed = Feed(self._graph, self._tree)
        self._listing = Listing(self._graph, self._tree, self._feed)
        self._remembered = KnownHashes(state_dir / "hashes.sqlite")
        self._downloads = Downloads(self._graph, self._tree)
        self._uploads = Uploads(config, self._graph, self._tree, self._downloads, self._remembered)
        self._moves = Moves(self._graph, self._tree)
        self._sharing = Sharing(self._graph, self._tree)

    def list(
        self,
        folder_id: str | None = None,
        *,
        recursive: bool = False,
        page_token: str | None = None,
        page_size: int = 200,
    ) -> Page:
        """See :meth:`Drive.list`."""
        return self._listing.page(folder_id, recursive=recursive, token=page_token, size=page_size)

    def list_all(
        self, folder_id: str | None = None, *, recursive: bool = False
    ) -> Iterator[DriveFile]:
        """See :meth:`Drive.list_all`; whole even while somebody writes.

        Raises:
            TransientError: it changes faster than it can be listed.
        """
        yield from self._listing.whole(folder_id, recursive=recursive)

    def stat(self, file_id: str) -> DriveFile | None:
        """See :meth:`Drive.stat`."""
        ref = Ref.parse(file_id)
        item = self._tree.get(ref)
        return None if item is None else self._tree.file(item, ref)

    def find(self, path: str) -> DriveFile | None:
        """See :meth:`Drive.find`; in whatever case, too."""
        found = self._tree.find(path)
        return None if found is None else self._tree.file(*found)

    def sha256(self, file_id: str) -> str:
        """See :meth:`Drive.sha256`; fetches the file once where the service does not tell it."""
        ref = Ref.parse(file_id)
        return self._uploads.sha256(self._tree.existing(ref), ref)

    def start_token(self) -> str:
        """See :meth:`Drive.start_token`."""
        return self._feed.start()

    def changes(self, token: str, *, limit: int = 200) -> Changes:
        """See :meth:`Drive.changes`; not of folders that others share from their own drives."""
        return self._feed.changes(token, limit)

    def download(self, file_id: str, path: Path, *, progress: Progress | None = None) -> DriveFile:
        """See :meth:`Drive.download`."""
        ref = Ref.parse(file_id)
        item = self._tree.existing(ref)
        with atomic_path(path) as partial:
            with partial.open("wb") as stream:
                item, sha256 = self._downloads.fetch(item, ref, stream.write, progress)
            file = self._tree.file(item, ref)
        self._remembered.put(ref.id, file.version, sha256)
        return file

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
        """See :meth:`Drive.upload`.

        What is replaced stays in the version history of OneDrive.
        """
        folder = self._tree.folder(folder_id)
        source = Source(path)
        name = visible_name(
            name or source.path.name, in_library=self._tree.is_library(folder), exact=exact
        )
        there = self._tree.child(folder, name)
        if there is not None and self._uploads.same(there, folder, source):
            return self._tree.file(there, self._tree.ref(there, folder))
        if replace is not None:
            ref = Ref.parse(replace.id)
            item = self._uploads.replace(ref, replace.version, source, progress)
            if item is not None:
                return self._tree.file(item, ref)
            if exact:
                raise ConflictError(
                    f"{replace.path} was changed by somebody else.", "Look at what it is now."
                )
        for number in range(1, _MOST_NAMES):
            if there is None:
                try:
                    item = self._uploads.create(folder, numbered(name, number), source, progress)
                    return self._tree.file(item, self._tree.ref(item, folder))
                except NameTakenError:
                    pass  # somebody took it meanwhile
            elif self._uploads.same(there, folder, source):
                return self._tree.file(there, self._tree.ref(there, folder))
            if exact:
                raise ConflictError(f"There is another {name} in the folder.", "Take another name.")
            there = self._tree.child(folder, numbered(name, number + 1))
        raise PermanentError(f"There are too many files named {name}.", "Tidy the folder up.")

    def create_folder(self, name: str, parent_id: str | None = None) -> DriveFile:
        """See :meth:`Drive.create_folder`."""
        parent = self._tree.folder(parent_id)
        held = visible_name(name, in_library=self._tree.is_library(parent))
        item = self._moves.folder(parent, held)
        return self._tree.file(item, self._tree.ref(item, parent))

    def move(
        self,
        file_id: str,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        exact: bool = False,
    ) -> DriveFile:
        """See :meth:`Drive.move`."""
        ref = Ref.parse(file_id)
        item = self._moves.move(ref, self._tree.folder(folder_id), name, exact=exact)
        return self._tree.file(item, ref)

    def trash(self, file_id: str, *, version: str | None = None) -> None:
        """See :meth:`Drive.trash`; it goes to the recycle bin of OneDrive."""
        self._moves.trash(Ref.parse(file_id), version)

    def check(self) -> None:
        """See :meth:`Drive.check`."""
        self._graph.call("GET", f"{self._tree.drive_link}?$select=id", "the drive")
        self._tree.existing(Ref(self._tree.known.root))

    def quota(self) -> Quota:
        """See :meth:`Drive.quota`; the recycle bin counts."""
        drive = self._graph.call("GET", f"{self._tree.drive_link}?$select=quota", "the drive")
        quota = drive.get("quota") or {}
        return Quota(used=int(quota.get("used") or 0), total=int(quota.get("total") or 0) or None)

    def share(
        self,
        file_id: str,
        people: Sequence[str],
        role: str = "reader",
        *,
        expires: datetime.datetime | None = None,
    ) -> Sequence[Permission]:
        """See :meth:`Drive.share`; ends are for personal drives that are paid for."""
        return self._sharing.share(file_id, people, role, expires)

    def share_link(
        self, file_id: str, role: str = "reader", *, expires: datetime.datetime | None = None
    ) -> Permission:
        """See :meth:`Drive.share_link`."""
        return self._sharing.share_link(file_id, role, expires)

    def unshare(self, file_id: str, permission_id: str) -> None:
        """See :meth:`Drive.unshare`."""
        self._sharing.unshare(file_id, permission_id)

    def permissions(self, file_id: str) -> Sequence[Permission]:
        """See :meth:`Drive.permissions`."""
        return self._sharing.permissions(file_id)

    def search(self, query: str, *, limit: int = 100) -> Sequence[DriveFile]:
        """See :meth:`Drive.search`; what is new may be found some minutes later only."""
        return search(self._graph, self._tree, query, limit)
