"""The object store: the bytes of each object as they are stored, and their headers.

Belongs here: listing and reading objects as they are; an encrypted one stays so.
Does not belong here: what an object means.

What names others is read before them, and brought back after them: the storage
service's records, then contents, then the data keys of encrypted contents. Each
of the three is listed when the one before has been read, so whatever a record
of the snapshot names was there to be listed.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
from typing import IO, TYPE_CHECKING, Any, cast

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.backup.s3 import MISSING
from jarvis_dagster.services.backup.sources.base import Content, Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jarvis_dagster.services.backup.s3 import S3

__all__ = ["PREFIXES", "ObjectStoreBuckets", "turn_of"]

PREFIXES = ("records/", "", ".jarvis/keys/")
"""Of the keys, in the order in which they are read; the empty one is all others."""

_OWN = ".jarvis/"  # of it, only the data keys last; the rest are uploads and claims under way
_CHUNK = 4 << 20
_KEPT = {
    *("content-type", "content-encoding", "content-disposition", "content-language"),
    "cache-control",
}
_USER = "x-amz-meta-"
_SETTLED_S = 2


class ObjectStoreBuckets:
    """All objects of some buckets."""

    def __init__(self, store: S3, buckets: Sequence[str]) -> None:
        self._store = store
        self._buckets = tuple(buckets)

    def items(self, note: Callable[[str], None]) -> Iterator[Item]:
        there = [bucket for bucket in self._buckets if self._exists(bucket)]
        for bucket in self._buckets:
            if bucket not in there:
                note(f"The bucket {bucket} does not exist; nothing of it is in the backup.")
        for turn, prefix in enumerate(PREFIXES):
            for bucket in there:
                for found in self._listing(bucket, prefix):
                    if turn_of(found.object_name) == turn:
                        yield self._item(bucket, found)

    def _exists(self, bucket: str) -> bool:
        return self._store.call(f"s3://{bucket}", lambda: self._store.client.bucket_exists(bucket))

    def _listing(self, bucket: str, prefix: str) -> list[Any]:
        """The whole listing: an outage in the middle is retried and never looks like its end."""
        return self._store.call(
            f"s3://{bucket}/{prefix}",
            lambda: list(self._store.client.list_objects(bucket, prefix, recursive=True)),
        )

    def _item(self, bucket: str, found: Any) -> Item:
        key, size = found.object_name, found.size or 0
        seen = _fingerprint(found.etag, size, found.last_modified)

        @contextlib.contextmanager
        def opened() -> Iterator[Content | None]:
            url = f"s3://{bucket}/{key}"
            response = self._store.call(url, lambda: self._get(bucket, key))
            if response is None:
                yield None
                return
            try:
                yield _content(response, url)
            finally:
                response.close()
                response.release_conn()

        return Item(f"objects/{bucket}/{key}", "object", size, seen, _CHUNK, opened)

    def _get(self, bucket: str, key: str) -> Any:
        import minio

        try:
            return self._store.client.get_object(bucket, key)
        except minio.S3Error as error:
            if error.code in MISSING:
                return None
            raise


def turn_of(key: str) -> int | None:
    """Which of :data:`PREFIXES` a key has its turn with; None if it is not backed up."""
    for turn, prefix in enumerate(PREFIXES):
        if prefix and key.startswith(prefix):
            return turn
    return None if key.startswith(_OWN) else PREFIXES.index("")


class _Body:
    """The body of an answer; a dropped connection is an error of Jarvis."""

    def __init__(self, response: Any, url: str) -> None:
        self._response = response
        self._url = url

    def read(self, size: int = -1) -> bytes:
        import urllib3.exceptions

        try:
            return self._response.read(size, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransientError(
                f"{self._url} was cut off while it was read ({type(error).__name__}).",
                "Check the network and the object store's log.",
            ) from None


def _content(response: Any, url: str) -> Content:
    headers = response.headers
    size = int(headers["Content-Length"])
    modified = email.utils.parsedate_to_datetime(headers["Last-Modified"])
    now = headers.get("Date")
    settled = now is not None and (
        email.utils.parsedate_to_datetime(now) - modified
    ) >= datetime.timedelta(seconds=_SETTLED_S)
    fingerprint = _fingerprint(headers.get("ETag"), size, modified) if settled else ""
    return Content(cast("IO[bytes]", _Body(response, url)), size, fingerprint, _kept(headers))


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() in _KEPT or name.lower().startswith(_USER)
    }


def _fingerprint(etag: str | None, size: int, modified: datetime.datetime | None) -> str:
    if not etag or modified is None:
        return ""
    return f"{etag.strip(chr(34))}:{size}:{int(modified.timestamp())}"
