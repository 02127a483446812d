"""Bringing a snapshot back.

Belongs here: what may be written where, the order, and the proof that it is
the same. Does not belong here: choosing the snapshot, stopping what runs.

Objects come first, then files, then databases: interrupted, nothing names what
is not there. A marker in the data directory says that a restore
is under way; the same restore, started again, goes on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, JarvisError, PermanentError, TransientError
from jarvis_dagster.services.backup.files_target import remove_partial, write_file
from jarvis_dagster.services.backup.keys import DamagedError
from jarvis_dagster.services.backup.sources import DataDirectory
from jarvis_dagster.services.backup.sources.objects import turn_of
from jarvis_dagster.services.backup.sources.postgres import is_empty, restore_dump
from jarvis_dagster.services.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jarvis_dagster.services.backup.config import PostgresConfig
    from jarvis_dagster.services.backup.manifest import Entry, Snapshot
    from jarvis_dagster.services.backup.objects_target import ObjectTarget
    from jarvis_dagster.services.backup.repository import Repository

__all__ = ["NotEmptyError", "Restored", "restore_snapshot"]

_ORDER = ("object", "settings", "file", "sqlite", "postgres")


class NotEmptyError(BadInputError):
    """The installation has data that a restore would write over."""


@dataclasses.dataclass(frozen=True)
class Restored:
    """What was restored; everything was read back and is the same.

    Attributes:
        failed: Path and reason of what could not be.
        settings: Where the settings files were put, for a person to compare.
    """

    snapshot: str
    entries: int
    size: int
    failed: tuple[tuple[str, str], ...]
    settings: Path | None


@dataclasses.dataclass(frozen=True)
class Installation:
    """Where a snapshot is restored to."""

    data_dir: Path
    objects: ObjectTarget | None
    postgres: Mapping[str, PostgresConfig]

    @property
    def home(self) -> Path:
        """What backups keep for themselves here."""
        return self.data_dir / "backup"

    @property
    def marker(self) -> Path:
        """Says that a restore is under way, and of which snapshot."""
        return self.home / "restoring.json"


def restore_snapshot(
    repository: Repository,
    snapshot: Snapshot,
    to: Installation,
    *,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Restored:
    """Bring everything of a snapshot back, and read it back.

    Args:
        overwrite: Write over what is there; what the snapshot does not know stays.
        progress: Called with bytes done and bytes in all.

    Raises:
        NotEmptyError: something is there, and ``overwrite`` is not set.
        TransientError: the place or the object store is away; call again to go on.
    """
    repository.load_index()
    entries = sorted(repository.entries(snapshot), key=_turn)
    if _is_going_on(to, snapshot):
        remove_partial(to.data_dir)
    elif not overwrite:
        _require_empty(to, entries)
    to.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with atomic_path(to.marker) as partial:
        partial.write_text(json.dumps({"snapshot": snapshot.id}), "utf-8")
    if to.objects is not None:
        for bucket in to.objects.buckets:
            to.objects.make(bucket)
    failed: list[tuple[str, str]] = []
    done = 0
    for entry in entries:
        try:
            _restore(repository, entry, to)
        except TransientError:
            raise
        except JarvisError as error:  # the rest is still worth having
            failed.append((entry.path, str(error)))
        done += entry.size
        if progress is not None:
            progress(done, snapshot.size)
    os.sync()  # once, for all files: until here the marker says that it is not finished
    to.marker.unlink()
    return Restored(
        snapshot.id,
        len(entries) - len(failed),
        sum(entry.size for entry in entries),
        tuple(failed),
        to.home / "settings" if any(entry.kind == "settings" for entry in entries) else None,
    )


def _turn(entry: Entry) -> tuple[int, int]:
    """What is named before what names it."""
    own = (turn_of(entry.bucket_and_key[1]) or 0) if entry.kind == "object" else 0
    return _ORDER.index(entry.kind), -own


def _is_going_on(to: Installation, snapshot: Snapshot) -> bool:
    try:
        return json.loads(to.marker.read_text("utf-8")) == {"snapshot": snapshot.id}
    except (FileNotFoundError, ValueError):
        return False


def _require_empty(to: Installation, entries: list[Entry]) -> None:
    found = next(DataDirectory(to.data_dir, to.home / "scratch").items(lambda _: None), None)
    what = f"{to.data_dir / found.path.removeprefix('data/')}" if found else ""
    if not what and to.objects is not None:
        buckets = {entry.bucket_and_key[0] for entry in entries if entry.kind == "object"}
        what = to.objects.first_in(sorted(buckets)) or ""
    if not what:
        names = [entry.path.partition("/")[2] for entry in entries if entry.kind == "postgres"]
        full = [n for n in names if n in to.postgres and not is_empty(to.postgres[n])]
        what = f"the PostgreSQL database {full[0]}" if full else ""
    if what:
        raise NotEmptyError(
            f"The installation is not empty: {what} is there.",
            "Restore into an empty one (JARVIS_DATA_DIR), or add --overwrite to write over it.",
        )


def _restore(repository: Repository, entry: Entry, to: Installation) -> None:
    if entry.kind == "object":
        if to.objects is None:
            raise PermanentError(
                "There is no object store to restore it into.",
                "Start it with `jarvis up`, or set storage.endpoint.",
            )
        to.objects.put(entry, lambda: _content(repository, entry))
    elif entry.kind == "postgres":
        _restore_postgres(repository, entry, to)
    else:
        area, _, name = entry.path.partition("/")
        root = to.data_dir if area == "data" else to.home / "settings"
        write_file(root, name, entry, _content(repository, entry))


def _restore_postgres(repository: Repository, entry: Entry, to: Installation) -> None:
    name = entry.path.partition("/")[2]
    config = to.postgres.get(name)
    if config is None:
        raise PermanentError(
            f"There are no settings for the PostgreSQL database {name}.",
            f"Add `backup.postgres.{name}` and restore again with --overwrite.",
        )
    with tempfile.TemporaryDirectory(dir=to.home) as folder:
        dump = Path(folder) / "dump"
        with dump.open("wb") as stream:
            for data in _content(repository, entry):
                stream.write(data)
        restore_dump(config, dump)


def _content(repository: Repository, entry: Entry) -> Iterator[bytes]:
    """The bytes of an entry.

    Raises:
        DamagedError: at the end at the latest, if they are not what was backed up.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in entry.chunks:
        data = repository.chunk(chunk)
        digest.update(data)
        size += len(data)
        yield data
    if size != entry.size or digest.hexdigest() != entry.sha256:
        raise DamagedError(
            f"{entry.path} in the backup is not what was backed up.",
            "Restore another snapshot; `jarvis backup verify` tells which are whole.",
        )
