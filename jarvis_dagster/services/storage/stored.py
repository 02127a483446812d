"""An object as the server shows it: in a listing, and by its headers.

Belongs here: these values, and headers to and fro. Does not belong here: requests
(``wire.py``), and what the bytes mean (``encoding.py``).
"""

from __future__ import annotations

import dataclasses
import email.utils
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ObjectInfo", "StoredObject", "meta_headers", "stored_object", "unquoted"]

_META = "x-amz-meta-"


@dataclasses.dataclass(frozen=True)
class ObjectInfo:
    """An object as a listing shows it: the size is of the stored bytes.

    ``version`` is the server's ETag: it changes whenever the bytes do.
    """

    bucket: str
    key: str
    size: int
    version: str
    modified: datetime


@dataclasses.dataclass(frozen=True)
class StoredObject:
    """An object as it is stored, which may be compressed and encrypted.

    ``metadata`` belongs to the bytes: without it they cannot be read again.
    """

    bucket: str
    key: str
    size: int
    version: str
    media_type: str
    metadata: Mapping[str, str]
    modified: datetime

    @property
    def url(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"


def stored_object(bucket: str, key: str, headers: Mapping[str, str]) -> StoredObject:
    """An object from the headers of an answer."""
    lowered = {name.lower(): value for name, value in headers.items()}
    return StoredObject(
        bucket,
        key,
        int(lowered.get("content-length", 0)),
        unquoted(lowered.get("etag")),
        lowered.get("content-type", ""),
        {n.removeprefix(_META): v for n, v in lowered.items() if n.startswith(_META)},
        _time(lowered.get("last-modified")),
    )


def _time(http_date: str | None) -> datetime:
    if not http_date:
        return datetime.min.replace(tzinfo=UTC)
    return email.utils.parsedate_to_datetime(http_date)


def meta_headers(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """User metadata as the headers that carry it."""
    return {_META + name: value for name, value in (metadata or {}).items()}


def unquoted(version: str | None) -> str:
    """An ETag without its quotes."""
    return (version or "").replace('"', "")
