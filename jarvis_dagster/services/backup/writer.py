"""Storing chunks.

Belongs here: filling packs, sending them, naming them in an index. Does not
belong here: which chunks (``create.py``, ``garbage.py``, ``mend.py``).
"""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING

from jarvis_dagster.services.backup.packs import PACK_BYTES, encode, index_text, make_pack
from jarvis_dagster.services.backup.repository import index_name

if TYPE_CHECKING:
    from jarvis_dagster.services.backup.packs import Piece
    from jarvis_dagster.services.backup.repository import Repository

__all__ = ["ChunkWriter"]

_PACKS_PER_INDEX = 16


class ChunkWriter:
    """Stores chunks: into packs, and the packs into an index every now and then.

    One pack is on its way while the next is filled. What was written before a crash is
    found and used by the next snapshot.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._waiting: dict[str, bytes] = {}
        self._bytes = 0
        self._fresh: dict[str, Piece] = {}
        self._packs = 0
        self._pool = concurrent.futures.ThreadPoolExecutor(1)
        self._sending: concurrent.futures.Future[None] | None = None
        self.indexes: set[str] = set()
        self.new_bytes = 0

    def __enter__(self) -> ChunkWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def holds(self, chunk: str) -> bool:
        """Whether a chunk is stored, or is about to be."""
        return chunk in self._waiting or chunk in self._fresh or chunk in self._repository.held

    def add(self, data: bytes) -> str:
        """Store a chunk unless it is there; returns its name."""
        chunk = self._repository.keys.name_of(data)
        if not self.holds(chunk):
            self.add_sealed(chunk, encode(self._repository.keys, chunk, data))
        return chunk

    def add_sealed(self, chunk: str, sealed: bytes) -> None:
        """Store a chunk that is sealed already."""
        self._waiting[chunk] = sealed
        self._bytes += len(sealed)
        if self._bytes >= PACK_BYTES:
            self._send()

    def finish(self) -> None:
        """Return when everything is stored and named by an index."""
        self._send()
        self._arrived()
        self._write_index()

    def _send(self) -> None:
        self._arrived()
        if not self._waiting:
            return
        name, data, places = make_pack(self._repository.keys, self._waiting.items())
        self._fresh |= dict(zip(self._waiting, places, strict=True))
        self._waiting, self._bytes = {}, 0
        self.new_bytes += len(data)
        self._sending = self._pool.submit(self._repository.place.put, name, data)

    def _arrived(self) -> None:
        if self._sending is None:
            return
        self._sending.result()
        self._sending = None
        self._packs += 1
        if self._packs % _PACKS_PER_INDEX == 0:
            self._write_index()

    def _write_index(self) -> None:
        if not self._fresh:
            return
        text = index_text(self._fresh)
        name = index_name(text)
        self.new_bytes += self._repository.write(name, text)
        self.indexes.add(name)
        self._repository.held |= self._fresh
        self._fresh = {}
