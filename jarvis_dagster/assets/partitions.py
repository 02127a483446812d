"""One partition a video: its key, and the names that everything else derives from it."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePath

import dagster as dg

__all__ = ["HASH_DIGITS", "VIDEOS", "content_prefix", "partition_key"]

HASH_DIGITS = 12
VIDEOS = dg.DynamicPartitionsDefinition(name="videos")

_UNSAFE = re.compile(r"[^\w-]+")


def partition_key(name: str, content: str) -> str:
    """A readable name plus the start of the content hash.

    A drive that does not tell hashes has one of the file and its version instead.

    Only letters, digits, ``-`` and ``_`` of the name's stem are kept, since the
    key becomes part of object keys and of folder names.

    >>> partition_key("Tigers @ Bears (2nd).mp4", "ab" * 32)
    'Tigers-Bears-2nd-abababababab'
    """
    stem = unicodedata.normalize("NFC", PurePath(name).stem)
    readable = _UNSAFE.sub("-", stem).strip("-_")[:60].rstrip("-_") or "video"
    return f"{readable}-{content[:HASH_DIGITS]}"


def content_prefix(key: str) -> str:
    """The start of the content hash in a partition key."""
    return key[-HASH_DIGITS:]
