"""Objects as they are stored: bytes that may be compressed and encrypted.

Belongs here: what a backup needs: every object of a bucket, its stored bytes
out and in again. Does not belong here: the content (``objects.py``).
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import os
from typing import IO, TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.files import CHUNK_BYTES, atomic_path, readable_file
from jarvis_dagster.services.storage.hashing import hash_file
from jarvis_dagster.services.storage.uploads import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jarvis_dagster.services.storage.stored import ObjectInfo, StoredObject
    from jarvis_dagster.services.storage.uploads import Uploads
    from jarvis_dagster.services.storage.wire import Wire

__all__ = ["RawObject", "RawObjects", "opened", "synced_early", "write_to", "written_to"]


_SYNC_BYTES = 16 << 20


@dataclasses.dataclass(frozen=True)
class RawObject:
    """What :meth:`RawObjects.get` fetched: the object, and the SHA-256 of its stored bytes."""

    stored: StoredObject
    sha256: str


class RawObjects:
    """Access to the stored bytes of every object."""

    def __init__(self, wire: Wire, uploads: Uploads) -> None:
        self._wire = wire
        self._uploads = uploads

    def iter_objects(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object below ``prefix`` in the order of their keys, in pages.

        Records (``records/``) and data keys (``.jarvis/keys/``) are objects too: who
        has all of them has everything. ``.jarvis/uploads/`` is of no use elsewhere.
        """
        return self._wire.listing(bucket, prefix)

    def stat(self, bucket: str, key: str) -> StoredObject | None:
        """The object without its bytes; None where there is none."""
        return self._wire.call(f"s3://{bucket}/{key}", lambda: self._wire.head(bucket, key))

    def get(self, bucket: str, key: str, path: Path) -> RawObject | None:
        """Fetch an object's stored bytes into a file; None where there is none.

        Returns:
            The object as it was when its bytes were read, for :meth:`put`.
        """
        if self.stat(bucket, key) is None:
            return None
        with written_to(path), atomic_path(path) as partial:
            return self._wire.call(
                f"s3://{bucket}/{key}", lambda: self._receive(bucket, key, partial)
            )

    def _receive(self, bucket: str, key: str, partial: Path) -> RawObject:
        with opened(self._wire, bucket, key) as found:
            if found is None:
                raise TransientError(f"s3://{bucket}/{key} was deleted while it was read.")
            stored, read = found
            digest, size = hashlib.sha256(), 0
            with partial.open("wb") as sink:
                while chunk := read(CHUNK_BYTES):
                    write_to(sink, chunk, stored.url)
                    digest.update(chunk)
                    size += len(chunk)
        if size != stored.size:
            raise TransientError(f"{stored.url} arrived as {size} of {stored.size} bytes.")
        return RawObject(stored, digest.hexdigest())

    def put(self, stored: StoredObject, path: Path) -> str:
        """Store the bytes of :meth:`get` again, under the key and with the metadata they had.

        Returns:
            The object's new version.

        Raises:
            BadInputError: the file has not the size that ``stored`` says.
        """
        path = readable_file(path)
        if path.stat().st_size != stored.size:
            raise BadInputError(f"{path} has not the {stored.size} bytes of {stored.url}.")
        bucket, key = stored.bucket, stored.key
        with path.open("rb") as stream:
            if stored.size > self._uploads.part_bytes:
                fast = hash_file(path).xxh3

                def check(sent: str) -> None:
                    if sent != fast:
                        raise BadInputError(
                            f"{path} changed while it was being stored.",
                            "Store it again when nothing writes to it.",
                        )

                source = Source(
                    *(bucket, key, stored.size, fast, stored.media_type, stored.metadata, check)
                )
                self._uploads.send(source, stream)
            else:
                data = stream.read()
                self._wire.call(
                    stored.url,
                    lambda: self._wire.put(
                        bucket, key, data, media_type=stored.media_type, metadata=stored.metadata
                    ),
                )
        now = self.stat(bucket, key)
        if now is None or (now.size, now.metadata) != (stored.size, stored.metadata):
            raise TransientError(f"{stored.url} was sent, but the object store reports {now}.")
        return now.version

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; one that is gone is fine."""
        self._wire.call(f"s3://{bucket}/{key}", lambda: self._wire.delete(bucket, key))


@contextlib.contextmanager
def opened(
    wire: Wire, bucket: str, key: str
) -> Iterator[tuple[StoredObject, Callable[[int], bytes]] | None]:
    """An object and a read function for its stored bytes; None where there is none."""
    found = wire.open(bucket, key)
    if found is None:
        yield None
        return
    stored, response = found
    try:
        yield stored, lambda size: bytes(response.read(size, decode_content=False))
    finally:
        response.close()
        response.release_conn()


@contextlib.contextmanager
def synced_early(sink: IO[bytes] | None) -> Iterator[Callable[[], None]]:
    """A function to call after each write, so that the disk writes while more arrives.

    Else all of a large file would be written at the end, when it is made durable.
    """
    if sink is None:
        yield lambda: None
        return
    running: list[concurrent.futures.Future[None]] = []
    last = 0

    def sync() -> None:
        nonlocal last
        at = sink.tell()
        if at - last >= _SYNC_BYTES and all(future.done() for future in running):
            last = at
            running[:] = [pool.submit(os.fdatasync, sink.fileno())]

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        yield sync
        try:
            for future in running:
                future.result()  # the disk tells an error once: it must not get lost
        except OSError as error:
            raise _unwritten("What was fetched", error) from error


@contextlib.contextmanager
def written_to(path: Path) -> Iterator[None]:
    """A disk that fails is an error that says so, also when a file is closed on it."""
    try:
        yield
    except OSError as error:
        raise _unwritten(str(path), error) from error


def write_to(sink: IO[bytes], chunk: bytes, url: str) -> None:
    """Write a piece of ``url``; a full disk is an error that says so."""
    try:
        sink.write(chunk)
        sink.flush()
    except OSError as error:
        raise _unwritten(url, error) from error


def _unwritten(what: str, error: OSError) -> PermanentError:
    return PermanentError(
        f"{what} cannot be written to disk ({error.strerror}).", "Free some space, then try again."
    )
