"""The MinIO client as Jarvis uses it: TLS, timeouts, and bytes that the server checks.

Belongs here: how the client is made, and the CRC-32C that goes with every body.
Does not belong here: requests and retries (``wire.py``).

A signed SHA-256 costs as much as sending does, and SeaweedFS does not compare it
with what arrives. A CRC-32C (``x-amz-checksum-crc32c``) costs a tenth, is signed
with the other headers, and a server that answers with it has compared it. It
finds damage, not forgery: over plain HTTP to another machine the SHA-256 goes too.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import os
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    import minio
    from minio.credentials.credentials import Credentials

    from jarvis_dagster.services.storage.config import StorageConfig

__all__ = ["CHECKSUM", "UNSIGNED", "connect", "crc32c", "is_private"]

CHECKSUM = "x-amz-checksum-crc32c"
UNSIGNED = "UNSIGNED-PAYLOAD"  # of S3: the body is not part of the signature
_HASH = "x-amz-content-sha256"


def crc32c(data: bytes) -> str:
    """The CRC-32C of ``data`` as S3 writes it."""
    import google_crc32c

    value: int = google_crc32c.value(data)
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def is_private(config: StorageConfig) -> bool:
    """Whether nobody can change what is on its way to the server."""
    host = config.endpoint.rpartition(":")[0].strip("[]") or config.endpoint
    if config.secure or host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def connect(config: StorageConfig) -> minio.Minio:
    """The client; making it does not connect."""
    import certifi
    import minio
    import urllib3

    class Client(minio.Minio):
        """Signs no body that is marked as ``UNSIGNED``."""

        def _build_headers(
            self,
            host: str,
            headers: dict[str, str | list[str] | tuple[str]] | None = None,
            body: bytes | None = None,
            creds: Credentials | None = None,
        ) -> tuple[dict[str, str | list[str] | tuple[str]], datetime]:
            if not body or not headers or headers.get(_HASH) != UNSIGNED:
                return super()._build_headers(host, headers, body, creds)
            headers["Content-Length"] = str(len(body))
            made, date = super()._build_headers(host, headers, None, creds)
            made[_HASH] = UNSIGNED
            return made, date

    authority = config.ca_file or os.environ.get("SSL_CERT_FILE") or certifi.where()
    if config.secure and not os.path.isfile(authority):  # noqa: PTH113 - may be a str
        raise ConfigError(
            f"storage.ca_file names {authority}, which is not a file.",
            "Name a PEM file with the authority's certificate.",
        )
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=config.connect_timeout_s, read=config.read_timeout_s),
        retries=urllib3.Retry(0),  # tenacity retries, and only what is transient
        maxsize=10,
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(authority),
    )
    return Client(
        config.endpoint,
        access_key=config.access_key,
        secret_key=config.secret_key.get_secret_value(),
        secure=config.secure,
        region=config.region,
        http_client=pool,
    )
