"""Single objects in an S3 store: verified, retried, in bounded memory.

Belongs here: put, get and stat of one object, by its content. Does
not belong here: what an artifact or a model is (``service.py``),
how content is encoded (``encoding.py``) and sent (``sending.py``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import unicodedata
from typing import IO, TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.files import CHUNK_BYTES, atomic_path, readable_file
from jarvis_dagster.services.storage.data_keys import DataKeys
from jarvis_dagster.services.storage.encoding import Content, Encoder, is_encrypted
from jarvis_dagster.services.storage.faults import DamagedError, UploadGoneError
from jarvis_dagster.services.storage.hashing import Hashes, checksum, hash_file
from jarvis_dagster.services.storage.key_sources import key_source
from jarvis_dagster.services.storage.raw import (
    RawObjects,
    opened,
    synced_early,
    write_to,
    written_to,
)
from jarvis_dagster.services.storage.sending import Outgoing, Sender
from jarvis_dagster.services.storage.uploads import Uploads
from jarvis_dagster.services.storage.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jarvis_dagster.services.storage.config import StorageConfig
    from jarvis_dagster.services.storage.stored import StoredObject

    Progress = Callable[[int, int], None]

__all__ = ["ObjectRef", "ObjectStore", "check_key"]

_SENDS = 3
_READS = 2  # of an object that arrives damaged: the network may have done it


@dataclasses.dataclass(frozen=True)
class ObjectRef:
    """One stored content; ``sha256`` is empty if Jarvis did not store it."""

    bucket: str
    key: str
    size: int
    sha256: str

    @property
    def url(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"


class _GoneError(Exception):
    """There is nothing to write."""


class ObjectStore:
    """Verified access to single objects. Thread-safe, as the MinIO client is."""

    def __init__(self, config: StorageConfig) -> None:
        self.config = config
        self.wire = Wire(config)
        self.keys = DataKeys(self.wire, key_source(config.encryption))
        self.encoder = Encoder(self.keys)
        self.uploads = Uploads(self.wire, config.part_mb << 20)
        self.raw = RawObjects(self.wire, self.uploads)
        self._sender = Sender(config, self.wire, self.encoder, self.uploads)

    def close(self) -> None:
        """Close the connections."""
        self.wire.close()

    # -- content ---------------------------------------------------------------

    def stat(self, bucket: str, key: str) -> ObjectRef | None:
        """The content under ``key``, or None where there is none."""
        check_key(key)
        stored = self.wire.call(f"s3://{bucket}/{key}", lambda: self.wire.head(bucket, key))
        return None if stored is None else self._ref(stored)

    def _ref(self, stored: StoredObject) -> ObjectRef:
        content = self.encoder.content(stored)
        return ObjectRef(stored.bucket, stored.key, content.size, content.sha256)

    def put(
        self,
        bucket: str,
        key: str,
        path: Path,
        media_type: str = "",
        *,
        hashes: Hashes | None = None,
        is_new: bool = False,
        progress: Progress | None = None,
    ) -> ObjectRef:
        """Store a file under ``key`` and verify it; the same content is sent once.

        The object appears whole, once all of it was sent and verified. A large
        file whose upload was interrupted, even by ``kill -9``, goes on where it
        stopped when it is put again.

        Args:
            hashes: The file's, where they are known already.
            is_new: Nothing is known to be there: a small file is sent without a look.
            progress: Called with the bytes that are stored and the file's size.

        Raises:
            BadInputError: the file or key is not usable, or the file changed
                while it was sent.
            TransientError: the store is away or did not keep what was sent.
        """
        check_key(key)
        path = readable_file(path)
        with _readable(path) as stream:
            content = Content(*(hashes or hash_file(path)))
            item = Outgoing(
                *(path, content, bucket, key, media_type or "application/octet-stream", progress)
            )
            sure = is_new and content.size <= self.uploads.part_bytes
            for _ in range(_SENDS):
                stream.seek(0)
                try:
                    if sure or not self._has(bucket, key, content):
                        self._sender.send(item, stream)
                except UploadGoneError:  # another process finished or gave up the same one
                    continue
                if progress is not None:
                    progress(content.size, content.size)
                return ObjectRef(bucket, key, content.size, content.sha256)
        raise TransientError(f"{item.url} is being uploaded by several processes.", "Try again.")

    def _has(self, bucket: str, key: str, content: Content) -> bool:
        """Whether the store has this content, encrypted as new content is."""
        url = f"s3://{bucket}/{key}"
        stored = self.wire.call(url, lambda: self.wire.head(bucket, key))
        if stored is None or is_encrypted(stored) != self.encoder.encrypts:
            return False
        try:
            found = self.encoder.content(stored)
        except PermanentError:  # damaged, or of another key: it is replaced
            return False
        return (found.size, found.sha256) == (content.size, content.sha256)

    def get(
        self, bucket: str, key: str, path: Path, *, progress: Progress | None = None
    ) -> ObjectRef | None:
        """Fetch a content into ``path``, verified; None where there is none.

        ``path`` is written in one step: it never holds a part of the content.

        Raises:
            DamagedError: what is stored is not what was put there.
            PermanentError: it is encrypted with a key that is not here.
        """
        if self.stat(bucket, key) is None:
            return None
        if path.is_dir():
            raise BadInputError(f"{path} is a folder.", "Name the file to write.")
        try:
            with written_to(path), atomic_path(path) as partial, partial.open("wb") as sink:
                ref = self._receive(bucket, key, sink, progress)
                if ref is None:
                    raise _GoneError  # deleted since the look: the target stays as it is
        except _GoneError:
            return None
        return ref

    def check(self, bucket: str, key: str) -> ObjectRef | None:
        """Read a content to its end and compare its SHA-256; None where there is none.

        Raises:
            DamagedError: what is stored is not what was put there.
            PermanentError: it is encrypted with a key that is not here.
        """
        check_key(key)
        return self._receive(bucket, key, None, None)

    def _receive(
        self, bucket: str, key: str, sink: IO[bytes] | None, progress: Progress | None
    ) -> ObjectRef | None:
        for left in reversed(range(_READS)):
            try:
                return self.wire.call(
                    f"s3://{bucket}/{key}", lambda: self._read_into(bucket, key, sink, progress)
                )
            except DamagedError:
                if not left:
                    raise
        raise AssertionError

    def _read_into(
        self, bucket: str, key: str, sink: IO[bytes] | None, progress: Progress | None
    ) -> ObjectRef | None:
        if sink is not None:
            sink.seek(0)
            sink.truncate()
        with opened(self.wire, bucket, key) as found, synced_early(sink) as sync:
            if found is None:
                return None
            stored, raw = found
            content, read = self.encoder.reader(stored, raw)
            digest, expected = _proof(stored, content, thorough=sink is None)
            size = 0
            while chunk := read(CHUNK_BYTES):
                if sink is not None:
                    write_to(sink, chunk, stored.url)
                    sync()
                if digest is not None:
                    digest.update(chunk)
                size += len(chunk)
                if progress is not None:
                    progress(size, content.size)
        if size != content.size or (digest is not None and digest.hexdigest() != expected):
            raise DamagedError(
                f"{stored.url} is damaged: {size} of {content.size} bytes, not those stored.",
                "Restore it from a backup.",
            )
        return ObjectRef(bucket, key, size, content.sha256)


def _proof(stored: StoredObject, content: Content, *, thorough: bool) -> tuple[Any, str]:
    """The digest that proves a content, and its value; None where nothing needs to."""
    if thorough and content.sha256:
        return hashlib.sha256(), content.sha256
    if is_encrypted(stored):  # each segment and the end are authenticated
        return None, ""
    if content.xxh3:
        return checksum(), content.xxh3
    return (hashlib.sha256(), content.sha256) if content.sha256 else (None, "")


def check_key(key: str) -> None:
    """Refuse keys that another tool would read as another place.

    Raises:
        BadInputError: the key is empty, too long, or has ``..``, control
            characters or a backslash in it (some servers make it a slash).
    """
    parts = key.split("/")
    odd = any(unicodedata.category(c) in {"Cc", "Cs"} or c == "\\" for c in key)
    names = {".", "..", ".uploads", ".versions"}  # the last two are SeaweedFS's own folders
    if odd or not all(parts) or names & set(parts) or len(key.encode("utf-8")) > 1024:
        raise BadInputError(f"{key[:80]!r} is not a usable object key.", "Use plain/path/names.")


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[IO[bytes]]:
    """The file, opened; what fails to be read is an error of its own."""
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise PermanentError(
            f"{path} cannot be read ({error.strerror}).", "Check the disk it is on."
        ) from error
