"""A backup: content-addressed, encrypted, in a place.

Belongs here: what is kept under which name, and reading and writing of it.
Does not belong here: finding and beginning a backup (``opening.py``), what goes
into a snapshot, which snapshots stay.

================================  ===================================================
``repository.json``, ``-copy``    wrapped key; readable without it
``catalogue``                     which snapshots and indexes there must be
``snapshots/<id>``                a manifest, written last: a snapshot is there or not
``pages/<xx>/<name>``             entries of snapshots
``index/<sha256>``                where chunks are
``packs/<xx>/<sha256>``           the chunks
``locks/<id>``                    who is at work
================================  ===================================================

Every write adds a blob before anything names it, and every removal removes the
name first. So a process may be killed between any two of them.
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

from jarvis_dagster.services.backup.keys import DamagedError, Keys
from jarvis_dagster.services.backup.manifest import Entry, Snapshot, from_page
from jarvis_dagster.services.backup.packs import Piece, decode, pieces, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.backup.places import Place

__all__ = ["CATALOGUE", "Catalogue", "Repository", "index_name", "page_name"]

CATALOGUE = "catalogue"
_PACKS_IN_MEMORY = 3


class Catalogue:
    """Which snapshots and indexes there must be; the order does not matter."""

    def __init__(self, snapshots: set[str], indexes: set[str]) -> None:
        self.snapshots = snapshots
        self.indexes = indexes


class Repository:
    """An opened backup. One thread at a time."""

    def __init__(self, place: Place, keys: Keys) -> None:
        self.place = place
        self.keys = keys
        self.held: dict[str, Piece] = {}
        self._packs: collections.OrderedDict[str, bytes] = collections.OrderedDict()
        self._searched = False

    def read(self, name: str) -> bytes:
        """What was written under ``name``.

        Raises:
            DamagedError: it is missing, or a byte of it differs.
        """
        import zstandard

        sealed = self.place.get(name)
        if sealed is None:
            raise DamagedError(f"{name} of the backup is missing.", "Run `jarvis backup verify`.")
        return zstandard.ZstdDecompressor().decompressobj().decompress(self.keys.open(sealed, name))

    def write(self, name: str, data: bytes) -> int:
        """Keep small data under ``name``; returns the bytes that this took."""
        import zstandard

        sealed = self.keys.seal(zstandard.ZstdCompressor(level=9).compress(data), name)
        self.place.put(name, sealed)
        return len(sealed)

    def catalogue(self) -> Catalogue:
        """What there must be."""
        content = json.loads(self.read(CATALOGUE))
        return Catalogue(set(content["snapshots"]), set(content["indexes"]))

    def write_catalogue(self, catalogue: Catalogue) -> None:
        """Replace it."""
        content = {
            "snapshots": sorted(catalogue.snapshots),
            "indexes": sorted(catalogue.indexes),
        }
        self.write(CATALOGUE, json.dumps(content).encode())

    def snapshot_ids(self) -> list[str]:
        """The snapshots that are there, oldest first."""
        return sorted(blob.name.partition("/")[2] for blob in self.place.list("snapshots/"))

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """One snapshot's manifest."""
        name = f"snapshots/{snapshot_id}"
        return Snapshot.loads(self.read(name), name)

    def entries(self, snapshot: Snapshot) -> Iterator[Entry]:
        """What a snapshot holds, sorted by path."""
        for page in snapshot.pages:
            yield from self.page(page)

    def page(self, page: str) -> Iterator[Entry]:
        """What a page holds."""
        name = page_name(page)
        return from_page(self.read(name), name)

    def indexes(self) -> list[str]:
        """The names of the indexes that are there."""
        return [blob.name for blob in self.place.list("index/")]

    def load_index(self) -> list[DamagedError]:
        """Learn where the chunks are; chunks of packs that are gone or cut are not there.

        Returns:
            What is wrong with an index; its chunks are found by the packs themselves.
        """
        present = {blob.name: blob.size for blob in self.place.list("packs/")}
        damaged = []
        self.held = {}
        for name in self.indexes():
            try:
                listed = list(pieces(self.read(name)))
            except DamagedError as error:
                damaged.append(error)
                continue
            for chunk, piece in listed:
                if piece.offset + piece.length < present.get(piece.pack, 0):
                    self.held[chunk] = piece
        return damaged

    def find(self, chunk: str) -> Piece | None:
        """Where a chunk is; packs that no index names are searched once."""
        if chunk not in self.held and not self._searched:
            self._searched = True
            known = {piece.pack for piece in self.held.values()}
            for blob in self.place.list("packs/"):
                if blob.name not in known:
                    with contextlib.suppress(DamagedError):
                        contents = table(self.keys, blob.name, self.place.get(blob.name) or b"")
                        self.held = contents | self.held
        return self.held.get(chunk)

    def chunk(self, chunk: str) -> bytes:
        """The content of a chunk.

        Raises:
            DamagedError: it is missing or damaged.
        """
        piece = self.find(chunk)
        if piece is None:
            raise DamagedError(
                f"Chunk {chunk[:16]} of the backup is missing.", "Run `jarvis backup verify`."
            )
        pack = self._pack(piece.pack)
        try:
            return decode(self.keys, chunk, pack[piece.offset : piece.offset + piece.length])
        except DamagedError:
            raise DamagedError(
                f"{piece.pack} of the backup is damaged.", "Run `jarvis backup verify`."
            ) from None

    def _pack(self, name: str) -> bytes:
        data = self._packs.pop(name, None)
        if data is None:
            data = self.place.get(name)
        if data is None:
            raise DamagedError(f"{name} of the backup is missing.", "Run `jarvis backup verify`.")
        self._packs[name] = data
        if len(self._packs) > _PACKS_IN_MEMORY:
            self._packs.popitem(last=False)
        return data


def page_name(page: str) -> str:
    """The blob of a page."""
    return f"pages/{page[:2]}/{page}"


def index_name(text: bytes) -> str:
    """The blob of an index."""
    return f"index/{hashlib.sha256(text).hexdigest()}"
