"""Removing snapshots, and what nothing needs any more.

Belongs here: marking, moving what lives out of packs that are mostly dead, and
the order of removals. Does not belong here: which snapshots stay
(``retention.py``).

Names go before what they name: catalogue, manifests, (new packs, new index,)
old indexes, then packs and pages. Killed anywhere, every snapshot that is
still there is whole, and the next run removes the rest.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.backup.keys import DamagedError
from jarvis_dagster.services.backup.packs import PACK_BYTES, Piece, index_text, table
from jarvis_dagster.services.backup.repository import Catalogue, index_name, page_name
from jarvis_dagster.services.backup.writer import ChunkWriter

if TYPE_CHECKING:
    from collections.abc import Collection

    from jarvis_dagster.services.backup.locks import Lock
    from jarvis_dagster.services.backup.manifest import Snapshot
    from jarvis_dagster.services.backup.repository import Repository

__all__ = ["Pruned", "readable_snapshots", "remove_snapshots"]

_LEAST_ALIVE = 0.6
_SMALL, _MANY_SMALL = PACK_BYTES // 4, 16
_CHUNKS_PER_INDEX = 50_000


@dataclasses.dataclass(frozen=True)
class Pruned:
    """What was removed."""

    removed: tuple[str, ...]
    freed_bytes: int


def readable_snapshots(repository: Repository) -> tuple[list[Snapshot], list[str]]:
    """The snapshots, oldest first, and the ids of those whose manifest is damaged."""
    readable, damaged = [], []
    for snapshot_id in repository.snapshot_ids():
        try:
            readable.append(repository.snapshot(snapshot_id))
        except DamagedError:
            damaged.append(snapshot_id)
    return readable, damaged


def remove_snapshots(repository: Repository, lock: Lock, unwanted: Collection[str]) -> Pruned:
    """Remove snapshots, and then everything that no other one refers to.

    Raises:
        DamagedError: a snapshot that stays cannot be read, so nobody knows what it refers to.
    """
    before = repository.snapshot_ids()
    _drop(repository, lock, set(unwanted), before)
    stay = [one for one in before if one not in unwanted]
    pages, chunks = _references(repository, stay)
    repository.load_index()
    alive = {chunk: piece for chunk in chunks if (piece := repository.find(chunk)) is not None}
    sizes = {blob.name: blob.size for blob in repository.place.list("packs/")}
    alive = _moved(repository, alive, sizes)
    freed = _sweep(repository, lock, stay, alive, pages)
    repository.place.tidy()
    return Pruned(tuple(one for one in before if one in unwanted), freed)


def _drop(repository: Repository, lock: Lock, unwanted: set[str], there: list[str]) -> None:
    unknown = unwanted - set(there)
    if unknown:
        raise BadInputError(f"There is no snapshot {min(unknown)}.", "See `jarvis backup list`.")
    if not unwanted:
        return
    lock.confirm()
    listed = _listed(repository)
    repository.write_catalogue(Catalogue(set(there) - unwanted, listed))
    for snapshot_id in unwanted:
        repository.place.delete(f"snapshots/{snapshot_id}")


def _listed(repository: Repository) -> set[str]:
    try:
        return repository.catalogue().indexes
    except DamagedError:
        return set(repository.indexes())


def _references(repository: Repository, stay: list[str]) -> tuple[set[str], set[str]]:
    pages: set[str] = set()
    chunks: set[str] = set()
    for snapshot_id in stay:
        try:
            for page in repository.snapshot(snapshot_id).pages:
                if page not in pages:
                    pages.add(page)
                    chunks.update(c for entry in repository.page(page) for c in entry.chunks)
        except DamagedError as error:
            raise DamagedError(
                f"Snapshot {snapshot_id} cannot be read, so nobody knows what it needs;"
                f" nothing was removed. {error.what}",
                f"Give it up with `jarvis backup prune --drop {snapshot_id}`, then prune again.",
            ) from error
    return pages, chunks


def _moved(
    repository: Repository, alive: dict[str, Piece], sizes: dict[str, int]
) -> dict[str, Piece]:
    """Where everything is after packs that are mostly dead, or many and small, were rewritten."""
    living: dict[str, int] = dict.fromkeys(sizes, 0)
    for piece in alive.values():
        living[piece.pack] += piece.length
    sparse = {pack for pack, size in sizes.items() if 0 < living[pack] < size * _LEAST_ALIVE}
    small = {pack for pack, size in sizes.items() if living[pack] and size < _SMALL}
    rewritten = sparse | (small if len(small) > _MANY_SMALL else set())
    if len(rewritten) < 2 and not sparse:
        return alive
    by_pack: dict[str, list[str]] = {}
    for chunk, piece in alive.items():
        if piece.pack in rewritten:
            by_pack.setdefault(piece.pack, []).append(chunk)
    with ChunkWriter(repository) as writer:
        for pack, chunks in sorted(by_pack.items()):
            data = repository.place.get(pack) or b""
            try:
                table(repository.keys, pack, data)
            except DamagedError:  # stays as it is; verify tells
                continue
            for chunk in chunks:
                piece = alive[chunk]
                writer.add_sealed(chunk, data[piece.offset : piece.offset + piece.length])
        writer.finish()
    return {chunk: repository.held.get(chunk, piece) for chunk, piece in alive.items()}


def _sweep(
    repository: Repository, lock: Lock, stay: list[str], alive: dict[str, Piece], pages: set[str]
) -> int:
    old = set(repository.indexes())
    new = _write_indexes(repository, alive, old)
    lock.confirm()
    repository.write_catalogue(Catalogue(set(stay), new))
    used = {piece.pack for piece in alive.values()} | {page_name(page) for page in pages} | new
    freed = 0
    for prefix in ("index/", "packs/", "pages/"):
        for blob in list(repository.place.list(prefix)):
            if blob.name not in used:
                repository.place.delete(blob.name)
                freed += blob.size
    return freed


def _write_indexes(repository: Repository, alive: dict[str, Piece], old: set[str]) -> set[str]:
    """One index a great many chunks; all chunks of a pack are in the same."""
    written: set[str] = set()
    part: dict[str, Piece] = {}
    last = ""
    for chunk, piece in sorted(alive.items(), key=lambda one: (one[1].pack, one[1].offset)):
        if len(part) >= _CHUNKS_PER_INDEX and piece.pack != last:
            written.add(_write_index(repository, part, old))
            part = {}
        part[chunk] = piece
        last = piece.pack
    if part:
        written.add(_write_index(repository, part, old))
    return written


def _write_index(repository: Repository, part: dict[str, Piece], old: set[str]) -> str:
    text = index_text(part)
    name = index_name(text)
    try:
        if name in old:
            repository.read(name)
            return name
    except DamagedError:
        pass  # written again
    repository.write(name, text)
    return name
