"""Google Drive as a drive.

Belongs here: what each call of ``Drive`` does, in terms of the modules beside
this one. Does not belong here: how Google does it.
"""

from __future__ import annotations

import mimetypes
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import tenacity.nap

from jarvis_dagster.errors import BadInputError, ConflictError
from jarvis_dagster.services.client_storage.drive import Changes, Drive, Page, Quota
from jarvis_dagster.services.client_storage.google import changes as feed
from jarvis_dagster.services.client_storage.google.api import GoogleApi
from jarvis_dagster.services.client_storage.google.arranging import create_folder, move, trash
from jarvis_dagster.services.client_storage.google.asking import HIDDEN_ROOT, Root, fetch
from jarvis_dagster.services.client_storage.google.download import download
from jarvis_dagster.services.client_storage.google.entries import (
    FOLDER,
    checked_id,
    version_of,
)
from jarvis_dagster.services.client_storage.google.faults import damaged
from jarvis_dagster.services.client_storage.google.ids import Ids
from jarvis_dagster.services.client_storage.google.listing import Walk, list_page, walk
from jarvis_dagster.services.client_storage.google.locks import Locks
from jarvis_dagster.services.client_storage.google.look import Look
from jarvis_dagster.services.client_storage.google.search import search
from jarvis_dagster.services.client_storage.google.sending import Source
from jarvis_dagster.services.client_storage.google.sharing import Sharing
from jarvis_dagster.services.client_storage.google.upload import Upload
from jarvis_dagster.services.client_storage.known_hashes import KnownHashes
from jarvis_dagster.services.client_storage.names import visible
from jarvis_dagster.services.files import readable_file, sha256_file

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Sequence

    from jarvis_dagster.services.client_storage.drive import DriveFile, Permission, Progress
    from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig
    from jarvis_dagster.services.client_storage.google.entries import Raw

__all__ = ["GoogleDrive"]


