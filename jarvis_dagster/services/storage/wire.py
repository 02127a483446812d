"""The S3 requests: one method a request, errors translated, nothing remembered.

Belongs here: the connection, TLS, retries of transient failures, whole objects:
also the conditional writes that the MinIO client's public methods lack. Does
not belong here: parts of objects (``parts.py``), and what is verified and in
which order (``objects.py``).
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from jarvis_dagster.services.retry import retrying
from jarvis_dagster.services.storage.connection import (
    CHECKSUM,
    UNSIGNED,
    connect,
    crc32c,
    is_private,
)
from jarvis_dagster.services.storage.faults import MISSING, translated
from jarvis_dagster.services.storage.stored import (
    ObjectInfo,
    meta_headers,
    stored_object,
    unquoted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import minio
    from urllib3.response import BaseHTTPResponse as HTTPResponse

    from jarvis_dagster.services.storage.config import StorageConfig
    from jarvis_dagster.services.storage.stored import StoredObject

__all__ = ["Wire"]

T = TypeVar("T")

_PAGE = 1000  # of S3
_UNKNOWN = {"InvalidArgument", "NotImplemented"}


class Wire:
    """Requests to one S3 server. Thread-safe, as the MinIO client is.

    The methods below ``call`` make one attempt; ``call`` retries them.
    """

    def __init__(self, config: StorageConfig) -> None:
        self.config = config
        self._compares = False  # whether the server was seen to compare checksums
        self.knows_checksums = True  # until it refuses one

    @cached_property
    def client(self) -> minio.Minio:
        """The MinIO client; making it does not connect."""
        return connect(self.config)

    def close(self) -> None:
        """Close the connections."""
        if "client" in self.__dict__:
            self.client._http.clear()
            del self.__dict__["client"]

    def call(self, what: str, function: Callable[[], T], *, attempts: int | None = None) -> T:
        """Run ``function``, translate its errors and retry the transient ones.

        Args:
            what: The thing acted on, for messages: ``s3://bucket/key``.
            function: Talks to the server; may run several times.
            attempts: None means as often as the settings say.
        """

        def attempt() -> T:
            with translated(self.config.endpoint, what):
                return function()

        return retrying(attempts or self.config.attempts)(attempt)

    def request(
        self,
        method: str,
        bucket: str,
        key: str | None = None,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> HTTPResponse:
        """One signed request; the one place that uses a private method of the client."""
        return self.client._execute(
            method,
            bucket,
            key,
            body=body,
            headers=dict(headers or {}),
            query_params=dict(query or {}),
            preload_content=not stream,
        )

    def send(
        self,
        bucket: str,
        key: str,
        data: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        checksum: str = "",
    ) -> HTTPResponse:
        """Send bytes, which the server checks; the answer's ETag is their version."""
        import minio

        all_headers = dict(headers or {})
        if self.knows_checksums:
            all_headers[CHECKSUM] = checksum or crc32c(data)
        if not data:
            all_headers["Content-Length"] = "0"
        elif self._compares and is_private(self.config):
            all_headers["x-amz-content-sha256"] = UNSIGNED
        try:
            response = self.request("PUT", bucket, key, body=data, headers=all_headers, query=query)
        except minio.S3Error as error:
            if CHECKSUM not in all_headers or not self.learns_from(error):
                raise
            return self.send(bucket, key, data, headers=headers, query=query)
        self._compares = CHECKSUM in response.headers
        return response

    def learns_from(self, error: minio.S3Error) -> bool:
        """Whether a request was refused for its checksum alone; from now on none goes along.

        The signature covers the SHA-256 of the body then, or TLS its way.
        """
        is_about_it = error.code in _UNKNOWN and "checksum" in str(error.message).lower()
        if is_about_it:
            self.knows_checksums = self._compares = False
        return is_about_it

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """The object under ``key`` without its bytes; None where there is none."""
        import minio

        try:
            response = self.request("HEAD", bucket, key)
        except minio.S3Error as error:
            if error.code in MISSING:
                return None
            raise
        return stored_object(bucket, key, response.headers)

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes,
        *,
        media_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        condition: Mapping[str, str] | None = None,
    ) -> str:
        """Store ``data`` in one request, which the server checks; its version.

        Args:
            condition: ``{"If-None-Match": "*"}`` or ``{"If-Match": version}``.
        """
        headers = {"Content-Type": media_type, **meta_headers(metadata), **(condition or {})}
        response = self.send(bucket, key, data, headers=headers)
        return unquoted(response.headers.get("etag"))

    def open(self, bucket: str, key: str) -> tuple[StoredObject, HTTPResponse] | None:
        """The object and the answer to read its bytes from; None where there is none.

        The answer must be closed (``with`` :func:`contextlib.closing`).
        """
        import minio

        try:
            response = self.request("GET", bucket, key, stream=True)
        except minio.S3Error as error:
            if error.code in MISSING:
                return None
            raise
        return stored_object(bucket, key, response.headers), response

    def read(self, bucket: str, key: str) -> tuple[StoredObject, bytes] | None:
        """A small object with its bytes, retried; None where there is none."""

        def fetch() -> tuple[StoredObject, bytes] | None:
            found = self.open(bucket, key)
            if found is None:
                return None
            stored, response = found
            try:
                return stored, response.read(decode_content=False)
            finally:
                response.close()
                response.release_conn()

        return self.call(f"s3://{bucket}/{key}", fetch)

    def delete(self, bucket: str, key: str, *, version: str = "") -> None:
        """Delete an object, if it still is in ``version``; one that is gone is fine."""
        headers = {"If-Match": f'"{version}"'} if version else None
        self.request("DELETE", bucket, key, headers=headers)

    def has_bucket(self, bucket: str) -> bool:
        """Whether the bucket exists, asked once."""
        return self.call(
            f"s3://{bucket}", lambda: bool(self.client.bucket_exists(bucket)), attempts=1
        )

    def ensure_bucket(self, bucket: str) -> None:
        """Create the bucket if it is missing."""

        def ensure() -> None:
            import minio

            if self.client.bucket_exists(bucket):
                return
            try:
                self.client.make_bucket(bucket)
            except minio.S3Error as error:  # another process was quicker
                if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                    raise
                if not self.client.bucket_exists(bucket):
                    raise

        self.call(f"s3://{bucket}", ensure)

    def listing(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """The objects whose keys begin with ``prefix``, in pages, each page retried."""
        after: str | None = None
        while True:
            page = self.call(f"s3://{bucket}/{prefix}", lambda: self._page(bucket, prefix, after))  # noqa: B023 - runs now
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].key

    def _page(self, bucket: str, prefix: str, after: str | None) -> list[ObjectInfo]:
        items = self.client.list_objects(bucket, prefix=prefix, recursive=True, start_after=after)
        return [
            ObjectInfo(
                bucket,
                item.object_name,
                item.size or 0,
                unquoted(item.etag),
                item.last_modified or datetime.min.replace(tzinfo=UTC),
            )
            for item in itertools.islice(items, _PAGE)
            if item.object_name is not None
        ]
