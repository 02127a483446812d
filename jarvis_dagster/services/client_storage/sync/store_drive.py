"""A prefix of the object store as a drive, so that it can be synchronised.

Belongs here: what such a drive does to files. Does not belong here: what is
there (``store_tree.py``), how objects are read and written (the storage service).

An id is the path below the prefix. An object store has no folders: one that may
become empty holds the object ``.folder``. What is trashed goes to ``.trash``.
Both are hidden, as all names are that begin with a dot. Two processes that
write the same name at the same moment are not told apart by an object store
without conditional writes; keep one prefix to one synchronisation.
"""

from __future__ import annotations

import contextlib
import datetime
import secrets
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.client_storage.drive import Changes, Drive, DriveFile, Page, Quota
from jarvis_dagster.services.client_storage.journal import ChangeJournal
from jarvis_dagster.services.client_storage.sync.names import tamed
from jarvis_dagster.services.client_storage.sync.store_objects import Objects
from jarvis_dagster.services.client_storage.sync.store_tree import (
    FOLDER,
    TRASH,
    StoreTree,
    folder_at,
)
from jarvis_dagster.services.files import readable_file, sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.client_storage.drive import Progress
    from jarvis_dagster.services.client_storage.sync.store_objects import ObjectStorage

__all__ = ["StoreDrive"]


