"""What is removed: by retention to the trash, from the trash for good, leftovers.

Belongs here: which things go and in which order. Does not belong here: when it
runs, and moving a single thing to the trash (``history.py``).

Content is removed behind a mark in its record. Who stores the same content
meanwhile finds the mark, or its own change of the record refused, so nothing
is removed that a record names. A mark that a killed process left is taken over
after an hour.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConflictError, PermanentError
from jarvis_dagster.services.storage.catalogue import KINDS, RECORDS_PREFIX, Found, now
from jarvis_dagster.services.storage.data_keys import KEYS_PREFIX, key_folder
from jarvis_dagster.services.storage.encoding import data_key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.storage.records import Record, Version
    from jarvis_dagster.services.storage.service import JarvisStorageService
    from jarvis_dagster.services.storage.stored import ObjectInfo

__all__ = ["Pruned", "prune"]

_TRIES = 10
_TAKEN_OVER_AFTER = timedelta(hours=1)
_CONTENT = re.compile(r"(?P<kind>[a-z]+)/(?P<id>[0-9a-f]{32})/[^/]+")


@dataclasses.dataclass(frozen=True)
class Pruned:
    """One thing that was removed, or would be.

    ``how`` is ``expired`` (to the trash), ``purged`` (for good), ``leftover`` (of a
    write that never finished), ``busy`` (changed meanwhile: left for next time), or
    ``unreadable`` (a record that cannot be read: all that it may name is left alone).
    """

    how: str
    url: str
    size: int
    why: str


def prune(service: JarvisStorageService, *, dry_run: bool = False) -> Iterator[Pruned]:
    """Apply retention, empty the trash after the grace period, remove leftovers.

    Never removed: what is pinned, what an alias points at, content that another
    version still uses, and what was stored by key alone (:meth:`put_file`).

    Args:
        dry_run: Tell only; nothing is changed.
    """
    pruner = _Pruner(service, dry_run)
    for kind in KINDS:
        unreadable: list[PermanentError] = []
        for found in service.catalogue.all(kind, unreadable.append):
            yield from pruner.record(found)
        for error in unreadable:
            yield Pruned("unreadable", kind, 0, error.what)
    for bucket in service.config.buckets:
        yield from pruner.leftovers(bucket)


class _Pruner:
    def __init__(self, service: JarvisStorageService, dry_run: bool) -> None:
        self._service = service
        self._catalogue = service.catalogue
        self._dry_run = dry_run
        self._now = now()
        self._mark = {"by": secrets.token_hex(8), "since": self._now.isoformat()}
        retention = service.config.retention
        self._grace = timedelta(days=retention.grace_days)
        self._leftover_age = timedelta(hours=retention.orphan_hours)

    def record(self, found: Found) -> Iterator[Pruned]:
        """Retention and trash of one name."""
        expired = list(self._expired(found.record))
        due = self._due(found.record)
        if not found.record.versions:
            yield from self._empty(found)
        for version in expired:
            yield self._told("expired", found, version, f"stored {version.created:%Y-%m-%d}")
        if expired and not self._dry_run:
            numbers = {version.number for version in expired}
            try:
                self._catalogue.change(found, lambda r: r.changed(numbers, deleted=self._now))
            except ConflictError:
                yield Pruned("busy", f"s3://{found.bucket}/{found.key}", 0, "changed meanwhile")
                return
        for item_id in due:
            version = found.record.of(item_id)[-1]
            try:
                self._purge(found.record.kind, item_id, found.key)
            except ConflictError:
                yield self._told("busy", found, version, "changed meanwhile")
            else:
                yield self._told("purged", found, version, "in the trash for the grace period")

    def _empty(self, found: Found) -> Iterator[Pruned]:
        """Finish what a killed process began, and forget names that long hold nothing."""
        for item_id in found.record.purging:
            try:
                self._purge(found.record.kind, item_id, found.key)
            except ConflictError:
                continue
            yield Pruned("leftover", f"s3://{found.bucket}/{found.key}", 0, "half removed")
        if not found.record.purging and found.modified < self._now - self._leftover_age:
            yield Pruned("leftover", f"s3://{found.bucket}/{found.key}", 0, "an empty record")
            if not self._dry_run:
                self._catalogue.remove(found)

    def _expired(self, record: Record) -> Iterator[Version]:
        days = getattr(self._service.config.retention, f"{record.kind}_days")
        if days is None:
            return
        for version in record.live:
            if version.created < self._now - timedelta(days=days) and not record.holders(version):
                yield version

    def _due(self, record: Record) -> list[str]:
        """The contents whose every version has been in the trash for the grace period."""
        limit = self._now - self._grace
        ids = dict.fromkeys(version.id for version in record.versions)
        return [
            item_id
            for item_id in ids
            if all(v.deleted is not None and v.deleted <= limit for v in record.of(item_id))
        ]

    def _told(self, how: str, found: Found, version: Version, why: str) -> Pruned:
        return Pruned(how, f"s3://{found.bucket}/{version.key}", version.size, why)

    # -- removal for good ------------------------------------------------------------

    def _purge(self, kind: str, item_id: str, record_key: str) -> None:
        """Remove a content that no version needs any more.

        Raises:
            ConflictError: somebody needs it again, or removes it too.
        """
        if self._dry_run:
            return
        found = self._catalogue.at(kind, record_key)
        self._catalogue.change(found, lambda record: self._marked(record, item_id))
        bucket, raw = found.bucket, self._service.raw
        for content in list(raw.iter_objects(bucket, f"{kind}/{item_id}/")):
            raw.delete(bucket, content.key)
            for data_key in list(raw.iter_objects(bucket, key_folder(content.key))):
                raw.delete(bucket, data_key.key)
        for left in reversed(range(_TRIES)):  # others may go on with other versions
            found = self._catalogue.at(kind, record_key)
            try:
                self._catalogue.change(found, lambda record: self._removed(record, item_id))
            except ConflictError:
                if not left or found.record.purging.get(item_id) != self._mark:
                    raise
            else:
                return

    def _marked(self, record: Record, item_id: str) -> Record:
        mark = record.purging.get(item_id)
        if mark is not None and mark["by"] != self._mark["by"]:
            since = datetime.fromisoformat(mark["since"])
            if since > self._now - _TAKEN_OVER_AFTER:
                raise ConflictError("Another process removes this content.")
        if item_id not in self._due(record) and record.of(item_id):
            raise ConflictError("This content is needed again.")
        return dataclasses.replace(record, purging={**record.purging, item_id: self._mark})

    def _removed(self, record: Record, item_id: str) -> Record:
        if record.purging.get(item_id) != self._mark:
            raise ConflictError("Another process took over the removal of this content.")
        return dataclasses.replace(
            record,
            versions=tuple(version for version in record.versions if version.id != item_id),
            purging={one: mark for one, mark in record.purging.items() if one != item_id},
        )

    # -- leftovers ---------------------------------------------------------------------

    def leftovers(self, bucket: str) -> Iterator[Pruned]:
        """Content without a record, data keys without an object, unfinished uploads."""
        before = self._now - self._leftover_age
        folders: dict[str, str] = {}
        for info in self._service.raw.iter_objects(bucket):
            folders[key_folder(info.key)] = info.key
            match = _CONTENT.fullmatch(info.key)
            if match and match["kind"] in KINDS and info.modified < before:
                yield from self._orphan(info, match["kind"], match["id"])
        yield from self._data_keys(bucket, folders, before - self._leftover_age)
        uploads = self._service.objects.uploads
        clean = uploads.abandoned if self._dry_run else uploads.clean
        for key in clean(bucket, before):
            yield Pruned("leftover", f"s3://{bucket}/{key}", 0, "its upload was never finished")

    def _orphan(self, info: ObjectInfo, kind: str, item_id: str) -> Iterator[Pruned]:
        try:
            found = self._catalogue.find(item_id, (kind,))
        except PermanentError:  # its record cannot be read: it may name this content
            return
        if found is not None and found.bucket == info.bucket:
            return
        record_key = f"{RECORDS_PREFIX}{kind}/{item_id[:16]}.json"
        url = f"s3://{info.bucket}/{info.key}"
        try:
            self._purge(kind, item_id, record_key)
        except ConflictError:
            yield Pruned("busy", url, info.size, "changed meanwhile")
        else:
            yield Pruned("leftover", url, info.size, "no record names it")

    def _data_keys(
        self, bucket: str, objects: dict[str, str], before: datetime
    ) -> Iterator[Pruned]:
        listed: dict[str, list[ObjectInfo]] = {}
        for info in self._service.raw.iter_objects(bucket, KEYS_PREFIX):
            listed.setdefault(info.key.rpartition("/")[0] + "/", []).append(info)
        for folder, infos in listed.items():
            if folder in objects and len(infos) == 1:
                continue
            stored = self._service.raw.stat(bucket, objects[folder]) if folder in objects else None
            used = f"{folder}{data_key_of(stored)}.json" if stored else ""
            for info in infos:
                if info.modified < before and info.key != used:
                    if not self._dry_run:
                        self._service.raw.delete(bucket, info.key)
                    url = f"s3://{bucket}/{info.key}"
                    yield Pruned("leftover", url, info.size, "a data key of what is gone")
