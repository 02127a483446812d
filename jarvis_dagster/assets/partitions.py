"""One partition a video: its key, and the names that everything else derives from it."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePath

import dagster as dg

__all__ = ["HASH_DIGITS", "VIDEOS", "partition_key", "sha256_prefix"]

HASH_DIGITS = 12
VIDEOS = dg.DynamicPartitionsDefinition(name="videos")

_UNSAFE = re.compile(r"[^\w-]+")


def partition_key(name: str, sha256: str) -> str:
    """A readable name plus the start of the content hash.

    Only letters, digits, ``-`` and ``_`` of the name's stem are kept, since the
    key becomes part of object keys and of folder names.

    >>> partition_key("Tigers @ Bears (2nd).mp4", "ab" * 32)
    'Tigers-Bears-2nd-abababababab'
    """
    stem = unicodedata.normalize("NFC", PurePath(name).stem)
    readable = _UNSAFE.sub("-", stem).strip("-_")[:60].rstrip("-_") or "video"
    return f"{readable}-{sha256[:HASH_DIGITS]}"


def sha256_prefix(key: str) -> str:
    """The start of the content hash in a partition key."""
    return key[-HASH_DIGITS:]
