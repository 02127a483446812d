"""A backup: content-addressed, encrypted, in a place.

Belongs here: what is kept under which name, and reading and writing of it.
Does not belong here: what goes into a snapshot, which snapshots stay.

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
import logging
from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.backup.keys import DamagedError, Keys, new_header, open_header
from jarvis_dagster.services.backup.manifest import Entry, Snapshot, from_page
from jarvis_dagster.services.backup.packs import Piece, decode, pieces, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr

    from jarvis_dagster.services.backup.places import Place

__all__ = ["CATALOGUE", "HEADERS", "Catalogue", "NoBackupError", "Repository"]

_LOG = logging.getLogger(__name__)
HEADERS = ("repository-copy.json", "repository.json")
"""In the order in which they are written first."""
CATALOGUE = "catalogue"
_PACKS_IN_MEMORY = 3


class NoBackupError(PermanentError):
    """There is no backup in the place."""


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

    @classmethod
    def open(cls, place: Place, passphrase: SecretStr) -> Repository:
        """Open what is there.

        Raises:
            NoBackupError: nothing is there.
            WrongKeyError: the passphrase is another one.
            DamagedError: both copies of the header are damaged.
        """
        damaged: DamagedError | None = None
        for name in reversed(HEADERS):
            header = place.get(name)
            if header is None:
                continue
            try:
                return cls(place, open_header(header, passphrase, place.where))
            except DamagedError as error:
                _LOG.warning("%s of the backup at %s is damaged.", name, place.where)
                damaged = error
        if damaged is not None:
            raise damaged
        cls.require(place)
        raise _headerless(place)

    @staticmethod
    def require(place: Place) -> None:
        """Return if there is something to open.

        Raises:
            NoBackupError: nothing is there.
            DamagedError: a backup is there that lost both copies of its header.
        """
        if any(place.get(name) is not None for name in HEADERS):
            return
        if any(place.list("snapshots/")) or any(place.list("packs/")):
            raise _headerless(place)
        raise NoBackupError(
            f"There is no backup at {place.where}.", "Check `backup.place`, or make one first."
        )

    @classmethod
    def create(cls, place: Place, passphrase: SecretStr) -> Repository:
        """Make an empty backup where there is none. Needs the lock."""
        header, keys = new_header(passphrase)
        made = cls(place, keys)
        made.write_catalogue(Catalogue(set(), set()))
        for name in HEADERS:
            place.put(name, header)
        return made

    def mend_header(self, passphrase: SecretStr) -> None:
        """Write a copy of the header that is damaged or missing again, from the other."""
        found = {name: self.place.get(name) for name in HEADERS}
        if len(set(found.values())) == 1:  # opened already
            return
        intact: bytes | None = None
        for header in found.values():
            with contextlib.suppress(DamagedError):
                if header is not None:
                    open_header(header, passphrase, self.place.where)
                    intact = header
        for name, header in found.items():
            if intact is not None and header != intact:
                self.place.put(name, intact)

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


def _headerless(place: Place) -> DamagedError:
    return DamagedError(
        f"The backup at {place.where} has lost {' and '.join(HEADERS)}.",
        "Put one of them back from a copy of that place; nothing opens it without.",
    )


def page_name(page: str) -> str:
    """The blob of a page."""
    return f"pages/{page[:2]}/{page}"


def index_name(text: bytes) -> str:
    """The blob of an index."""
    return f"index/{hashlib.sha256(text).hexdigest()}"
