"""JarvisBackupService: consistent, incremental, encrypted snapshots of everything.

Belongs here: which steps one call consists of, under which lock. Does not
belong here: the steps.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import shutil
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConfigError, PermanentError
from jarvis_dagster.services.backup.create import create_snapshot
from jarvis_dagster.services.backup.garbage import Pruned, readable_snapshots, remove_snapshots
from jarvis_dagster.services.backup.locks import Lock, locked
from jarvis_dagster.services.backup.mend import remove_damaged
from jarvis_dagster.services.backup.objects_target import ObjectTarget
from jarvis_dagster.services.backup.opening import (
    NoBackupError,
    begin_repository,
    mend_header,
    open_repository,
    require_backup,
)
from jarvis_dagster.services.backup.passphrase import (
    KnownPlaces,
    find_passphrase,
    make_passphrase,
)
from jarvis_dagster.services.backup.restore import Installation, Restored, restore_snapshot
from jarvis_dagster.services.backup.retention import chosen, kept
from jarvis_dagster.services.backup.s3 import S3
from jarvis_dagster.services.backup.sources import (
    DataDirectory,
    ObjectStoreBuckets,
    SettingsFiles,
)
from jarvis_dagster.services.backup.sources.postgres import PostgresDatabases
from jarvis_dagster.services.backup.verify import Verified, verify_repository

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pydantic import SecretStr

    from jarvis_dagster.services.backup.config import BackupConfig
    from jarvis_dagster.services.backup.locks import Work
    from jarvis_dagster.services.backup.manifest import Entry, Snapshot
    from jarvis_dagster.services.backup.places import Place
    from jarvis_dagster.services.backup.repository import Repository
    from jarvis_dagster.services.backup.s3 import ObjectStoreServer
    from jarvis_dagster.services.backup.sources import Source

    Progress = Callable[[int, int], None]

__all__ = ["JarvisBackupService", "Listed"]


@dataclasses.dataclass(frozen=True)
class Listed:
    """The snapshots of a backup, oldest first, and those whose manifest is damaged."""

    snapshots: tuple[Snapshot, ...]
    damaged: tuple[str, ...]


class JarvisBackupService:
    """Backups of one installation.

    Args:
        config: The settings.
        place: Where they are kept.
        data_dir: The data directory.
        storage: The object store; None leaves objects out.
        settings_files: The settings files.
    """

    def __init__(
        self,
        config: BackupConfig,
        place: Place,
        *,
        data_dir: Path,
        storage: ObjectStoreServer | None,
        settings_files: tuple[Path, ...] = (),
    ) -> None:
        self.config = config
        self.place = place
        self._data_dir = data_dir
        self._storage = storage
        self._settings_files = settings_files
        self._home = data_dir / "backup"
        self._known = KnownPlaces(self._home / "known.json")

    def create(self, *, first: bool = False, progress: Progress | None = None) -> Snapshot:
        """Make a snapshot of everything as it is now.

        Args:
            first: Begin anew in a place that had a backup and lost it.
            progress: Called with items done, and items known so far.

        Raises:
            BusyError: another backup is being made or pruned there.
            WrongKeyError: the backup there has another key.
            TransientError: a source or the place is away.
        """
        with self._locked("create") as lock:
            repository = self._open_or_begin(first=first)
            with self._scratch() as scratch, self._store() as store:
                sources = self._sources(scratch, store)
                return create_snapshot(repository, sources, lock, progress=progress)

    def snapshots(self) -> Listed:
        """All snapshots."""
        snapshots, damaged = readable_snapshots(self._open())
        return Listed(tuple(snapshots), tuple(damaged))

    def entries(self, snapshot: Snapshot) -> Iterator[Entry]:
        """What a snapshot holds, sorted by path."""
        yield from self._open().entries(snapshot)

    def verify(self, *, quick: bool = False, progress: Progress | None = None) -> Verified:
        """Read everything in the place back, and name what is damaged or missing."""
        with self._locked("read"):
            return verify_repository(
                self._open(), self._passphrase(), quick=quick, progress=progress
            )

    def mend(self, *, progress: Progress | None = None) -> Verified:
        """Verify, and take away what is damaged: the next backup stores it again."""
        with self._locked("prune") as lock:
            passphrase, repository = self._passphrase(), self._open()
            verified = verify_repository(repository, passphrase, progress=progress)
            remove_damaged(repository, passphrase, lock, verified.findings)
            return verified

    def prune(self, *, drop: Sequence[str] = ()) -> Pruned:
        """Remove what the retention rules do not keep, and what nothing refers to.

        Args:
            drop: Ids of snapshots to remove in place of following the rules.
        """
        with self._locked("prune") as lock:
            repository = self._open()
            unwanted = set(drop)
            if not unwanted:
                snapshots, _ = readable_snapshots(repository)
                stay = kept(snapshots, self.config.retention)
                unwanted = {one.id for one in snapshots} - stay
            return remove_snapshots(repository, lock, unwanted)

    def restore(
        self,
        snapshot: Snapshot,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Restored:
        """Bring a snapshot back into this installation; see ``restore_snapshot``."""
        with self._locked("read"), self._store() as store:
            target = ObjectTarget(store, self._buckets) if store is not None else None
            to = Installation(self._data_dir, target, self.config.postgres)
            return restore_snapshot(
                self._open(), snapshot, to, overwrite=overwrite, progress=progress
            )

    def choose(self, name: str = "latest", *, at: datetime.datetime | None = None) -> Snapshot:
        """A snapshot by ``latest``, the beginning of its id, or the newest one up to a time.

        Raises:
            BadInputError: there is none, or more than one.
        """
        listed = self.snapshots()
        return chosen(listed.snapshots, listed.damaged, name, at)

    def check(self) -> None:
        """Return when a backup can be opened there; otherwise raise with a remedy."""
        self._open().catalogue()

    def _open(self) -> Repository:
        try:
            passphrase = self._passphrase()
        except ConfigError:
            require_backup(self.place)  # of both, this is the first to know
            raise
        return open_repository(self.place, passphrase)

    def _open_or_begin(self, *, first: bool) -> Repository:
        try:
            repository = self._open_for_writing()
        except NoBackupError:
            if self._known.has(self.place.where) and not first:
                raise PermanentError(
                    f"The backup that was at {self.place.where} is not there any more.",
                    "Mount that disk, or check `backup.place`; to begin anew, add --first.",
                ) from None
            repository = begin_repository(self.place, self._passphrase())
        self._known.add(self.place.where, repository.keys.repository_id)
        return repository

    def _open_for_writing(self) -> Repository:
        try:
            passphrase = self._passphrase()
        except ConfigError:
            # A key is made for a first backup only, never for one that has another.
            with contextlib.suppress(NoBackupError):
                require_backup(self.place)
                raise
            passphrase = make_passphrase(self.config, self._data_dir)
        repository = open_repository(self.place, passphrase)
        mend_header(self.place, passphrase)
        return repository

    def _passphrase(self) -> SecretStr:
        return find_passphrase(self.config, self._data_dir)

    def _locked(self, work: Work) -> contextlib.AbstractContextManager[Lock]:
        return locked(self.place, work, stale_s=self.config.stale_lock_s)

    @contextlib.contextmanager
    def _store(self) -> Iterator[S3 | None]:
        store = S3(self._storage) if self._storage is not None else None
        try:
            yield store
        finally:
            if store is not None:
                store.close()

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A folder for copies; what a killed backup left in it is removed."""
        digest = hashlib.sha256(self.place.where.encode()).hexdigest()[:12]
        folder = self._home / f"scratch-{digest}"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _sources(self, scratch: Path, store: S3 | None) -> list[Source]:
        """Databases before what they name: objects come last."""
        own = self.config.folder
        sources: list[Source] = [
            PostgresDatabases(self.config.postgres, scratch),
            DataDirectory(self._data_dir, scratch, (own,) if own is not None else ()),
            SettingsFiles(self._settings_files),
        ]
        if store is not None:
            sources.append(ObjectStoreBuckets(store, self._buckets))
        return sources

    @property
    def _buckets(self) -> tuple[str, ...]:
        own = self._storage.buckets if self._storage is not None else ()
        return tuple(dict.fromkeys([*own, *self.config.buckets]))
