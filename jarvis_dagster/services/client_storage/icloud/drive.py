"""iCloud Drive as a drive.

Belongs here: what the provider does for each call of ``Drive``. Does not
belong here: looking (``tree.py``), single changes (``changing.py``), contents
(``transfer.py``), uploads (``uploading.py``), signing in (``login.py``).
"""

from __future__ import annotations

import base64
import functools
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, NotSupportedError, TransientError
from jarvis_dagster.services.client_storage.drive import Drive, Page, Quota
from jarvis_dagster.services.client_storage.icloud.changing import Changer
from jarvis_dagster.services.client_storage.icloud.client import ICloudClient
from jarvis_dagster.services.client_storage.icloud.session import make_private
from jarvis_dagster.services.client_storage.icloud.transfer import Transfer
from jarvis_dagster.services.client_storage.icloud.tree import ICloudTree
from jarvis_dagster.services.client_storage.icloud.unfinished import Unfinished
from jarvis_dagster.services.client_storage.icloud.uploading import Uploader
from jarvis_dagster.services.client_storage.journal import ChangeJournal
from jarvis_dagster.services.client_storage.known_hashes import KnownHashes
from jarvis_dagster.services.client_storage.local_tree import disk_errors
from jarvis_dagster.services.client_storage.names import visible
from jarvis_dagster.services.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import (
        Changes,
        DriveFile,
        Progress,
    )
    from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig
    from jarvis_dagster.services.client_storage.icloud.nodes import Node

__all__ = ["ICloudDrive"]


