"""Chunks in packs, and the index that says where each is.

Belongs here: the form of a pack, of its table of contents and of the index.
Does not belong here: which chunks are needed, and by whom.

A pack is sealed chunks one after the other, then its sealed table of contents,
then that table's length in four bytes. Its name is the SHA-256 of all of it:
anybody can see whether it is intact, and an index that was lost is made again
from the tables.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

from jarvis_dagster.services.backup.keys import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jarvis_dagster.services.backup.keys import Keys

__all__ = ["PACK_BYTES", "Piece", "decode", "encode", "index_text", "make_pack", "pieces", "table"]

PACK_BYTES = 16 << 20
"""A pack is closed when it holds this much."""

_RAW, _ZSTD = b"\x00", b"\x01"
_LEVEL = 3
_LENGTH_BYTES = 4
_CHUNK_MOST = 64 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """Where a chunk is: ``length`` bytes of ``pack`` from ``offset``."""

    pack: str
    offset: int
    length: int


def pack_name(digest: str) -> str:
    """The blob of a pack."""
    return f"packs/{digest[:2]}/{digest}"


def encode(keys: Keys, chunk: str, data: bytes) -> bytes:
    """A chunk as it is kept: compressed where that helps, then sealed."""
    import zstandard

    smaller = zstandard.ZstdCompressor(level=_LEVEL).compress(data)
    body = _ZSTD + smaller if len(smaller) < len(data) else _RAW + data
    return keys.seal(body, f"chunk/{chunk}")


def decode(keys: Keys, chunk: str, sealed: bytes) -> bytes:
    """What :func:`encode` was given.

    Raises:
        DamagedError: it is not what was written.
    """
    import zstandard

    body = keys.open(sealed, f"chunk/{chunk}")
    if body[:1] == _RAW:
        return body[1:]
    try:
        return zstandard.ZstdDecompressor().decompress(body[1:], max_output_size=_CHUNK_MOST)
    except zstandard.ZstdError as error:
        raise DamagedError(
            f"Chunk {chunk} of the backup cannot be unpacked ({error}).",
            "Restore another snapshot; `jarvis backup verify` tells which are whole.",
        ) from error


def make_pack(keys: Keys, chunks: Iterable[tuple[str, bytes]]) -> tuple[str, bytes, list[Piece]]:
    """A pack of sealed chunks: its blob's name, its bytes, and where each chunk is in it."""
    listed, bodies, places, offset = [], [], [], 0
    for chunk, sealed in chunks:
        listed.append([chunk, len(sealed)])
        bodies.append(sealed)
        places.append((offset, len(sealed)))
        offset += len(sealed)
    contents = keys.seal(json.dumps(listed).encode(), "pack")
    data = b"".join([*bodies, contents, len(contents).to_bytes(_LENGTH_BYTES)])
    name = pack_name(hashlib.sha256(data).hexdigest())
    return name, data, [Piece(name, *place) for place in places]


def table(keys: Keys, name: str, data: bytes) -> dict[str, Piece]:
    """What an intact pack says that it holds.

    Raises:
        DamagedError: a byte of it differs or is missing.
    """
    if pack_name(hashlib.sha256(data).hexdigest()) != name:
        raise DamagedError(f"{name} of the backup is damaged.", "Run `jarvis backup verify`.")
    end = len(data) - _LENGTH_BYTES
    begin = end - int.from_bytes(data[end:])
    return dict(_pieces(name, json.loads(keys.open(data[begin:end], "pack"))))


def index_text(held: Mapping[str, Piece]) -> bytes:
    """The written form of an index."""
    by_pack: dict[str, list[tuple[int, str, int]]] = {}
    for chunk, piece in held.items():
        by_pack.setdefault(piece.pack, []).append((piece.offset, chunk, piece.length))
    return json.dumps({pack: sorted(listed) for pack, listed in sorted(by_pack.items())}).encode()


def pieces(text: bytes) -> Iterator[tuple[str, Piece]]:
    """The chunks of an index, and where each is."""
    for pack, listed in json.loads(text).items():
        for offset, chunk, length in listed:
            yield chunk, Piece(pack, offset, length)


def _pieces(pack: str, listed: list[tuple[str, int]]) -> Iterator[tuple[str, Piece]]:
    offset = 0
    for chunk, length in listed:
        yield chunk, Piece(pack, offset, length)
        offset += length
