"""What the S3 client raises, as errors of Jarvis.

Belongs here: which failure is transient, and its remedy. Does not belong here:
retries and calls (``objects.py``). Messages never hold what the client was
given: its own messages may quote keys and signed headers.
"""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConflictError, PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import minio

__all__ = ["MISSING", "DamagedError", "UploadGoneError", "translated"]

MISSING = {"NoSuchKey", "NoSuchObject", "NoSuchUpload", "ResourceNotFound"}

_BUSY = {
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServerNotInitialized",
    "ServiceUnavailable",
    "SlowDown",
    "SlowDownRead",
    "SlowDownWrite",
    "XMinioServerNotInitialized",
}
_FULL = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"}
_NO_ROOM = 507
_NOT_IMPLEMENTED = 501  # so servers answer a header that they do not know, and will again
_ARRIVED_DAMAGED = {"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}


class DamagedError(PermanentError):
    """What the store returns is not what was stored; the message names the object."""


class UploadGoneError(ConflictError):
    """Another process finished, changed or gave up the upload in parts that we were at."""


@contextlib.contextmanager
def translated(where: str, what: str) -> Iterator[None]:
    """Errors on ``what`` (``s3://bucket/key``) at ``where`` (host:port) as errors of Jarvis."""
    import minio.error
    import urllib3.exceptions

    try:
        yield
    except minio.S3Error as error:
        raise _of_s3(where, what, error) from None
    except urllib3.exceptions.HTTPError as error:
        raise _of_http(where, what, error) from None
    except (minio.error.ServerError, minio.error.InvalidResponseError, ET.ParseError) as error:
        raise TransientError(
            f"The object store at {where} failed on {what} ({type(error).__name__}).",
            "Check that it is an S3 server, and its log.",
        ) from None


def _of_s3(where: str, what: str, error: minio.S3Error) -> Exception:
    status = error.response.status if error.response is not None else 0
    passing = _by_another_writer(what, error, status) or _transient(where, what, error, status)
    if passing is not None:
        return passing
    if error.code == "NoSuchBucket":
        return PermanentError(
            f"The bucket of {what} does not exist at {where}.",
            "Create it with `jarvis storage init`.",
        )
    if error.code == "RequestTimeTooSkewed":
        return PermanentError(
            f"The object store at {where} refused {what}: its clock differs from ours.",
            "Set the clock by NTP.",
        )
    if status in {401, 403}:
        return PermanentError(
            f"The object store at {where} refused {what} ({error.code}).",
            "Check storage.access_key, storage.secret_key and the bucket's policy.",
        )
    return PermanentError(
        f"The object store at {where} failed on {what} ({error.code}).",
        "Read the store's log.",
    )


def _by_another_writer(what: str, error: minio.S3Error, status: int) -> ConflictError | None:
    if error.code in {"PreconditionFailed", "ConditionalRequestConflict"} or status == 412:
        return ConflictError(
            f"{what} was changed by another writer at the same time.",
            "Look at what is there now, then try again.",
        )
    if error.code in {"NoSuchUpload", "InvalidPart"}:
        return UploadGoneError(
            f"The upload of {what} in parts was ended by another process.", "Store it again."
        )
    return None


def _transient(where: str, what: str, error: minio.S3Error, status: int) -> Exception | None:
    if error.code in _ARRIVED_DAMAGED:
        return TransientError(
            f"What was sent for {what} arrived damaged at {where} ({error.code}).",
            "Try again; if it lasts, check the network and the memory of both machines.",
        )
    if error.code in _FULL or status == _NO_ROOM:
        return TransientError(
            f"The object store at {where} has no room for {what} ({error.code}).",
            "Free some space on its disks, or raise the bucket's quota; then the same works.",
        )
    if error.code in _BUSY or (status >= 500 and status != _NOT_IMPLEMENTED):
        return TransientError(
            f"The object store at {where} is not ready for {what} ({error.code}).",
            "Try again; if it lasts, see whether its disk has room, and read the store's log.",
        )
    return None


def _of_http(where: str, what: str, error: Exception) -> Exception:
    import ssl

    import urllib3.exceptions

    reason = getattr(error, "reason", error)
    if isinstance(reason, urllib3.exceptions.SSLError) and isinstance(
        reason.__cause__ or reason.args[0], ssl.SSLError
    ):
        return PermanentError(
            f"No trusted TLS connection to the object store at {where}.",
            "Check storage.secure and the server's certificate.",
        )
    return TransientError(
        f"The object store at {where} cannot be reached for {what} ({type(reason).__name__}).",
        "Start it with `jarvis up`, or check storage.endpoint.",
    )
