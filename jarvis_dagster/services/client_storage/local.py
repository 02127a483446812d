"""A folder of this machine as a drive.

Belongs here: what the local provider does to files. Does not belong here:
rules that all drives share (``drive.py``), looking at files (``local_tree.py``).

An id is the path from the root as it is on disk. Jarvis keeps its own state
(trash, hashes) in the hidden folder ``.jarvis`` of the root.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import secrets
import shutil
import time
from typing import TYPE_CHECKING

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.client_storage.drive import Changes, Drive, DriveFile, Page, Quota
from jarvis_dagster.services.client_storage.hashes import HashCache
from jarvis_dagster.services.client_storage.journal import ChangeJournal
from jarvis_dagster.services.client_storage.local_tree import STATE, LocalTree, disk_errors
from jarvis_dagster.services.client_storage.names import numbered, visible
from jarvis_dagster.services.client_storage.watch import watch_of
from jarvis_dagster.services.files import (
    CHUNK_BYTES,
    atomic_path,
    readable_file,
    sha256_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import Progress

__all__ = ["LocalFolderDrive"]

_ABANDONED_S = 86_400.0


class LocalFolderDrive(Drive):
    """Files under ``root``, which is created when it is missing.

    Args:
        state_dir: Where to keep what is known of the files; None is in the root. With one, a root
            that was written to before is not made again when it is away.
    """

    def __init__(self, root: Path, state_dir: Path | None = None) -> None:
        self._tree = LocalTree(root, state_dir)
        self.root = self._tree.root
        state = state_dir or self.root / STATE
        self._hashes = HashCache(state / "hashes.sqlite")
        self._journal_path = state / "journal.sqlite"
        self._journal = ChangeJournal(self._journal_path)

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
        """See :meth:`Drive.list_all`; one walk, whatever the number of files."""
        folder = self._tree.folder(folder_id)
        yield from sorted(self._tree.walk(folder, recursive=recursive), key=lambda file: file.id)

    def stat(self, file_id: str) -> DriveFile | None:
        """See :meth:`Drive.stat`."""
        return self._tree.describe(self._tree.inside(file_id))

    def find(self, path: str) -> DriveFile | None:
        """See :meth:`Drive.find`."""
        here = self._tree.folder(None)
        self._tree.inside(path)
        for part in path.split("/"):
            found = self._tree.child(here, part) if here.is_dir() else None
            if found is None:
                return None
            here = found
        return self._tree.describe(here)

    def sha256(self, file_id: str) -> str:
        """See :meth:`Drive.sha256`."""
        with disk_errors(file_id):
            return self._hashes.sha256(self._tree.file(file_id))

    def path_of(self, file_id: str) -> Path:
        """The file itself, for reading; it may change at any moment."""
        return self._tree.file(file_id)

    def start_token(self) -> str:
        """See :meth:`Drive.start_token`."""
        self._look()
        return self._journal.token()

    def changes(self, token: str, *, limit: int = 200) -> Changes:
        """See :meth:`Drive.changes`; the folder is walked once for all pages."""
        page = self._journal.page(token, limit)
        if page.more:
            return page
        self._look()
        return self._journal.page(token, limit)

    def _look(self) -> None:
        """Bring the journal up to date, at the cost of what happened where the kernel tells it."""
        root = self._tree.folder(None)
        began = self._journal.token()
        with watch_of(root, self._journal_path).look(began.partition(":")[0]) as touched:
            if touched is None:
                self._journal.record(self._tree.walk(root, recursive=True), since=began)
            elif touched:
                self._journal.note(*self._tree.look_at(touched), since=began)

    def download(self, file_id: str, path: Path, *, progress: Progress | None = None) -> DriveFile:
        """See :meth:`Drive.download`."""
        source = self._tree.file(file_id)
        before = self._tree.describe(source)
        with disk_errors(file_id), atomic_path(path) as partial:
            digest = _copy(source, partial, progress)
            if before is None or self._tree.describe(source) != before:
                raise TransientError(
                    f"{file_id} changed while it was fetched.", "Fetch it when it is complete."
                )
            _verify(partial, digest)
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
        folder = self._tree.folder(folder_id)
        name = visible(name or path.name)
        with disk_errors(name):
            self._tree.note_root()
        partial = folder / f".{secrets.token_hex(8)}.part"
        try:
            with disk_errors(name):
                _remove_abandoned(folder)
                before = path.stat()
                there = self._tree.child(folder, name)
                if there is not None and self._is_same(there, path):
                    return self._described(there)
                digest = _copy(path, partial, progress)
                if _state(path.stat()) != _state(before):
                    raise BadInputError(
                        f"{path} changed while it was sent.", "Send it when it is complete."
                    )
                _verify(partial, digest)
                if replace is not None and self._has_version(replace.id, replace.version):
                    target = self._tree.inside(replace.id)
                    partial.replace(target)
                elif exact and replace is not None:
                    raise _changed(replace.path)
                else:
                    target = self._place(partial, folder, name, exact=exact)
        finally:
            partial.unlink(missing_ok=True)
        return self._described(target)

    def create_folder(self, name: str, parent_id: str | None = None) -> DriveFile:
        """See :meth:`Drive.create_folder`."""
        parent = self._tree.folder(parent_id)
        name = visible(name)
        folder = self._tree.child(parent, name) or parent / name
        with disk_errors(name):
            self._tree.note_root()
            folder.mkdir(exist_ok=True)
        return self._described(folder)

    def move(
        self,
        file_id: str,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        exact: bool = False,
    ) -> DriveFile:
        """See :meth:`Drive.move`."""
        source = self._tree.existing(file_id)
        folder = self._tree.folder(folder_id)
        if source == folder or source in folder.parents:
            raise BadInputError(f"{file_id} cannot be moved into itself.", "Take another folder.")
        name = visible(name or source.name)
        if folder / name == source:
            return self._described(source)
        with disk_errors(file_id):
            target = self._place(source, folder, name, exact=exact)
        return self._described(target)

    def trash(self, file_id: str, *, version: str | None = None) -> None:
        """See :meth:`Drive.trash`; the file goes to ``.jarvis/trash`` of the root."""
        source = self._tree.existing(file_id)
        if version is not None and not self._has_version(file_id, version):
            raise _changed(file_id)
        now = datetime.datetime.now(datetime.UTC)
        trash = self.root / STATE / "trash" / f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        with disk_errors(file_id):
            trash.mkdir(parents=True)
            source.rename(trash / source.name)

    def check(self) -> None:
        """See :meth:`Drive.check`."""
        probe = self._tree.folder(None) / STATE / "check"
        with atomic_path(probe) as partial:
            partial.write_bytes(b"")
        probe.unlink(missing_ok=True)

    def quota(self) -> Quota:
        """See :meth:`Drive.quota`; of the disk that the folder is on."""
        with disk_errors(str(self.root)):
            usage = shutil.disk_usage(self._tree.folder(None))
        return Quota(used=usage.total - usage.free, total=usage.total)

    def _has_version(self, file_id: str, version: str) -> bool:
        file = self.stat(file_id)
        return file is not None and file.version == version

    def _described(self, path: Path) -> DriveFile:
        file = self._tree.describe(path)
        if file is None:
            raise TransientError(f"{path.name} was removed by somebody else.", "Try again.")
        return file

    def _is_same(self, there: Path, path: Path) -> bool:
        size = path.stat().st_size
        try:
            if not there.is_file() or there.stat().st_size != size:
                return False
            known = self._hashes.sha256(there)
        except FileNotFoundError:  # somebody else moved it meanwhile
            return False
        return known == sha256_file(path)

    def _place(self, source: Path, folder: Path, name: str, *, exact: bool = False) -> Path:
        """Rename ``source`` to a free name in ``folder`` without ever replacing a file.

        A file gets its new name by a hard link, because that fails where the
        name is taken, and a rename does not.
        """
        for number in range(1, 2 if exact else 10_000):
            target = folder / numbered(name, number, is_folder=source.is_dir())
            if self._tree.child(folder, target.name) is not None:
                continue
            if source.is_dir():
                source.rename(target)
                return target
            try:
                _link(source, target)
            except FileExistsError:
                continue
            return target
        if exact:
            raise ConflictError(f"There is another {name} in {folder.name}.", "Take another name.")
        raise PermanentError(f"There are too many files named {name}.", "Tidy the folder up.")


def _changed(path: str) -> ConflictError:
    return ConflictError(f"{path} was changed by somebody else.", "Look at what it is now.")


def _copy(source: Path, target: Path, progress: Progress | None = None) -> str:
    """Copy and flush to the disk; the SHA-256 of what was read."""
    digest, size = hashlib.sha256(), source.stat().st_size
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(CHUNK_BYTES):
            digest.update(chunk)
            writer.write(chunk)
            if progress is not None:
                progress(writer.tell(), size)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


def _verify(path: Path, sha256: str) -> None:
    if sha256_file(path) != sha256:
        raise TransientError(f"{path.name} is not what was written.", "Check the disk.")


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _remove_abandoned(folder: Path) -> None:
    """Remove what uploads left that were killed a day ago or more."""
    for path in folder.glob(".????????????????.part"):
        # An upload beside this one may finish, and its file be gone, at any moment.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
        source.unlink()
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: claim the name, then replace
        target.touch(exist_ok=False)
        source.replace(target)
