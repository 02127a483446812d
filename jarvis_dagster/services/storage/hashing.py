"""The two hashes of a content: one that names it, one that is fast.

Belongs here: computing both in one pass. Does not belong here: when they are
compared.

SHA-256 names content and is what records and a full verification go by. It
takes as long as a local server needs to send the bytes, so what is sent and
fetched is compared by XXH3-128, a checksum ten times as fast: it finds damage,
not forgery. Encrypted content is proven by its encryption.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from jarvis_dagster.services.files import CHUNK_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from xxhash import xxh3_128

__all__ = ["Hashes", "checksum", "hash_file"]


class Hashes(NamedTuple):
    """The bytes that were read, and both hashes of them in hex."""

    size: int
    sha256: str
    xxh3: str


def checksum() -> xxh3_128:
    """A new XXH3-128, with ``update`` and ``hexdigest``."""
    import xxhash

    return xxhash.xxh3_128()


def hash_file(path: Path) -> Hashes:
    """Both hashes of a file, read once in pieces."""
    size, sha256, fast = 0, hashlib.sha256(), checksum()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            sha256.update(chunk)
            fast.update(chunk)
    return Hashes(size, sha256.hexdigest(), fast.hexdigest())
