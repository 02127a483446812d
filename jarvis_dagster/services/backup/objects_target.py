"""Objects on their way back into an object store.

Belongs here: writing an object as it was, and reading it back. Does not belong
here: what is restored, and in which order (``restore.py``).
"""

from __future__ import annotations

import functools
import hashlib
from typing import IO, TYPE_CHECKING, Any, cast

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.backup.s3 import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jarvis_dagster.services.backup.manifest import Entry
    from jarvis_dagster.services.backup.s3 import S3

__all__ = ["ObjectTarget"]

_PART, _MOST_PARTS = 16 << 20, 10_000
_CHUNK = 1 << 20


class ObjectTarget:
    """The object store that a snapshot is restored into.

    Args:
        buckets: Those that it has to have, whether the snapshot has objects for them or not.
    """

    def __init__(self, store: S3, buckets: Sequence[str] = ()) -> None:
        self._store = store
        self.buckets = tuple(buckets)
        self._made: set[str] = set()

    def first_in(self, buckets: Sequence[str]) -> str | None:
        """The URL of an object in one of the buckets; None if they are empty."""
        for bucket in buckets:
            found = self._store.call(f"s3://{bucket}", functools.partial(self._first, bucket))
            if found is not None:
                return f"s3://{bucket}/{found}"
        return None

    def make(self, bucket: str) -> None:
        """Make a bucket unless it is there."""

        def make() -> None:
            if not self._store.client.bucket_exists(bucket):
                self._store.client.make_bucket(bucket)

        if bucket not in self._made:
            self._store.call(f"s3://{bucket}", make)
            self._made.add(bucket)

    def put(self, entry: Entry, content: Callable[[], Iterator[bytes]]) -> None:
        """Write an object unless it is there, and read it back.

        Raises:
            DamagedError: of the content; nothing is written then.
            TransientError: the store is away or did not keep what was sent.
        """
        bucket, key = entry.bucket_and_key
        url = f"s3://{bucket}/{key}"
        self.make(bucket)
        if self._store.call(url, lambda: self._sha256(bucket, key, entry)) == entry.sha256:
            return
        self._store.call(url, lambda: self._send(bucket, key, entry, content()))
        if self._store.call(url, lambda: self._sha256(bucket, key, entry)) != entry.sha256:
            raise TransientError(
                f"{url} was sent, but reads back differently.",
                "Check the object store's disk and log.",
            )

    def _first(self, bucket: str) -> str | None:
        if not self._store.client.bucket_exists(bucket):
            return None
        found = next(iter(self._store.client.list_objects(bucket, recursive=True)), None)
        return found.object_name if found is not None else None

    def _send(self, bucket: str, key: str, entry: Entry, content: Iterator[bytes]) -> None:
        headers = dict(entry.meta)
        self._store.client.put_object(
            bucket,
            key,
            cast("IO[bytes]", _Reader(content)),  # type: ignore[arg-type]  # only read() is called
            entry.size,
            content_type=headers.pop("content-type", "application/octet-stream"),
            metadata=cast("Any", headers),
            part_size=max(_PART, -(-entry.size // _MOST_PARTS)),
            num_parallel_uploads=1,
        )

    def _sha256(self, bucket: str, key: str, entry: Entry) -> str | None:
        """The hash of what the store holds; None if that is nothing or differs in size."""
        import minio

        try:
            found = self._store.client.stat_object(bucket, key)
            headers = {name.lower(): value for name, value in (found.metadata or {}).items()}
            if found.size != entry.size or any(
                headers.get(name) != value for name, value in entry.meta.items()
            ):
                return None
            response = self._store.client.get_object(bucket, key)
        except minio.S3Error as error:
            if error.code in MISSING:
                return None
            raise
        digest = hashlib.sha256()
        try:
            for data in response.stream(_CHUNK, decode_content=False):
                digest.update(data)
        finally:
            response.close()
            response.release_conn()
        return digest.hexdigest()


class _Reader:
    """An iterator of bytes as a stream."""

    def __init__(self, content: Iterator[bytes]) -> None:
        self._content = content
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        parts, missing = [], size
        while missing:
            if not self._rest:
                self._rest = next(self._content, b"")
                if not self._rest:
                    break
            part = self._rest if missing < 0 else self._rest[:missing]
            self._rest = self._rest[len(part) :]
            parts.append(part)
            missing -= len(part) if missing > 0 else 0
        return b"".join(parts)
