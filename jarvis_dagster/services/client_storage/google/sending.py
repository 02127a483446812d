"""The bytes of an upload to Google Drive.

Belongs here: reading the file, the pieces of a resumable upload, going on
after a failure. Does not belong here: names and conflicts (``upload.py``).
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, JarvisError, TransientError
from jarvis_dagster.services.client_storage.google.asking import whole
from jarvis_dagster.services.client_storage.google.faults import status_of
from jarvis_dagster.services.files import CHUNK_BYTES, readable_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import Progress
    from jarvis_dagster.services.client_storage.google.api import GoogleApi
    from jarvis_dagster.services.client_storage.google.entries import Raw

__all__ = ["Source", "send"]


@dataclasses.dataclass(frozen=True)
class Source:
    """A file of this machine as it was when it was hashed."""

    path: Path
    media_type: str
    size: int
    md5: str
    sha256: str
    state: tuple[int, int, int]

    @classmethod
    def read(cls, path: Path, media_type: str) -> Source:
        """Hash a file."""
        path = readable_file(path)
        md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
        try:
            state = _state(path)
            with path.open("rb") as stream:
                while piece := stream.read(CHUNK_BYTES):
                    md5.update(piece)
                    sha256.update(piece)
                    size += len(piece)
        except OSError as error:
            raise _unreadable(path, error) from error
        return cls(path, media_type, size, md5.hexdigest(), sha256.hexdigest(), state)

    def is_content_of(self, raw: Raw, *, unless_told: bool = False) -> bool:
        """Whether an entry at Google has these bytes; ``unless_told`` where it has no hash."""
        told = [("sha256Checksum", self.sha256), ("md5Checksum", self.md5)]
        known = [str(raw[key]).lower() == own for key, own in told if raw.get(key)]
        return (
            (bool(known) or unless_told) and all(known) and int(raw.get("size") or 0) == self.size
        )

    def check_unchanged(self) -> None:
        """Raise if the file is no longer what was hashed."""
        try:
            same = _state(self.path) == self.state
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if not same:
            raise BadInputError(
                f"{self.path} changed while it was sent.", "Send it when it is complete."
            )

    def piece(self, begin: int, length: int) -> bytes:
        """Some bytes; as many as are asked for, up to the end that was hashed."""
        length = min(length, self.size - begin)
        try:
            with self.path.open("rb") as stream:
                stream.seek(begin)
                piece = stream.read(length)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if len(piece) != length:
            self.check_unchanged()
        return piece


def send(
    api: GoogleApi,
    source: Source,
    start: Callable[[Any, Any], Any],
    landed: Callable[[], Raw | None],
    progress: Progress | None,
) -> Raw:
    """Send a file in pieces, each tried again by itself.

    Args:
        start: Makes the request from the client and the media.
        landed: What is there if all of it arrived without an answer. It is
            asked, once, when a session was lost, and before the last piece.
    """
    upload = _Session(api, source, start, landed)
    most = -1
    while upload.result is None:
        api.run(upload.step)
        if progress is not None and upload.done > most:
            most = upload.done
            progress(most, source.size)
    return upload.result


class _Session:
    """A resumable upload, and a new one where Google forgot the first."""

    def __init__(
        self,
        api: GoogleApi,
        source: Source,
        start: Callable[[Any, Any], Any],
        landed: Callable[[], Raw | None],
    ) -> None:
        self._api = api
        self._source = source
        self._start = start
        self._landed = landed
        self._request: Any = None
        self._is_first = True
        self._is_lost = False
        self.result: Raw | None = None

    @property
    def done(self) -> int:
        """How many bytes have arrived."""
        if self.result is not None:
            return self._source.size
        return int(self._request.resumable_progress) if self._request is not None else 0

    def step(self) -> None:
        """Send one piece, or find out that everything has arrived."""
        is_last = self._source.size - self.done <= self._api.chunk_bytes
        if is_last:
            self._source.check_unchanged()
        if (is_last and not self._is_first) or self._is_lost:
            self.result, self._is_lost = self._landed(), False
            if self.result is not None:
                return
        self._is_first = False
        if self._request is None:
            self._request = self._start(self._api.service, _media(self._source, self._api))
        request, before = self._request, self.done
        what = f"{self._source.path.name} cannot be sent"
        try:
            with self._api.connection(what) as http:
                # Never its own retries: they send a piece again that is read to its end.
                _, self.result = request.next_chunk(http=http, num_retries=0)
            if self.result is not None:
                self.result = whole(self.result, what)
        except JarvisError as error:
            self._recover(error, what)
        if self.result is None and self.done <= before:
            raise TransientError(f"{what}: nothing arrives.", "Try again later.")

    def _recover(self, error: JarvisError, what: str) -> None:
        """Leave a session that is lost; otherwise Google is asked how far it is."""
        status, begun = status_of(error), self._request.resumable_uri is not None
        if self.result is not None:  # the last answer came, but cut off
            self.result, self._request, self._is_lost = None, None, True
        elif (begun and status in (404, 410)) or (not begun and status == 409):
            self._request, self._is_lost = None, True
            raise TransientError(f"{what}: Google lost it.", "Try again later.") from error
        raise error


def _media(source: Source, api: GoogleApi) -> Any:
    from googleapiclient.http import MediaUpload

    class Media(MediaUpload):  # type: ignore[misc]
        """Pieces as bytes: a stream is at its end when a piece has to be sent again,
        as after an access token that expired."""

        def chunksize(self) -> int:
            return api.chunk_bytes

        def mimetype(self) -> str:
            return source.media_type

        def size(self) -> int:
            return source.size

        def resumable(self) -> bool:
            return True

        def getbytes(self, begin: int, length: int) -> bytes:
            return source.piece(begin, length)

    return Media()


def _state(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _unreadable(path: Path, error: OSError) -> BadInputError:
    return BadInputError(
        f"{path} cannot be read ({error.strerror}).", "Check that it is there and readable."
    )
