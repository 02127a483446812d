"""A folder of this machine as a drive.

Belongs here: the local provider. Does not belong here: rules that all drives
share (``drive.py``), and what is exported or imported (``service.py``).

An id is the path from the root as it is on disk. Jarvis keeps its own state
(trash, hashes) in the hidden folder ``.jarvis`` of the root.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime
import hashlib
import json
import logging
import mimetypes
import os
import secrets
import shutil
import unicodedata
import zlib
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.drive import (
    Changes,
    Drive,
    DriveFile,
    Page,
    is_temporary,
)
from jarvis_dagster.services.client_storage.hashes import HashCache
from jarvis_dagster.services.files import (
    CHUNK_BYTES,
    atomic_path,
    readable_file,
    safe_name,
    sha256_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LocalFolderDrive"]

_LOG = logging.getLogger(__name__)
_STATE = ".jarvis"


class LocalFolderDrive(Drive):
    """Files under ``root``, which is created when it is missing."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._hashes = HashCache(self.root / _STATE / "hashes.json")

    def list(
        self,
        folder_id: str | None = None,
        *,
        recursive: bool = False,
        page_token: str | None = None,
        page_size: int = 200,
    ) -> Page:
        """See :meth:`Drive.list`; the order is that of the ids."""
        folder = self._folder(folder_id)
        found = sorted(self._walk(folder, recursive=recursive), key=lambda file: file.id)
        rest = [file for file in found if page_token is None or file.id > page_token]
        page = tuple(rest[:page_size])
        return Page(page, page[-1].id if len(rest) > page_size else None)

    def stat(self, file_id: str) -> DriveFile | None:
        """See :meth:`Drive.stat`."""
        return self._describe(self._inside(file_id))

    def find(self, path: str) -> DriveFile | None:
        """See :meth:`Drive.find`."""
        here = self._folder(None)
        self._inside(path)
        for part in path.split("/"):
            found = self._child(here, part)
            if found is None:
                return None
            here = found
        return self._describe(here)

    def sha256(self, file_id: str) -> str:
        """See :meth:`Drive.sha256`."""
        with _translated(file_id):
            return self._hashes.sha256(self._file(file_id))

    def changes(self, token: str | None = None) -> Changes:
        """See :meth:`Drive.changes`.

        A folder has no history: the token holds the ids and versions that were
        there, compressed, about 20 bytes a file.
        """
        before = _decode(token) if token else {}
        now = {file.id: file for file in self.list_all(recursive=True) if not file.is_folder}
        return Changes(
            files=tuple(file for key, file in now.items() if before.get(key) != file.version),
            removed=tuple(key for key in before if key not in now),
            token=_encode({key: file.version for key, file in now.items()}),
        )

    def download(self, file_id: str, path: Path) -> DriveFile:
        """See :meth:`Drive.download`."""
        source = self._file(file_id)
        before = self._describe(source)
        digest = hashlib.sha256()
        with _translated(file_id), atomic_path(path) as partial:
            with source.open("rb") as reader, partial.open("wb") as writer:
                while chunk := reader.read(CHUNK_BYTES):
                    digest.update(chunk)
                    writer.write(chunk)
            if before is None or self._describe(source) != before:
                raise TransientError(
                    f"{file_id} changed while it was fetched.", "Fetch it when it is complete."
                )
            if sha256_file(partial) != digest.hexdigest():
                raise TransientError(f"{path} is not what was written.", "Check the disk.")
        return before

    def upload(
        self,
        path: Path,
        folder_id: str | None = None,
        name: str | None = None,
        *,
        replace: DriveFile | None = None,
    ) -> DriveFile:
        """See :meth:`Drive.upload`."""
        path = readable_file(path)
        folder = self._folder(folder_id)
        name = _visible(name or path.name)
        sha256 = sha256_file(path)
        partial = folder / f".{secrets.token_hex(8)}.part"
        try:
            with _translated(name):
                there = self._child(folder, name)
                if there is not None and there.is_file() and self._hashes.sha256(there) == sha256:
                    return self._described(there)
                shutil.copyfile(path, partial)
                with partial.open("rb") as written:
                    os.fsync(written.fileno())
                if sha256_file(partial) != sha256:
                    raise BadInputError(
                        f"{path} changed while it was sent.", "Send it when it is complete."
                    )
                if replace is not None and self.stat(replace.id) == replace:
                    target = self._inside(replace.id)
                    partial.replace(target)
                else:
                    target = self._place(partial, folder, name)
        finally:
            partial.unlink(missing_ok=True)
        return self._described(target)

    def create_folder(self, name: str, parent_id: str | None = None) -> DriveFile:
        """See :meth:`Drive.create_folder`."""
        parent = self._folder(parent_id)
        name = _visible(name)
        folder = self._child(parent, name) or parent / name
        with _translated(name):
            folder.mkdir(exist_ok=True)
        return self._described(folder)

    def move(
        self, file_id: str, folder_id: str | None = None, name: str | None = None
    ) -> DriveFile:
        """See :meth:`Drive.move`."""
        source = self._existing(file_id)
        folder = self._folder(folder_id)
        if source == folder or source in folder.parents:
            raise BadInputError(f"{file_id} cannot be moved into itself.")
        name = _visible(name or source.name)
        if folder / name == source:
            return self._described(source)
        with _translated(file_id):
            target = self._place(source, folder, name)
        return self._described(target)

    def trash(self, file_id: str) -> None:
        """See :meth:`Drive.trash`; the file goes to ``.jarvis/trash`` of the root."""
        source = self._existing(file_id)
        now = datetime.datetime.now(datetime.UTC)
        trash = self.root / _STATE / "trash" / f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        with _translated(file_id):
            trash.mkdir(parents=True)
            source.rename(trash / source.name)

    def check(self) -> None:
        """See :meth:`Drive.check`."""
        folder = self._folder(None)
        with atomic_path(folder / _STATE / "check") as partial:
            partial.write_bytes(b"")
        (folder / _STATE / "check").unlink(missing_ok=True)

    # -- paths -------------------------------------------------------------------

    def _inside(self, file_id: str) -> Path:
        """The path of an id that cannot be outside of the root."""
        parts = file_id.split("/")
        if not all(parts) or {".", "..", _STATE} & set(parts) or "\0" in file_id:
            raise BadInputError(f"{file_id!r} is not a path in the drive.")
        path = self.root.joinpath(*parts)
        # A link inside may point anywhere: what it points to has to be inside too.
        real, root = os.path.realpath(path), os.path.realpath(self.root)
        if os.path.commonpath([real, root]) != root:
            raise BadInputError(f"{file_id!r} points outside of the drive.", "Copy the file in.")
        return path

    def _existing(self, file_id: str) -> Path:
        path = self._inside(file_id)
        if not path.exists():
            raise BadInputError(f"{file_id} does not exist in {self.root}.")
        return path

    def _file(self, file_id: str) -> Path:
        path = self._existing(file_id)
        if not path.is_file():
            raise BadInputError(f"{file_id} is not a file.")
        return path

    def _folder(self, folder_id: str | None) -> Path:
        if folder_id is None:
            with _translated(str(self.root)):
                self.root.mkdir(parents=True, exist_ok=True)
            return self.root
        path = self._existing(folder_id)
        if not path.is_dir():
            raise BadInputError(f"{folder_id} is not a folder.")
        return path

    def _child(self, folder: Path, name: str) -> Path | None:
        """The entry whose name is the same text, in whatever Unicode form."""
        exact = folder / name
        if exact.exists():
            return exact
        wanted = unicodedata.normalize("NFC", name)
        with os.scandir(folder) as entries:
            for entry in entries:
                if unicodedata.normalize("NFC", entry.name) == wanted:
                    return folder / entry.name
        return None

    def _place(self, source: Path, folder: Path, name: str) -> Path:
        """Rename ``source`` to a free name in ``folder`` without ever replacing a file.

        A file gets its new name by a hard link, because that fails where the
        name is taken, and a rename does not.
        """
        for number in range(1, 10_000):
            target = folder / _numbered(name, number)
            if self._child(folder, target.name) is not None:
                continue
            if source.is_dir():
                source.rename(target)
                return target
            try:
                _link(source, target)
            except FileExistsError:
                continue
            return target
        raise PermanentError(f"There are too many files named {name}.", "Tidy the folder up.")

    # -- listing -----------------------------------------------------------------

    def _walk(self, folder: Path, *, recursive: bool) -> Iterator[DriveFile]:
        with _translated(str(folder)), os.scandir(folder) as entries:
            paths = [folder / entry.name for entry in entries if not is_temporary(entry.name)]
        for path in paths:
            file = self._describe(path)
            if file is None:
                continue
            yield file
            if recursive and file.is_folder and not path.is_symlink():
                yield from self._walk(path, recursive=True)

    def _described(self, path: Path) -> DriveFile:
        file = self._describe(path)
        if file is None:
            raise TransientError(f"{path.name} was removed by somebody else.", "Try again.")
        return file

    def _describe(self, path: Path) -> DriveFile | None:
        """The entry as a value; None for what is gone, special or outside."""
        file_id = path.relative_to(self.root).as_posix()
        try:
            file_id.encode()
            self._inside(file_id)
            status = path.stat()
        except UnicodeEncodeError:
            _LOG.warning("%r has a name that is not text; rename it.", file_id)
            return None
        except (BadInputError, FileNotFoundError, NotADirectoryError):
            return None
        is_folder = path.is_dir()
        if not is_folder and not path.is_file():
            return None
        return DriveFile(
            id=file_id,
            path=unicodedata.normalize("NFC", file_id),
            size=0 if is_folder else status.st_size,
            version=""
            if is_folder
            else f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}",
            modified=datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC),
            media_type=""
            if is_folder
            else mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            is_folder=is_folder,
        )


