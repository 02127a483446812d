"""A backup in an S3 bucket.

Belongs here: blobs as objects below a prefix. Does not belong here: the object
store that is backed up (``sources/objects.py``).
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.backup.places.base import Blob, Place, is_name
from jarvis_dagster.services.backup.s3 import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.backup.s3 import S3

__all__ = ["S3Place"]


class S3Place(Place):
    """Blobs as objects; the bucket is made if it is not there."""

    def __init__(self, store: S3, bucket: str, prefix: str = "") -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._made = False
        self.where = f"s3://{bucket}/{self._prefix}".rstrip("/")

    def put(self, name: str, data: bytes) -> None:
        key = self._key(name)

        def send() -> None:
            self._store.client.put_object(self._bucket, key, io.BytesIO(data), len(data))
            found = self._store.client.stat_object(self._bucket, key)
            tag = (found.etag or "").strip('"')
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            if found.size != len(data) or (len(tag) == len(md5) and tag != md5):
                raise TransientError(
                    f"{self._url(name)} was sent, but is not what the server reports.",
                    "Check the server's disk and log.",
                )

        self._make_bucket()
        self._store.call(self._url(name), send)

    def get(self, name: str) -> bytes | None:
        key = self._key(name)

        def fetch() -> bytes | None:
            import minio

            try:
                response = self._store.client.get_object(self._bucket, key)
            except minio.S3Error as error:
                if error.code in {*MISSING, "NoSuchBucket"}:
                    return None
                raise
            try:
                data = response.read(decode_content=False)
                expected = response.headers.get("Content-Length")
            finally:
                response.close()
                response.release_conn()
            if expected is not None and len(data) != int(expected):
                raise TransientError(
                    f"{self._url(name)} arrived cut short ({len(data)} of {expected} bytes).",
                    "Check the network.",
                )
            return data

        return self._store.call(self._url(name), fetch)

    def list(self, prefix: str = "") -> Iterator[Blob]:
        def listing() -> list[Blob]:
            import minio

            blobs = []
            try:
                for found in self._store.client.list_objects(
                    self._bucket, self._prefix + prefix, recursive=True
                ):
                    name = (found.object_name or "").removeprefix(self._prefix)
                    if is_name(name) and found.last_modified is not None:
                        blobs.append(Blob(name, found.size or 0, found.last_modified))
            except minio.S3Error as error:
                if error.code != "NoSuchBucket":
                    raise
            return blobs

        yield from self._store.call(self.where, listing)

    def delete(self, name: str) -> None:
        key = self._key(name)

        def remove() -> None:
            import minio

            try:
                self._store.client.remove_object(self._bucket, key)
            except minio.S3Error as error:
                if error.code not in {*MISSING, "NoSuchBucket"}:
                    raise

        self._store.call(self._url(name), remove)

    def _make_bucket(self) -> None:
        def make() -> None:
            if not self._store.client.bucket_exists(self._bucket):
                self._store.client.make_bucket(self._bucket)

        if not self._made:
            self._store.call(f"s3://{self._bucket}", make)
            self._made = True

    def _key(self, name: str) -> str:
        if not is_name(name):
            raise ValueError(f"{name!r} is no name of a blob")
        return self._prefix + name

    def _url(self, name: str) -> str:
        return f"{self.where}/{name}"