class StoreDrive(Drive):
    """Files below ``prefix`` of a bucket.

    Args:
        storage: The storage service.
        bucket: Where.
        prefix: What all keys begin with; a ``/`` follows it.
        state_dir: Where what was listed is remembered.
    """

    def __init__(
        self, storage: ObjectStorage, bucket: str, prefix: str, *, state_dir: Path
    ) -> None:
        self.prefix = f"{prefix.strip('/')}/"
        if self.prefix == "/":
            raise BadInputError("A whole bucket is not a drive.", "Name a prefix in it.")
        self._objects = Objects(storage, bucket, state_dir / "objects.json")
        self._tree = StoreTree(self._objects, self.prefix)
        self._journal = ChangeJournal(state_dir / "journal.sqlite")
        self._writing = threading.RLock()

    def list(
        self,
        folder_id: str | None = None,
        *,
        recursive: bool = False,
        page_token: str | None = None,
        page_size: int = 200,
    ) -> Page:
        """See :meth:`Drive.list`; the order is that of the ids."""
        found = self.list_all(folder_id, recursive=recursive)
        rest = [file for file in found if page_token is None or file.id > page_token]
        page = tuple(rest[:page_size])
        return Page(page, page[-1].id if len(rest) > page_size else None)

    def list_all(
        self, folder_id: str | None = None, *, recursive: bool = False
    ) -> Iterator[DriveFile]:
        """See :meth:`Drive.list_all`."""
        yield from self._tree.walk(folder_id, recursive=recursive)

    def stat(self, file_id: str) -> DriveFile | None:
        """See :meth:`Drive.stat`."""
        return self._tree.describe(file_id)

    def find(self, path: str) -> DriveFile | None:
        """See :meth:`Drive.find`."""
        return self._tree.find(path)

    def sha256(self, file_id: str) -> str:
        """See :meth:`Drive.sha256`; what Jarvis did not store is read for it."""
        file = self._tree.file(file_id)
        if file.sha256:
            return file.sha256
        with _scratch() as path:
            self.download(file_id, path)
            return sha256_file(path)

    def start_token(self) -> str:
        """See :meth:`Drive.start_token`."""
        self._look()
        return self._journal.token()

    def changes(self, token: str, *, limit: int = 200) -> Changes:
        """See :meth:`Drive.changes`; the prefix is listed once for all pages."""
        page = self._journal.page(token, limit)
        if page.more:
            return page
        self._look()
        return self._journal.page(token, limit)

    def _look(self) -> None:
        began = self._journal.token()
        self._journal.record(self.list_all(recursive=True), since=began)

    def download(self, file_id: str, path: Path, *, progress: Progress | None = None) -> DriveFile:
        """See :meth:`Drive.download`."""
        before = self._tree.file(file_id)
        content = self._objects.storage.get_file(self.prefix + file_id, path, self._objects.bucket)
        if self.stat(file_id) != before or content.size != before.size:
            path.unlink(missing_ok=True)
            raise TransientError(f"{file_id} changed while it was fetched.", "Try again.")
        if progress is not None:
            progress(content.size, content.size)
        return before

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
        path = readable_file(path)
        sha256 = sha256_file(path)
        with self._writing:
            wanted = self._tree.path(folder_id, tamed(name or path.name))
            there = self.find(wanted)
            if there is not None and there.sha256 == sha256:
                return there
            if replace is not None:
                if self.stat(replace.id) == replace:
                    return self._put(path, replace.id, sha256, progress)
                if exact:
                    raise _changed(replace.path)
            return self._put(path, self._free(wanted, exact=exact), sha256, progress)

    def _put(self, path: Path, file_id: str, sha256: str, progress: Progress | None) -> DriveFile:
        key = self.prefix + file_id
        self._objects.storage.put_file(key, path, self._objects.bucket, progress=progress)
        made = self.stat(file_id)
        if made is None or made.sha256 != sha256:
            raise _changed(file_id)
        return made

    def create_folder(self, name: str, parent_id: str | None = None) -> DriveFile:
        """See :meth:`Drive.create_folder`."""
        with self._writing:
            path = self._tree.path(parent_id, tamed(name))
            there = self.find(path)
            if there is not None and not there.is_folder:
                raise BadInputError(f"{path} is a file.", "Give a folder, or rename the file.")
            if there is None:
                self._keep_folder(path)
            return there or folder_at(path)

    def _keep_folder(self, path: str) -> None:
        """Have the folder stay when nothing is in it."""
        key = f"{self.prefix}{path}/{FOLDER}"
        if path and self._objects.storage.raw.stat(self._objects.bucket, key) is None:
            with _scratch() as empty:
                empty.touch()
                self._objects.storage.put_file(key, empty, self._objects.bucket)

    def move(
        self,
        file_id: str,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        exact: bool = False,
    ) -> DriveFile:
        """See :meth:`Drive.move`; an object store copies for it."""
        with self._writing:
            file = self._tree.existing(file_id)
            if folder_id is not None and f"{folder_id}/".startswith(f"{file_id}/"):
                raise BadInputError(
                    f"{file_id} cannot be moved into itself.", "Take another folder."
                )
            wanted = self._tree.path(folder_id, tamed(name or file.name))
            if wanted == file_id:
                return file
            target = self._free(wanted, exact=exact)
            self._transfer(file, target)
            moved = self.stat(target)
            if moved is None:
                raise _changed(target)
            return moved

    def trash(self, file_id: str, *, version: str | None = None) -> None:
        """See :meth:`Drive.trash`; it goes to ``.trash`` below the prefix."""
        with self._writing:
            file = self._tree.existing(file_id)
            if version is not None and file.version != version:
                raise _changed(file_id)
            now = datetime.datetime.now(datetime.UTC)
            self._transfer(file, f"{TRASH}/{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}/{file_id}")

    def _transfer(self, file: DriveFile, target: str) -> None:
        """Copy what is there to ``target``, then delete it; its own folder stays."""
        storage, bucket = self._objects.storage, self._objects.bucket
        self._keep_folder(file.id.rpartition("/")[0])
        keys = list(self._tree.keys(f"{file.id}/")) if file.is_folder else [file.id]
        versions = {}
        with _scratch() as path:
            for key in keys:
                found = storage.raw.stat(bucket, self.prefix + key)
                versions[key] = found.version if found else ""
                storage.get_file(self.prefix + key, path, bucket)
                storage.put_file(self.prefix + target + key[len(file.id) :], path, bucket)
        for key in keys:
            found = storage.raw.stat(bucket, self.prefix + key)
            if found is not None and found.version != versions[key]:
                raise _changed(key)
            storage.raw.delete(bucket, self.prefix + key)

    def check(self) -> None:
        """See :meth:`Drive.check`."""
        next(self._tree.keys(""), None)

    def quota(self) -> Quota:
        """See :meth:`Drive.quota`; an object store has no limit of its own."""
        return Quota(sum(thing.size for thing in self._objects.below(self.prefix)), None)

    def _free(self, wanted: str, *, exact: bool) -> str:
        if self.find(wanted) is None:
            return wanted
        if exact:
            raise ConflictError(f"There is another {wanted}.", "Take another name.")
        folder, slash, name = wanted.rpartition("/")
        stem, dot, extension = name.rpartition(".")
        if not stem:
            stem, dot, extension = name, "", ""
        for number in range(2, 10_000):
            found = f"{folder}{slash}{stem} ({number}){dot}{extension}"
            if self.find(found) is None:
                return found
        raise PermanentError(f"There are too many files named {wanted}.", "Tidy the folder up.")


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="jarvis-") as folder:
        yield Path(folder) / "file"


def _changed(path: str) -> ConflictError:
    return ConflictError(f"{path} was changed by somebody else.", "Look at what it is now.")
