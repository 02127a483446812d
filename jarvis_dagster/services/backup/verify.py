"""Reading a backup back, all of it.

Belongs here: what is damaged or missing, by name, and which files it concerns.
Does not belong here: making up for it (``mend.py``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

from jarvis_dagster.services.backup.keys import DamagedError, open_header
from jarvis_dagster.services.backup.manifest import Snapshot, from_page
from jarvis_dagster.services.backup.opening import HEADERS
from jarvis_dagster.services.backup.packs import decode, pack_name, pieces
from jarvis_dagster.services.backup.repository import CATALOGUE, page_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from jarvis_dagster.services.backup.packs import Piece
    from jarvis_dagster.services.backup.repository import Repository

__all__ = ["Finding", "Verified", "verify_repository"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One damaged or missing part.

    Attributes:
        blob: Its name in the place.
        problem: ``damaged`` or ``missing``.
        snapshots: Those that need it.
        paths: The files, objects and databases in them that cannot be restored without.
    """

    blob: str
    problem: str
    snapshots: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Verified:
    """What was read, and what was found."""

    snapshots: int
    blobs: int
    bytes_read: int
    findings: tuple[Finding, ...]


def verify_repository(
    repository: Repository,
    passphrase: SecretStr,
    *,
    quick: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Verified:
    """Read everything back: headers, catalogue, snapshots, pages, indexes and every chunk.

    Args:
        quick: Of the packs, look at names and sizes only.
        progress: Called with packs done and packs in all.
    """
    pass_ = _Pass(repository)
    pass_.headers(passphrase)
    snapshots, indexes = pass_.catalogue()
    pass_.packs(indexes, progress, quick=quick)
    pass_.snapshots(snapshots)
    return Verified(len(snapshots), len(pass_.sizes), pass_.bytes_read, pass_.findings())


class _Pass:
    """One pass over everything in the place."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        repository.load_index()
        self.sizes = {blob.name: blob.size for blob in repository.place.list()}
        self.bytes_read = 0
        self._problems: dict[str, str] = {}
        self._snapshots: dict[str, set[str]] = {}
        self._paths: dict[str, set[str]] = {}
        self._where: dict[str, str] = {}
        self._available: set[str] = set()

    def headers(self, passphrase: SecretStr) -> None:
        """Both copies must be there, and open."""
        found = {name: self._get(name) for name in HEADERS}
        intact = set()
        for header in set(found.values()) - {None}:
            with contextlib.suppress(DamagedError):
                open_header(header or b"", passphrase, self.repository.place.where)
                intact.add(header)
        for name, header in found.items():
            if header not in intact:
                self._note(name)

    def catalogue(self) -> tuple[set[str], set[str]]:
        """The snapshots and indexes that are there or must be."""
        snapshots = {name[10:] for name in self.sizes if name.startswith("snapshots/")}
        indexes = {name for name in self.sizes if name.startswith("index/")}
        text = self._open(CATALOGUE)
        if text is not None:
            content = json.loads(text)
            snapshots |= set(content["snapshots"])
            indexes |= set(content["indexes"])
        return snapshots, indexes

    def packs(
        self, indexes: set[str], progress: Callable[[int, int], None] | None, *, quick: bool
    ) -> None:
        """Every pack that is there or that an index names, and every chunk in it."""
        contents: dict[str, dict[str, Piece]] = {
            name: {} for name in self.sizes if name.startswith("packs/")
        }
        for index in sorted(indexes):
            text = self._open(index)
            for chunk, piece in pieces(text) if text is not None else ():
                contents.setdefault(piece.pack, {})[chunk] = piece
                self._where.setdefault(chunk, piece.pack)
        for done, (pack, held) in enumerate(sorted(contents.items()), 1):
            if pack in self.sizes:
                self._available |= self._within(pack, held) if quick else self._intact(pack, held)
            if progress is not None:
                progress(done, len(contents))
        for pack, held in contents.items():
            if pack not in self.sizes and not held.keys() <= self._available:
                self._note(pack)

    def snapshots(self, snapshot_ids: set[str]) -> None:
        """Every manifest and page, and that all chunks they name can be had."""
        needed_by: dict[str, set[str]] = {}
        for snapshot_id in sorted(snapshot_ids):
            name = f"snapshots/{snapshot_id}"
            text = self._open(name)
            try:
                pages = () if text is None else Snapshot.loads(text, name).pages
            except DamagedError:
                self._note(name)
                pages = ()
            for page in pages:
                needed_by.setdefault(page, set()).add(snapshot_id)
        for page, snapshots in needed_by.items():
            self._page(page, snapshots)
        # A backup that was killed leaves pages that no snapshot names; the next one uses them.
        for name in self.sizes:
            if name.startswith("pages/") and name.rpartition("/")[2] not in needed_by:
                self._open(name)

    def findings(self) -> tuple[Finding, ...]:
        """What was noted, each with what it concerns."""
        return tuple(
            Finding(
                blob,
                problem,
                tuple(sorted(self._snapshots.get(blob, ()))),
                tuple(sorted(self._paths.get(blob, ()))),
            )
            for blob, problem in sorted(self._problems.items())
        )

    def _page(self, page: str, snapshots: set[str]) -> None:
        name = page_name(page)
        text = self._open(name)
        if text is None:
            self._snapshots[name] = snapshots
            return
        for entry in from_page(text, name):
            for blob in {blob for chunk in entry.chunks if (blob := self._blame(chunk))}:
                self._note(blob)
                self._snapshots.setdefault(blob, set()).update(snapshots)
                self._paths.setdefault(blob, set()).add(entry.path)

    def _blame(self, chunk: str) -> str | None:
        """The blob for want of which a chunk cannot be had; None if it can."""
        if chunk in self._available:
            return None
        if chunk in self._where:
            return self._where[chunk]
        piece = self.repository.find(chunk)  # in a pack that no index names
        if piece is None:
            return f"chunk {chunk[:16]}"
        data = self.repository.place.get(piece.pack) or b""
        return None if self._opens(chunk, piece, data) else piece.pack

    def _within(self, pack: str, held: dict[str, Piece]) -> set[str]:
        size = self.sizes[pack]
        fits = {chunk for chunk, piece in held.items() if piece.offset + piece.length < size}
        if len(fits) < len(held):
            self._note(pack)
        return fits

    def _intact(self, pack: str, held: dict[str, Piece]) -> set[str]:
        data = self._get(pack) or b""
        intact = {chunk for chunk, piece in held.items() if self._opens(chunk, piece, data)}
        if pack_name(hashlib.sha256(data).hexdigest()) != pack or len(intact) < len(held):
            self._note(pack)
        return intact

    def _opens(self, chunk: str, piece: Piece, data: bytes) -> bool:
        sealed = data[piece.offset : piece.offset + piece.length]
        try:
            content = decode(self.repository.keys, chunk, sealed)
        except DamagedError:
            return False
        return self.repository.keys.name_of(content) == chunk

    def _open(self, name: str) -> bytes | None:
        """What a sealed blob holds; None, and noted, where it is damaged or missing."""
        self.bytes_read += self.sizes.get(name, 0)
        try:
            return self.repository.read(name)
        except DamagedError:
            self._note(name)
            return None

    def _get(self, name: str) -> bytes | None:
        data = self.repository.place.get(name)
        self.bytes_read += len(data or b"")
        return data

    def _note(self, name: str) -> None:
        self._problems[name] = "damaged" if name in self.sizes else "missing"
