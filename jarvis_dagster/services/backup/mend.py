"""Taking away what is damaged, so that the next backup stores it again.

Belongs here: saving the intact chunks of a damaged pack, and removing it.
Contents are named by what they are: stored again, they mend older snapshots too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.backup.keys import DamagedError
from jarvis_dagster.services.backup.opening import mend_header
from jarvis_dagster.services.backup.packs import decode
from jarvis_dagster.services.backup.repository import CATALOGUE, Catalogue
from jarvis_dagster.services.backup.writer import ChunkWriter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import SecretStr

    from jarvis_dagster.services.backup.locks import Lock
    from jarvis_dagster.services.backup.repository import Repository
    from jarvis_dagster.services.backup.verify import Finding

__all__ = ["remove_damaged"]

_REPLACEABLE = ("packs/", "pages/", "index/")


def remove_damaged(
    repository: Repository, passphrase: SecretStr, lock: Lock, findings: Iterable[Finding]
) -> None:
    """Remove damaged packs, pages and indexes; write header and catalogue again.

    A damaged manifest stays: ``prune --drop`` gives its snapshot up.
    """
    mend_header(repository.place, passphrase)
    damaged = [one.blob for one in findings if one.problem == "damaged"]
    repository.load_index()
    _save(repository, [name for name in damaged if name.startswith("packs/")])
    lock.confirm()
    for name in damaged:
        if name.startswith(_REPLACEABLE):
            repository.place.delete(name)
    if any(one.blob == CATALOGUE or one.blob.startswith("index/") for one in findings):
        repository.write_catalogue(Catalogue(_listed(repository), set(repository.indexes())))


def _save(repository: Repository, packs: list[str]) -> None:
    """Move the intact chunks of damaged packs into new ones."""
    with ChunkWriter(repository) as writer:
        for pack in packs:
            data = repository.place.get(pack) or b""
            for chunk, piece in list(repository.held.items()):
                if piece.pack != pack:
                    continue
                sealed = data[piece.offset : piece.offset + piece.length]
                try:
                    decode(repository.keys, chunk, sealed)
                except DamagedError:
                    continue
                writer.add_sealed(chunk, sealed)
        writer.finish()


def _listed(repository: Repository) -> set[str]:
    try:
        return repository.catalogue().snapshots
    except DamagedError:
        return set(repository.snapshot_ids())
