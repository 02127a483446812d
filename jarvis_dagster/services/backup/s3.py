"""The S3 client of backups: raw objects, retried.

Belongs here: making the client, its errors as errors of Jarvis. Does not belong
here: what the storage service adds to objects (compression, encryption): a
backup takes and brings back the bytes as they are stored.
"""

from __future__ import annotations

import contextlib
import os
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    import minio
    from pydantic import SecretStr

    T = TypeVar("T")

__all__ = ["MISSING", "S3", "ObjectStoreServer", "S3Server"]

MISSING = {"NoSuchKey", "NoSuchObject", "ResourceNotFound"}
"""Codes that say that there is no such object."""

_ATTEMPTS = 5
_CONNECT_S, _READ_S = 5.0, 60.0
_BUSY = {"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"}


class S3Server(Protocol):
    """The settings of an S3 server."""

    @property
    def endpoint(self) -> str: ...
    @property
    def secure(self) -> bool: ...
    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> SecretStr: ...
    @property
    def region(self) -> str: ...


class ObjectStoreServer(S3Server, Protocol):
    """The settings of the object store, ``StorageConfig``."""

    @property
    def buckets(self) -> tuple[str, ...]: ...


class S3:
    """An S3 server. Thread-safe, as the MinIO client is."""

    def __init__(self, server: S3Server) -> None:
        self._server = server

    @cached_property
    def client(self) -> minio.Minio:
        """The MinIO client; making it does not connect."""
        import certifi
        import minio
        import urllib3

        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
            retries=urllib3.Retry(0),  # tenacity retries, and only what is transient
            maxsize=10,
            cert_reqs="CERT_REQUIRED",
            ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
        )
        return minio.Minio(
            self._server.endpoint,
            access_key=self._server.access_key,
            secret_key=self._server.secret_key.get_secret_value(),
            secure=self._server.secure,
            region=self._server.region,
            http_client=pool,
        )

    def close(self) -> None:
        """Close the connections."""
        if "client" in self.__dict__:
            self.client._http.clear()
            del self.__dict__["client"]

    def call(self, what: str, function: Callable[[], T]) -> T:
        """Run ``function``, translate its errors and retry the transient ones."""

        def attempt() -> T:
            with _translated(self._server.endpoint, what):
                return function()

        return retrying(_ATTEMPTS)(attempt)


@contextlib.contextmanager
def _translated(where: str, what: str) -> Iterator[None]:
    """The client's errors, without their messages: those may quote keys and signed headers."""
    import minio.error
    import urllib3.exceptions

    try:
        yield
    except minio.S3Error as error:
        status = error.response.status if error.response is not None else 0
        if error.code in _BUSY or status >= 500:
            raise TransientError(
                f"The object store at {where} is not ready for {what} ({error.code}).",
                "Try again; if it lasts, read the store's log.",
            ) from None
        raise PermanentError(
            f"The object store at {where} refused {what} ({error.code}).",
            "Check its keys, the bucket and its policy.",
        ) from None
    except (minio.error.ServerError, minio.error.InvalidResponseError) as error:
        raise TransientError(
            f"The object store at {where} failed on {what} ({type(error).__name__}).",
            "Check that it is an S3 server, and its log.",
        ) from None
    except urllib3.exceptions.HTTPError as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, urllib3.exceptions.SSLError):
            raise PermanentError(
                f"No trusted TLS connection to the object store at {where}.",
                "Check `secure` in its settings, and the server's certificate.",
            ) from None
        raise TransientError(
            f"The object store at {where} cannot be reached for {what} ({type(reason).__name__}).",
            "Start it with `jarvis up`, or check its endpoint.",
        ) from None
