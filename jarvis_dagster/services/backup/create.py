"""Making a snapshot.

Belongs here: reading sources, storing what is new, writing the manifest last.
Does not belong here: how sources read (``sources/``), retention (``garbage.py``).
"""

from __future__ import annotations

import datetime
import errno
import hashlib
import secrets
from typing import TYPE_CHECKING

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.backup.keys import DamagedError
from jarvis_dagster.services.backup.manifest import Entry, Snapshot, pages_of
from jarvis_dagster.services.backup.repository import Catalogue, page_name
from jarvis_dagster.services.backup.writer import ChunkWriter
from jarvis_dagster.services.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jarvis_dagster.services.backup.locks import Lock
    from jarvis_dagster.services.backup.repository import Repository
    from jarvis_dagster.services.backup.sources import Content, Item, Source

__all__ = ["create_snapshot"]

_READ_TRIES = 3
_FULL = {errno.ENOSPC, errno.EDQUOT}


def create_snapshot(
    repository: Repository,
    sources: Sequence[Source],
    lock: Lock,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Snapshot:
    """Make a snapshot of all sources, in their order.

    Args:
        progress: Called with items done, and items known so far.

    Raises:
        TransientError: a source or the place is away; what was stored is used next time.
    """
    repository.load_index()
    previous = _previous(repository)
    notes: list[str] = []
    entries: list[Entry] = []
    with ChunkWriter(repository) as writer:
        for source in sources:
            for item in source.items(notes.append):
                entry = _unchanged(item, previous, writer) or _stored(item, writer, notes)
                if entry is not None:
                    entries.append(entry)
                if progress is not None:
                    progress(len(entries), max(len(entries), len(previous)))
        writer.finish()
        pages, page_bytes = _write_pages(repository, entries)
        created = datetime.datetime.now(datetime.UTC)
        snapshot = Snapshot(
            id=f"{created:%Y%m%dt%H%M%S}-{created.microsecond:06d}-{secrets.token_hex(2)}",
            created=created,
            pages=pages,
            entries=len(entries),
            size=sum(entry.size for entry in entries),
            new_bytes=writer.new_bytes + page_bytes,
            notes=tuple(notes),
        )
        lock.confirm()
        repository.write(f"snapshots/{snapshot.id}", snapshot.dumps())
        _note_in_catalogue(repository, snapshot.id)
    return snapshot


def _previous(repository: Repository) -> dict[str, Entry]:
    """The entries of the newest snapshot that can be read."""
    for snapshot_id in reversed(repository.snapshot_ids()):
        try:
            return {
                entry.path: entry for entry in repository.entries(repository.snapshot(snapshot_id))
            }
        except DamagedError:
            continue
    return {}


def _unchanged(item: Item, previous: dict[str, Entry], writer: ChunkWriter) -> Entry | None:
    before = previous.get(item.path)
    if before is None or not item.fingerprint or before.fingerprint != item.fingerprint:
        return None
    return before if all(map(writer.holds, before.chunks)) else None


def _stored(item: Item, writer: ChunkWriter, notes: list[str]) -> Entry | None:
    """The entry of an item that is read; None if it is gone or cannot be read."""
    try:
        for _ in range(_READ_TRIES):
            entry, whole = retrying(_READ_TRIES)(_read, item, writer)
            if whole:
                return entry
    except OSError as error:
        if error.errno in _FULL:
            raise PermanentError(
                f"There is no room on the disk for a copy of {item.path}.", "Free some space."
            ) from error
        notes.append(f"{item.path} cannot be read ({error.strerror}); it is not in the backup.")
        return None
    notes.append(f"{item.path} changed whenever it was read; it may be torn in the backup.")
    return entry


def _read(item: Item, writer: ChunkWriter) -> tuple[Entry | None, bool]:
    with item.open() as content:
        if content is None:
            return None, True
        entry = _stored_content(item, content, writer)
        return entry, content.is_whole()


def _stored_content(item: Item, content: Content, writer: ChunkWriter) -> Entry:
    digest, size, chunks = hashlib.sha256(), 0, []
    while data := _piece(content, item.chunk_bytes):
        digest.update(data)
        size += len(data)
        chunks.append(writer.add(data))
    if content.size is not None and size != content.size:
        raise TransientError(
            f"{item.path} arrived cut short ({size} of {content.size} bytes).",
            "Check the network and the object store's disk.",
        )
    return Entry(
        path=item.path,
        kind=item.kind,
        size=size,
        sha256=digest.hexdigest(),
        chunks=tuple(chunks),
        fingerprint=content.fingerprint,
        meta=content.meta,
    )


def _piece(content: Content, size: int) -> bytes:
    """Exactly ``size`` bytes but at the end: a stream may give fewer at a time."""
    parts, missing = [], size
    while missing and (part := content.stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _write_pages(repository: Repository, entries: list[Entry]) -> tuple[tuple[str, ...], int]:
    there = {blob.name for blob in repository.place.list("pages/")}
    names, new_bytes = [], 0
    for text in pages_of(entries):
        page = repository.keys.name_of(text)
        name = page_name(page)
        if name not in there:
            new_bytes += repository.write(name, text)
        names.append(page)
    return tuple(names), new_bytes


def _note_in_catalogue(repository: Repository, snapshot_id: str) -> None:
    try:
        known = repository.catalogue()
    except DamagedError:  # verify tells; what is there counts
        known = Catalogue(set(repository.snapshot_ids()), set())
    known.snapshots.add(snapshot_id)
    known.indexes |= set(repository.indexes())
    repository.write_catalogue(known)