def _visible(name: str) -> str:
    """A safe name that the listing does not leave out."""
    name = safe_name(name)
    return f"_{name}" if name.startswith((".", "~")) else name


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
        source.unlink()
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: claim the name, then replace
        target.touch(exist_ok=False)
        source.replace(target)


def _numbered(name: str, number: int) -> str:
    if number == 1:
        return name
    stem, dot, extension = name.rpartition(".")
    return f"{stem} ({number}).{extension}" if stem and dot else f"{name} ({number})"


def _encode(versions: dict[str, str]) -> str:
    packed = zlib.compress(json.dumps(versions, separators=(",", ":")).encode(), 9)
    return base64.urlsafe_b64encode(packed).decode()


def _decode(token: str) -> dict[str, str]:
    try:
        content = json.loads(zlib.decompress(base64.urlsafe_b64decode(token)))
    except (ValueError, zlib.error, binascii.Error) as error:
        raise BadInputError(
            "The token of the last look at the drive is damaged.", "Look without a token."
        ) from error
    return {str(key): str(value) for key, value in content.items()}


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    """Disk errors as errors of Jarvis: a full or read-only disk does not heal by itself."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        raise BadInputError(f"{what} is not there or in the way ({error.strerror}).") from error
    except OSError as error:
        raise PermanentError(
            f"{what} cannot be read or written ({error.strerror}).",
            "Check the folder's permissions and the free space.",
        ) from error