class ICloudDrive(Drive):
    """The iCloud Drive of one Apple account, or a folder of it.

    Nothing is asked of Apple before the first call. An id is the drivewsid; it
    stays when a file is renamed or moved, and changes when it is replaced.

    Args:
        state_dir: Keeps the session, the journal of changes and known hashes;
            nobody else may look into it.
        sleep: Waits between two tries; for tests.
    """

    def __init__(
        self,
        config: ICloudDriveConfig,
        state_dir: Path,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._state_dir = state_dir
        self._client = ICloudClient(config, state_dir, sleep=sleep)
        self._hashes = KnownHashes(state_dir / "hashes.sqlite")
        self._tree = ICloudTree(
            self._client, config.root, make=self._make_root, remembered=self._remembered_folder
        )
        self._changer = Changer(self._client, self._tree)
        self._transfer = Transfer(self._client, self._tree)
        # One thread at a time looks for a free name and takes it.
        self._naming = threading.RLock()
        self._unfinished = Unfinished(state_dir / "unfinished", self._tree, self._changer)
        self._uploader = Uploader(
            self._tree,
            self._changer,
            self._transfer,
            self._hashes,
            self._unfinished,
            self._naming,
            config,
        )

    def list(
        self,
        folder_id: str | None = None,
        *,
        recursive: bool = False,
        page_token: str | None = None,
        page_size: int = 200,
    ) -> Page:
        """See :meth:`Drive.list`; every page reads all folders, ``list_all`` does so once."""
        after = None if page_token is None else _decoded(page_token)
        found = self.list_all(folder_id, recursive=recursive)
        rest = [file for file in found if after is None or (file.path, file.id) > after]
        page = tuple(rest[:page_size])
        return Page(page, _encoded(page[-1]) if len(rest) > page_size else None)

    def list_all(
        self, folder_id: str | None = None, *, recursive: bool = False
    ) -> Iterator[DriveFile]:
        """See :meth:`Drive.list_all`; one request a folder, in the order of the paths."""
        self._unfinished.settle()
        nodes = self._tree.walk(self._tree.folder(folder_id), recursive=recursive)
        yield from sorted((node.describe() for node in nodes), key=lambda f: (f.path, f.id))

    def stat(self, file_id: str) -> DriveFile | None:
        """See :meth:`Drive.stat`."""
        node = self._tree.locate(file_id)
        return None if node is None else node.describe()

    def find(self, path: str) -> DriveFile | None:
        """See :meth:`Drive.find`."""
        parts = path.split("/")
        if not all(parts) or {".", ".."} & set(parts) or "\0" in path:
            raise BadInputError(
                f"{path!r} is not a path in the drive.",
                "Use names with / between them, as `jarvis drive ls` shows them.",
            )
        here: Node | None = self._tree.root()
        for part in parts:
            if here is None or not here.is_folder:
                return None
            here = self._tree.named(here, part)
        return None if here is None else here.describe()

    def sha256(self, file_id: str) -> str:
        """See :meth:`Drive.sha256`; iCloud tells none, so the file is fetched once a version."""
        node = self._tree.file(file_id)
        file = node.describe()
        known = self._hashes.get(file.id, file.version)
        if known is not None:
            return known
        digest = self._transfer.fetch(node, None)
        self._confirm(node)
        self._hashes.put(file.id, file.version, digest)
        return digest

    def start_token(self) -> str:
        """See :meth:`Drive.start_token`."""
        self._look()
        return self._journal.token()

    def changes(self, token: str, *, limit: int = 200) -> Changes:
        """See :meth:`Drive.changes`; all folders are read once for all pages."""
        page = self._journal.page(token, limit)
        if page.more:
            return page
        self._look()
        return self._journal.page(token, limit)

    def download(self, file_id: str, path: Path, *, progress: Progress | None = None) -> DriveFile:
        """See :meth:`Drive.download`; by size, and by hash where this version was seen before."""
        node = self._tree.file(file_id)
        file = node.describe()
        with disk_errors(path.name), atomic_path(path) as partial:
            with partial.open("r+b") as sink:
                digest = self._transfer.fetch(node, sink, progress)
            self._confirm(node)
            if self._hashes.get(file.id, file.version) not in (None, digest):
                raise TransientError(f"{file.path} came damaged.", "Fetch it again.")
        self._hashes.put(file.id, file.version, digest)
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
        """See :meth:`Drive.upload`."""
        node = self._uploader.upload(
            path, folder_id, name, replace=replace, exact=exact, progress=progress
        )
        return node.describe()

    def create_folder(self, name: str, parent_id: str | None = None) -> DriveFile:
        """See :meth:`Drive.create_folder`."""
        parent = self._tree.folder(parent_id)
        with self._naming:
            return self._changer.make_folder(parent, visible(name)).describe()

    def move(
        self,
        file_id: str,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        exact: bool = False,
    ) -> DriveFile:
        """See :meth:`Drive.move`; the id stays."""
        node, folder = self._tree.existing(file_id), self._tree.folder(folder_id)
        if node.id in {above.id for above in (folder, *folder.above())}:
            raise BadInputError(f"{node.path} cannot be moved into itself.", "Take another folder.")
        wanted = node.name if name is None else visible(name)
        with self._naming:
            if node.parent is not None and node.parent.id == folder.id:
                moved = self._changer.name_in(node, wanted, exact=exact)
            else:
                moved = self._changer.relocate(node, folder, wanted, exact=exact)
        return moved.describe()

    def trash(self, file_id: str, *, version: str | None = None) -> None:
        """See :meth:`Drive.trash`; iCloud keeps it for 30 days."""
        self._changer.trash(self._tree.existing(file_id), version=version)

    def check(self) -> None:
        """See :meth:`Drive.check`."""
        self._tree.children(self._tree.root())

    def quota(self) -> Quota:
        """See :meth:`Drive.quota`; of the whole account, with photos and backups."""

        def ask(account: Any) -> Quota:
            from pyicloud.services import AccountService

            if "account" not in (account.webservices or {}):
                raise NotSupportedError(
                    "iCloud does not tell how much this account stores.",
                    "Look at it on a device, under iCloud in the settings.",
                )
            # Made anew: pyicloud's own remembers its first answer.
            service = AccountService(
                service_root=account.get_webservice_url("account"),
                session=account.session,
                china_mainland=account.is_china_mainland,
                params=account.params,
            )
            usage = service.storage.usage
            total = int(usage.total_storage_in_bytes)
            return Quota(used=int(usage.used_storage_in_bytes), total=total)

        return self._client.call_account("the storage", ask)

    @functools.cached_property
    def _journal(self) -> ChangeJournal:
        make_private(self._state_dir)  # it holds the names of all files
        return ChangeJournal(self._state_dir / "journal.sqlite")

    def _look(self) -> None:
        """Write down what is in the drive now.

        A file that was moved from a folder that was not read yet into one that
        was is in neither. So what seems to be gone is looked for once more.
        """
        self._unfinished.settle()
        began = self._journal.token()
        seen = self._everything()
        if self._journal.known().keys() - seen.keys():
            seen |= self._everything()
        self._journal.record(seen.values(), since=began)

    def _everything(self) -> dict[str, DriveFile]:
        nodes = self._tree.walk(self._tree.root(), recursive=True)
        return {node.id: node.describe() for node in nodes}

    def _confirm(self, node: Node) -> None:
        """The bytes that came are those of the version that was asked for."""
        now = self._tree.again(node)
        if now is None or now.version != node.version:
            raise TransientError(
                f"{node.path} changed while it was fetched.", "Fetch it when it is complete."
            )

    def _make_root(self, parent: Node, name: str) -> Node:
        with self._naming:
            return self._changer.make_folder(parent, name)

    def _remembered_folder(self, file_id: str) -> str | None:
        return self._journal.folder_of(file_id)


def _encoded(file: DriveFile) -> str:
    return base64.urlsafe_b64encode(json.dumps([file.path, file.id]).encode()).decode()


def _decoded(token: str) -> tuple[str, str]:
    try:
        path, file_id = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError) as error:
        raise BadInputError("The page token is damaged.", "List from the start.") from error
    return str(path), str(file_id)
