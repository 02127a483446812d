"""Single objects in an S3 store: verified, retried, in bounded memory.

Belongs here: the client, the translation of its errors, put/get/stat of one
object. Does not belong here: what an artifact or a model is (``service.py``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import unicodedata
from functools import cached_property
from typing import IO, TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.files import CHUNK_BYTES, atomic_path, readable_file, sha256_file
from jarvis_dagster.services.retry import retrying
from jarvis_dagster.services.storage.faults import translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeVar

    import minio

    from jarvis_dagster.services.storage.config import StorageConfig

    T = TypeVar("T")

__all__ = ["ObjectRef", "ObjectStore", "check_key"]

_PART_BYTES = 16 << 20
_MAX_PARTS = 10_000  # of S3
_MISSING = {"NoSuchKey", "NoSuchObject", "ResourceNotFound"}


@dataclasses.dataclass(frozen=True)
class ObjectRef:
    """One stored object; ``sha256`` is empty if Jarvis did not store it."""

    bucket: str
    key: str
    size: int
    sha256: str

    @property
    def url(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"


class _HashingReader:
    """A stream that hashes what is read from it, so that a change is noticed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.at_end = False

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.digest.update(data)
        self.at_end = not data
        return data


class ObjectStore:
    """Verified access to single objects. Thread-safe, as the MinIO client is."""

    def __init__(self, config: StorageConfig) -> None:
        self.config = config

    @cached_property
    def client(self) -> minio.Minio:
        """The MinIO client; making it does not connect."""
        import certifi
        import minio
        import urllib3

        config = self.config
        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=config.connect_timeout_s, read=config.read_timeout_s),
            retries=urllib3.Retry(0),  # tenacity retries, and only what is transient
            maxsize=10,
            cert_reqs="CERT_REQUIRED",
            ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
        )
        return minio.Minio(
            config.endpoint,
            access_key=config.access_key,
            secret_key=config.secret_key.get_secret_value(),
            secure=config.secure,
            region=config.region,
            http_client=pool,
        )

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

    def stat(self, bucket: str, key: str) -> ObjectRef | None:
        """The object under ``key``, or None where there is none."""
        check_key(key)

        return self.call(f"s3://{bucket}/{key}", lambda: self._head(bucket, key))

    def _head(self, bucket: str, key: str) -> ObjectRef | None:
        import minio

        try:
            found = self.client.stat_object(bucket, key)
        except minio.S3Error as error:
            if error.code in _MISSING:
                return None
            raise
        meta = found.metadata or {}
        return ObjectRef(bucket, key, found.size or 0, meta.get("x-amz-meta-sha256", ""))

    def put(
        self, bucket: str, key: str, path: Path, media_type: str = "", *, sha256: str = ""
    ) -> ObjectRef:
        """Store a file under ``key`` and verify it; the same content is sent once.

        Args:
            sha256: The file's hash where it is known already.

        Raises:
            BadInputError: the file or key is not usable, or the file changed
                while it was sent.
            TransientError: the store is away or did not keep what was sent.
        """
        check_key(key)
        path = readable_file(path)
        wanted = ObjectRef(bucket, key, path.stat().st_size, sha256 or sha256_file(path))
        if self.stat(bucket, key) == wanted:
            return wanted
        self.call(wanted.url, lambda: self._send(wanted, path, media_type))
        return wanted

    def _send(self, wanted: ObjectRef, path: Path, media_type: str) -> None:
        with path.open("rb") as stream:
            reader = _HashingReader(stream)
            try:
                self.client.put_object(
                    wanted.bucket,
                    wanted.key,
                    reader,  # type: ignore[arg-type]  # only read() is called
                    wanted.size,
                    content_type=media_type or "application/octet-stream",
                    metadata={"sha256": wanted.sha256},
                    part_size=max(_PART_BYTES, -(-wanted.size // _MAX_PARTS)),
                    num_parallel_uploads=2,
                )
            except OSError as error:  # of the file; those of the network are others
                if reader.at_end:  # too soon
                    raise _changed(path) from error
                raise PermanentError(
                    f"{path} cannot be read ({error.strerror}).", "Check the disk it is on."
                ) from error
        stored = self._head(wanted.bucket, wanted.key)
        if reader.digest.hexdigest() != wanted.sha256:
            self.client.remove_object(wanted.bucket, wanted.key)
            raise _changed(path)
        if stored != wanted:
            raise TransientError(
                f"{wanted.url} was sent, but the object store reports {stored}.",
                "Check the object store's disk and log.",
            )

    def get(self, bucket: str, key: str, path: Path) -> ObjectRef | None:
        """Fetch an object into ``path``, verified; None where there is none.

        ``path`` is written in one step: it never holds a part of the object.
        """
        ref = self.stat(bucket, key)
        if ref is None:
            return None
        if path.is_dir():
            raise BadInputError(f"{path} is a folder.", "Name the file to write.")
        with atomic_path(path) as partial:
            return self.call(ref.url, lambda: self._receive(ref, partial))

    def _receive(self, ref: ObjectRef, partial: Path) -> ObjectRef:
        digest, size = hashlib.sha256(), 0
        response = self.client.get_object(ref.bucket, ref.key)
        try:
            with partial.open("wb") as stream:
                for chunk in response.stream(CHUNK_BYTES, decode_content=False):
                    _write(stream, chunk, ref)
                    digest.update(chunk)
                    size += len(chunk)
        finally:
            response.close()
            response.release_conn()
        # Another version may have replaced the object since stat: its own hash counts.
        expected = response.headers.get("x-amz-meta-sha256", "")
        expected_size = int(response.headers.get("Content-Length", ref.size))
        if size != expected_size or (expected and digest.hexdigest() != expected):
            raise TransientError(
                f"{ref.url} arrived damaged ({size} of {expected_size} bytes).",
                "Check the network and the object store's disk.",
            )
        return ObjectRef(ref.bucket, ref.key, size, expected)

    def put_bytes(self, bucket: str, key: str, data: bytes, media_type: str) -> None:
        """Store a small object in one request; the server checks its hash."""
        import io

        sha256 = hashlib.sha256(data).hexdigest()
        self.call(
            f"s3://{bucket}/{key}",
            lambda: self.client.put_object(
                bucket,
                key,
                io.BytesIO(data),
                len(data),
                content_type=media_type,
                metadata={"sha256": sha256},
            ),
        )
        stored = self.stat(bucket, key)
        if stored != ObjectRef(bucket, key, len(data), sha256):
            raise TransientError(
                f"s3://{bucket}/{key} was sent, but the object store reports {stored}.",
                "Check the object store's disk and log.",
            )

    def get_bytes(self, bucket: str, key: str) -> bytes | None:
        """A small object's content, or None where there is none."""

        def fetch() -> bytes | None:
            import minio

            try:
                response = self.client.get_object(bucket, key)
            except minio.S3Error as error:
                if error.code in _MISSING:
                    return None
                raise
            try:
                return bytes(response.read())
            finally:
                response.close()
                response.release_conn()

        return self.call(f"s3://{bucket}/{key}", fetch)


def check_key(key: str) -> None:
    """Refuse keys that another tool would read as another place.

    Raises:
        BadInputError: the key is empty, too long, or has ``..`` or control
            characters in it.
    """
    parts = key.split("/")
    control = any(unicodedata.category(c) in {"Cc", "Cs"} for c in key)
    if control or not all(parts) or {".", ".."} & set(parts) or len(key.encode("utf-8")) > 1024:
        raise BadInputError(f"{key[:80]!r} is not a usable object key.", "Use plain/path/names.")


def _write(stream: IO[bytes], chunk: bytes, ref: ObjectRef) -> None:
    try:
        stream.write(chunk)
    except OSError as error:
        raise PermanentError(
            f"{ref.url} cannot be written to disk ({error.strerror}).",
            "Free some space, then try again.",
        ) from error


def _changed(path: Path) -> BadInputError:
    return BadInputError(
        f"{path} changed while it was being stored.", "Store it when it is complete."
    )
