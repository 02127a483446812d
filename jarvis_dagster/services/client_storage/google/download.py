"""Fetching a file from Google Drive.

Belongs here: content in pieces, exports, checking that it is what was
described before. Does not belong here: finding the file.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from jarvis_dagster.errors import (
    JarvisError,
    NotSupportedError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.client_storage.google.asking import fetch
from jarvis_dagster.services.client_storage.google.entries import (
    export_type,
    is_native,
    version_of,
)
from jarvis_dagster.services.client_storage.google.faults import status_of
from jarvis_dagster.services.files import CHUNK_BYTES, atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from jarvis_dagster.services.client_storage.drive import DriveFile, Progress
    from jarvis_dagster.services.client_storage.google.api import GoogleApi
    from jarvis_dagster.services.client_storage.google.entries import Raw

__all__ = ["download"]


def download(
    api: GoogleApi, file: DriveFile, content: Raw, path: Path, progress: Progress | None
) -> None:
    """Fetch what ``file`` was described as into ``path``, or raise and leave it alone.

    Args:
        content: What Google said about the content, before.

    Raises:
        TransientError: the file changed meanwhile.
    """
    if is_native(content) and export_type(content) is None:
        raise NotSupportedError(
            f"{file.path} is a document of Google that cannot be exported.",
            "Open it in the browser.",
        )
    get = _export if is_native(content) else _fetch
    try:
        _once(get, api, file, content, path, progress)
    except _MismatchError:
        # Either somebody replaced the file, or the bytes were damaged on the way.
        _check_unchanged(api, file, content)
        try:
            _once(get, api, file, content, path, progress)
        except _MismatchError as error:
            raise TransientError(
                f"{file.path} was damaged on the way.", "Fetch it again."
            ) from error


def _once(
    get: Callable[[GoogleApi, DriveFile, Raw, Path, Progress | None], None],
    api: GoogleApi,
    file: DriveFile,
    content: Raw,
    path: Path,
    progress: Progress | None,
) -> None:
    with atomic_path(path) as partial:
        get(api, file, content, partial, progress)


def _export(
    api: GoogleApi, file: DriveFile, content: Raw, partial: Path, progress: Progress | None
) -> None:
    exported = api.call(
        f"{file.path} cannot be exported",
        lambda drive: drive.files().export_media(
            fileId=content["id"], mimeType=export_type(content)
        ),
        bytes,
    )
    with partial.open("wb") as stream:
        _Local(partial, stream, content).write(exported)
    _check_unchanged(api, file, content)
    if progress is not None:
        progress(len(exported), len(exported))


def _fetch(
    api: GoogleApi, file: DriveFile, content: Raw, partial: Path, progress: Progress | None
) -> None:
    """The pieces of a file, each tried again by itself.

    A file that is replaced between two pieces gives some of each; the hash
    tells. One revision could be asked for instead, but people who may only
    read a file may not.
    """
    from googleapiclient.http import MediaIoBaseDownload

    what = f"{file.path} cannot be fetched"
    request = api.service.files().get_media(fileId=content["id"], supportsAllDrives=True)
    with partial.open("wb") as stream:
        writer = _Local(partial, stream, content)
        pieces = MediaIoBaseDownload(writer, request, chunksize=api.chunk_bytes)
        done = False

        def piece() -> bool:
            before = writer.done
            try:
                with api.connection(what) as http:
                    request.http = http
                    _, last = pieces.next_chunk(num_retries=0)
            except JarvisError as error:
                if status_of(error) == 416:  # it is shorter now
                    raise _MismatchError(file.path) from error
                raise
            if writer.done == before and not last:
                raise TransientError(f"{what}: nothing comes.", "Try again later.")
            return bool(last)

        while not done:
            done = api.run(piece)
            if writer.done > file.size:
                raise _MismatchError(file.path)
            if progress is not None:
                progress(writer.done, file.size)
    if writer.done != file.size or not writer.is_as_told():
        raise _MismatchError(file.path)
    if writer.digest is None:
        _check_unchanged(api, file, content)


def _check_unchanged(api: GoogleApi, file: DriveFile, content: Raw) -> None:
    now = fetch(api, str(content["id"]))
    if now is None or version_of(now) != file.version:
        raise TransientError(
            f"{file.path} changed while it was fetched.", "Fetch it when it is complete."
        )


class _MismatchError(Exception):
    """The bytes are not those that were described."""


class _Local:
    """The file of this machine; its errors are not mistaken for Google's."""

    def __init__(self, path: Path, stream: BinaryIO, content: Raw) -> None:
        self._path = path
        self._stream = stream
        self._told = str(content.get("sha256Checksum") or content.get("md5Checksum") or "")
        self.digest = None
        if self._told:
            kind = "sha256" if content.get("sha256Checksum") else "md5"
            self.digest = hashlib.new(kind, usedforsecurity=False)
        self.done = 0

    def is_as_told(self) -> bool:
        """Whether the hash is what Google said, where it said one."""
        return self.digest is None or self.digest.hexdigest() == self._told.lower()

    def write(self, piece: bytes) -> None:
        try:
            for start in range(0, len(piece), CHUNK_BYTES):
                self._stream.write(piece[start : start + CHUNK_BYTES])
            self._stream.flush()
        except OSError as error:
            raise PermanentError(
                f"{self._path.parent} cannot be written ({error.strerror}).",
                "Check the free space and the folder's permissions.",
            ) from error
        if self.digest is not None:
            self.digest.update(piece)
        self.done += len(piece)
