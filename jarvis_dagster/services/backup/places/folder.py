"""A backup in a folder: a disk, a mounted share, a stick.

Belongs here: blobs as files, written whole and forced onto the disk.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.backup.places.base import Blob, Place, is_name

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FolderPlace"]

_PARTIAL = ".part"
_TRANSIENT = {errno.EIO, errno.ETIMEDOUT, errno.ESTALE, errno.EAGAIN, errno.EINTR}


class FolderPlace(Place):
    """Blobs as files below a folder that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.where = str(folder)

    def put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        with _translated(f"{path} cannot be written"):
            made = _make(path.parent)
            try:
                _write(path, data)
            except FileNotFoundError:  # another process tidied, and took it for a leftover
                _write(path, data)
            for folder in (path.parent, *made):
                _force(folder)

    def get(self, name: str) -> bytes | None:
        path = self._path(name)
        with _translated(f"{path} cannot be read"):
            try:
                return path.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def list(self, prefix: str = "") -> Iterator[Blob]:
        start = self._folder / prefix.rpartition("/")[0]
        with _translated(f"{start} cannot be listed"):
            for folder, _, names in os.walk(start, onerror=_raise):
                for file in names:
                    path = Path(folder) / file
                    name = path.relative_to(self._folder).as_posix()
                    if not name.startswith(prefix) or not is_name(name):
                        continue
                    with contextlib.suppress(FileNotFoundError):  # gone since it was listed
                        found = path.stat()
                        modified = datetime.datetime.fromtimestamp(found.st_mtime, datetime.UTC)
                        yield Blob(name, found.st_size, modified)

    def delete(self, name: str) -> None:
        path = self._path(name)
        with _translated(f"{path} cannot be removed"):
            path.unlink(missing_ok=True)

    def tidy(self) -> None:
        with _translated(f"{self._folder} cannot be tidied"):
            for path in self._folder.rglob(f".*{_PARTIAL}"):
                path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if not is_name(name):
            raise ValueError(f"{name!r} is no name of a blob")
        return self._folder / name


def _write(path: Path, data: bytes) -> None:
    """Write a file in one step."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PARTIAL}")
    try:
        with partial.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _make(folder: Path) -> list[Path]:
    """Make a folder; returns those whose entries changed."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(mode=0o700, exist_ok=True)
    return [new.parent for new in missing]


def _force(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # shares that cannot force a folder
            os.fsync(handle)
    finally:
        os.close(handle)


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = TransientError if error.errno in _TRANSIENT else PermanentError
        raise kind(
            f"{what} ({error.strerror}).", "Check that disk, its free space and permissions."
        ) from error