class GoogleDrive(Drive):
    """My Drive of an account, a shared drive, or one folder of either.

    An id is Google's. A shortcut is shown as what it points to, under its own
    id and name: moving it or putting it into the trash leaves the other alone.

    Args:
        config: The settings.
        state_dir: Where the token of a person and the hashes of exports are kept.
        sleep: Waits for some seconds before a request is tried again.
    """

    can_share: ClassVar[bool] = True
    can_search: ClassVar[bool] = True

    def __init__(
        self,
        config: GoogleDriveConfig,
        state_dir: Path,
        *,
        sleep: Callable[[float], None] = tenacity.nap.sleep,
    ) -> None:
        self._config = config
        self._api = GoogleApi(config, state_dir, sleep)
        self._ids = Ids(self._api)
        self._hashes = KnownHashes(state_dir / "hashes.sqlite")
        self._sharing = Sharing(self._api)
        self._names = Locks()
        self._root_lock = threading.Lock()
        self._root: Root | None = None

    def list(
        self,
        folder_id: str | None = None,
        *,
        recursive: bool = False,
        page_token: str | None = None,
        page_size: int = 200,
    ) -> Page:
        """See :meth:`Drive.list`; folder by folder, in Google's order.

        Raises:
            TokenExpiredError: Google forgot the page; page tokens last for hours.
        """
        if page_token is None:
            start = self._start(folder_id, recursive=recursive)
        else:
            start = Walk.decode(page_token)
        files, following = list_page(self._api, self._look().root, start, page_size)
        return Page(tuple(files), following.encode() if following is not None else None)

    def list_all(
        self, folder_id: str | None = None, *, recursive: bool = False
    ) -> Iterator[DriveFile]:
        """See :meth:`Drive.list_all`; in large pages."""
        start = self._start(folder_id, recursive=recursive)
        yield from walk(self._api, self._look().root, start)

    def stat(self, file_id: str) -> DriveFile | None:
        """See :meth:`Drive.stat`."""
        look = self._look()
        raw = look.get(checked_id(file_id))
        return look.describe(raw) if raw is not None else None

    def find(self, path: str) -> DriveFile | None:
        """See :meth:`Drive.find`."""
        look = self._look()
        raw = look.find(path)
        return look.describe(raw) if raw is not None else None

    def sha256(self, file_id: str) -> str:
        """See :meth:`Drive.sha256`; of a document of Google, that of an export."""
        file, content = self._look().file(file_id)
        known = file.sha256 or self._hashes.get(content["id"], file.version)
        if known:
            return known
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            path = Path(scratch) / "export"
            download(self._api, file, content, path, None)
            digest = sha256_file(path)
        self._hashes.put(content["id"], file.version, digest)
        return digest

    def start_token(self) -> str:
        """See :meth:`Drive.start_token`; Google's own, which it does not forget."""
        return feed.start_token(self._api, self._look().root)

    def changes(self, token: str, *, limit: int = 200) -> Changes:
        """See :meth:`Drive.changes`.

        ``removed`` also has what changed outside of the root: it may have been inside.
        """
        return feed.changes(self._api, self._look().root, token, limit)

    def download(self, file_id: str, path: Path, *, progress: Progress | None = None) -> DriveFile:
        """See :meth:`Drive.download`; documents of Google are exported to office formats."""
        file, content = self._look().file(file_id)
        download(self._api, file, content, path, progress)
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

        Google has no conditional update: a file that somebody else changes in
        the moment before it is replaced keeps that change in its history only.
        """
        path = readable_file(path)
        name = visible(name or path.name)
        look = self._look()
        folder = look.folder(folder_id)
        source = Source.read(path, mimetypes.guess_type(name)[0] or "application/octet-stream")
        with self._names.of(folder.id, name):
            upload = Upload(self._api, look, self._ids, source, progress)
            return self._described(look, upload.run(folder, name, replace, exact=exact))

    def create_folder(self, name: str, parent_id: str | None = None) -> DriveFile:
        """See :meth:`Drive.create_folder`."""
        name, look = visible(name), self._look()
        parent = look.folder(parent_id)
        with self._names.of(parent.id, name):
            return self._described(look, create_folder(self._api, look, self._ids, parent, name))

    def move(
        self,
        file_id: str,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        exact: bool = False,
    ) -> DriveFile:
        """See :meth:`Drive.move`."""
        look = self._look()
        raw, folder = look.existing(file_id), look.folder(folder_id)
        with self._names.of(folder.id, name or str(raw["name"])):
            moved = move(self._api, look, raw, folder, name, exact=exact)
        return self._described(self._look(), moved)

    def trash(self, file_id: str, *, version: str | None = None) -> None:
        """See :meth:`Drive.trash`; Google empties its trash after 30 days."""
        look = self._look()
        raw = look.existing(file_id)
        content = look.content(raw)
        if version is not None and (content is None or version_of(content) != version):
            raise ConflictError(
                f"{raw.get('name')} was changed by somebody else.", "Look at what it is now."
            )
        trash(self._api, raw, str(raw.get("name")))

    def check(self) -> None:
        """See :meth:`Drive.check`."""
        self._living_root()

    def quota(self) -> Quota:
        """See :meth:`Drive.quota`; of the account. A shared drive has none of its own."""
        what = "The space in use is not known"
        answer = self._api.call(
            what, lambda drive: drive.about().get(fields="storageQuota(limit,usage)")
        )
        try:
            told = answer["storageQuota"]
            used, limit = int(told.get("usage", 0)), told.get("limit")
            total = None if limit is None or self._look().root.drive_id else int(limit)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise damaged(what) from error
        return Quota(used, total)

    def share(
        self,
        file_id: str,
        people: Sequence[str],
        role: str = "reader",
        *,
        expires: datetime.datetime | None = None,
    ) -> Sequence[Permission]:
        """See :meth:`Drive.share`; nobody gets an e-mail about it."""
        return self._sharing.share(self._look(), file_id, people, role, expires)

    def share_link(
        self,
        file_id: str,
        role: str = "reader",
        *,
        expires: datetime.datetime | None = None,
    ) -> Permission:
        """See :meth:`Drive.share_link`."""
        return self._sharing.share_link(self._look(), file_id, role, expires)

    def unshare(self, file_id: str, permission_id: str) -> None:
        """See :meth:`Drive.unshare`."""
        self._sharing.unshare(self._look(), file_id, permission_id)

    def permissions(self, file_id: str) -> Sequence[Permission]:
        """See :meth:`Drive.permissions`."""
        return self._sharing.permissions(self._look(), file_id)

    def search(self, query: str, *, limit: int = 100) -> Sequence[DriveFile]:
        """See :meth:`Drive.search`."""
        return search(self._look(), query, limit)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._api.close()

    def _look(self) -> Look:
        with self._root_lock:
            if self._root is None:
                raw = self._living_root()
                self._root = Root(str(raw["id"]), str(raw.get("driveId") or self._config.drive_id))
        return Look(self._api, self._root)

    def _living_root(self) -> Raw:
        named = self._config.root_folder_id or self._config.drive_id
        raw = fetch(self._api, named or HIDDEN_ROOT)
        if raw is None and not named and self._config.access == "app_files":
            return {"id": HIDDEN_ROOT}  # an app that sees its own files only may not look at it
        if raw is None or raw.get("mimeType", FOLDER) != FOLDER:
            raise BadInputError(
                f"There is no folder {named or 'My Drive'} that this account may see.",
                "Check drive_id and root_folder_id, and what is shared with the account.",
            )
        return raw

    def _start(self, folder_id: str | None, *, recursive: bool) -> Walk:
        """Where a listing begins; a root that is in the trash is not an empty one."""
        look = self._look()
        if folder_id is None:
            self._living_root()
        return Walk(recursive, (look.folder(folder_id),))

    def _described(self, look: Look, raw: Raw) -> DriveFile:
        file = look.describe(raw)
        if file is None:
            raise BadInputError(
                f"{raw.get('name')} was moved out of the drive meanwhile.",
                "Move it back, or list the folder again.",
            )
        return file
