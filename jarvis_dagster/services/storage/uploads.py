"""Large files, in parts, resumed where a killed process stopped.

Belongs here: which parts are sent, what is remembered about an unfinished
upload, and when one is given up. Does not belong here: the requests
(``parts.py``) and what the bytes mean (``objects.py``).

What is remembered is an object, ``.jarvis/uploads/{hash}.json``, named after
the key and the content: who stores the same again finds it and sends what is
missing. Parts that are there are compared by their MD5, which is S3's ETag of
a part; a server whose ETags are something else gets every part again.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import json
from typing import IO, TYPE_CHECKING, Any

from jarvis_dagster.services.storage.connection import crc32c
from jarvis_dagster.services.storage.hashing import checksum
from jarvis_dagster.services.storage.parts import Part, PartRequests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from jarvis_dagster.services.storage.wire import Wire

__all__ = ["UPLOADS_PREFIX", "Source", "Uploads"]

UPLOADS_PREFIX = ".jarvis/uploads/"
_MAX_PARTS = 10_000  # of S3
_AT_ONCE = 4
_CHECKSUMS = "CRC32C"  # of the parts: an upload must be finished with those it was begun with


@dataclasses.dataclass(frozen=True)
class Source:
    """What is to be sent.

    Attributes:
        identity: Names these very bytes: only an upload with the same is resumed.
        check: Called with the XXH3 of what was sent, before it is visible;
            raises where it is not what it should be.
    """

    bucket: str
    key: str
    size: int
    identity: str
    media_type: str
    metadata: Mapping[str, str]
    check: Callable[[str], None]

    @property
    def url(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def state_key(self) -> str:
        """Where the state of the upload is remembered."""
        named = json.dumps([self.key, self.identity]).encode()
        return f"{UPLOADS_PREFIX}{hashlib.sha256(named).hexdigest()[:32]}.json"


class Uploads:
    """Sends files in parts of ``part_bytes``; about six parts are in memory."""

    def __init__(self, wire: Wire, part_bytes: int) -> None:
        self._wire = wire
        self._requests = PartRequests(wire)
        self.part_bytes = part_bytes

    def send(
        self, source: Source, stream: IO[bytes], progress: Callable[[int], None] | None = None
    ) -> None:
        """Send a stream; the object is visible when this returns, whole, and not before.

        Args:
            progress: Called with the bytes that the server holds, from this
                thread.

        Raises:
            TransientError: the server is away; what was sent is kept for the next try.
        """
        part_bytes = max(self.part_bytes, -(-source.size // _MAX_PARTS))
        upload_id, there = self._resumed(source, part_bytes)
        if not upload_id:
            upload_id = self._begin(source, part_bytes)
        parts, digest = self._send_parts(source, stream, upload_id, there, part_bytes, progress)
        try:
            source.check(digest)
        except BaseException:
            self._give_up(source.bucket, source.key, upload_id)
            self._forget(source)
            raise
        self._complete(source, upload_id, parts)
        self._forget(source)

    def _send_parts(
        self,
        source: Source,
        stream: IO[bytes],
        upload_id: str,
        there: dict[int, Part],
        part_bytes: int,
        progress: Callable[[int], None] | None,
    ) -> tuple[list[Part], str]:
        digest = checksum()
        sent: list[Part] = []
        waiting: set[concurrent.futures.Future[Part]] = set()

        def collect(until: str) -> None:
            nonlocal waiting
            done, waiting = concurrent.futures.wait(waiting, return_when=until)
            sent.extend(future.result() for future in done)
            if progress is not None:
                progress(sum(part.size for part in sent))

        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for number in range(1, max(1, -(-source.size // part_bytes)) + 1):
                    data = stream.read(part_bytes)
                    waiting.add(
                        pool.submit(self._part, source, upload_id, number, data, there.get(number))
                    )
                    digest.update(data)  # while the part is on its way
                    if len(waiting) > _AT_ONCE:  # the next one is ready when a connection is
                        collect(concurrent.futures.FIRST_COMPLETED)
                collect(concurrent.futures.ALL_COMPLETED)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return sorted(sent, key=lambda part: part.number), digest.hexdigest()

    def _part(
        self, source: Source, upload_id: str, number: int, data: bytes, there: Part | None
    ) -> Part:
        if there is not None and there.size == len(data) and there.version == _md5(data):
            return dataclasses.replace(there, checksum=crc32c(data))
        return self._wire.call(
            source.url,
            lambda: self._requests.put(source.bucket, source.key, upload_id, number, data),
        )

    def _complete(self, source: Source, upload_id: str, parts: list[Part]) -> None:
        def complete() -> None:
            import minio

            try:
                self._requests.complete(source.bucket, source.key, upload_id, parts)
            except minio.S3Error as error:
                # An earlier try may have succeeded without its answer arriving, or another
                # process may have completed the same upload: who asked checks the object.
                if error.code != "NoSuchUpload":
                    raise

        self._wire.call(source.url, complete)

    def _begin(self, source: Source, part_bytes: int) -> str:
        upload_id = self._wire.call(
            source.url,
            lambda: self._requests.create(
                source.bucket, source.key, source.media_type, source.metadata
            ),
        )
        state = {"upload_id": upload_id, "key": source.key, "part_bytes": part_bytes}
        state["checksums"] = _CHECKSUMS
        self._wire.call(
            source.url,
            lambda: self._wire.put(
                source.bucket,
                source.state_key,
                json.dumps(state).encode(),
                media_type="application/json",
            ),
        )
        return upload_id

    def _resumed(self, source: Source, part_bytes: int) -> tuple[str, dict[int, Part]]:
        """The id of the unfinished upload of these bytes, and its parts."""
        found = self._wire.read(source.bucket, source.state_key)
        if found is None:
            return "", {}
        try:
            state: dict[str, Any] = json.loads(found[1])
            upload_id = str(state["upload_id"])
            same = (state["key"], state["part_bytes"]) == (source.key, part_bytes)
            same = same and state["checksums"] == _CHECKSUMS
        except (ValueError, TypeError, KeyError):
            return "", {}
        if not same:
            return "", {}
        parts = self._wire.call(
            source.url, lambda: self._requests.listed(source.bucket, source.key, upload_id)
        )
        return ("", {}) if parts is None else (upload_id, parts)

    def _forget(self, source: Source) -> None:
        self._wire.call(source.url, lambda: self._wire.delete(source.bucket, source.state_key))

    def _give_up(self, bucket: str, key: str, upload_id: str) -> None:
        self._wire.call(
            f"s3://{bucket}/{key}", lambda: self._requests.abort(bucket, key, upload_id)
        )

    def abandoned(self, bucket: str, before: datetime) -> list[str]:
        """The keys of the uploads that began before ``before`` and were never finished."""
        return [upload.key for upload in self._old(bucket, before)]

    def clean(self, bucket: str, before: datetime) -> list[str]:
        """Give up the uploads that began before ``before``; returns their keys."""
        cleaned = []
        for upload in self._old(bucket, before):
            self._give_up(bucket, upload.key, upload.upload_id)
            cleaned.append(upload.key)
        for info in list(self._wire.listing(bucket, UPLOADS_PREFIX)):
            if info.modified < before:
                self._wire.call(
                    f"s3://{bucket}/{info.key}",
                    lambda key=info.key: self._wire.delete(bucket, key),  # type: ignore[misc]
                )
        return cleaned

    def _old(self, bucket: str, before: datetime) -> list[Any]:
        return self._wire.call(
            f"s3://{bucket}",
            lambda: [u for u in self._requests.unfinished(bucket) if u.started < before],
        )


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
