"""Reading everything back: what is damaged, missing or unreadable, by name.

Belongs here: the walk over all records and objects. Does not belong here: how
damage is noticed (``objects.py``), repair.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.errors import JarvisError, PermanentError, TransientError
from jarvis_dagster.services.storage.catalogue import KINDS, RECORDS_PREFIX
from jarvis_dagster.services.storage.claims import CLAIMS_PREFIX
from jarvis_dagster.services.storage.data_keys import KEYS_PREFIX
from jarvis_dagster.services.storage.objects import ObjectStore
from jarvis_dagster.services.storage.uploads import UPLOADS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jarvis_dagster.services.storage.records import Version
    from jarvis_dagster.services.storage.service import JarvisStorageService
    from jarvis_dagster.services.storage.wire import ObjectInfo

__all__ = ["Damage", "verify"]

_PASSING = (UPLOADS_PREFIX, CLAIMS_PREFIX, ".jarvis/probe/")
_ATTEMPTS = 2  # a damaged object may be a failing one: not worth the usual patience


@dataclasses.dataclass(frozen=True)
class Damage:
    """One object that is not what it should be."""

    url: str
    what: str


def verify(
    service: JarvisStorageService, *, progress: Callable[[int, int], None] | None = None
) -> Iterator[Damage]:
    """Read every record, data key and content, and tell what is wrong.

    Objects that Jarvis did not store have no hash: of those only a failure to
    read them can be told.

    Args:
        progress: Called with the stored bytes that were read and their total.

    Raises:
        TransientError: the whole store is away.
    """
    yield from _Verifier(service, progress).run()


class _Verifier:
    def __init__(
        self, service: JarvisStorageService, progress: Callable[[int, int], None] | None
    ) -> None:
        self._service = service
        self._progress = progress
        config = service.config
        impatient = config.model_copy(update={"attempts": min(_ATTEMPTS, config.attempts)})
        self._objects = ObjectStore(impatient)
        self._done = self._total = 0

    def run(self) -> Iterator[Damage]:
        listed = {
            bucket: [
                info
                for info in self._service.raw.iter_objects(bucket)
                if not info.key.startswith(_PASSING)
            ]
            for bucket in self._service.config.buckets
        }
        self._total = sum(info.size for infos in listed.values() for info in infos)
        try:
            for bucket, infos in listed.items():
                yield from self._bucket(bucket, infos)
        finally:
            self._objects.close()

    def _bucket(self, bucket: str, infos: list[ObjectInfo]) -> Iterator[Damage]:
        recorded: dict[str, Version] = {}
        for info in infos:
            if info.key.startswith(RECORDS_PREFIX):
                yield from self._record(info, recorded)
        there = set()
        for info in infos:
            there.add(info.key)
            if not info.key.startswith(RECORDS_PREFIX):
                yield from self._object(info, recorded.get(info.key))
        for key, version in recorded.items():
            if key not in there and self._objects.raw.stat(bucket, key) is None:
                yield Damage(
                    f"s3://{bucket}/{key}", f"is missing; version {version.number} needs it"
                )

    def _record(self, info: ObjectInfo, recorded: dict[str, Version]) -> Iterator[Damage]:
        kind = info.key.split("/")[1]
        if kind not in KINDS:
            return
        try:
            record = self._service.catalogue.at(kind, info.key).record
        except JarvisError as error:
            yield self._damage(info, error)
            return
        recorded.update({version.key: version for version in record.versions})
        self._read(info)

    def _object(self, info: ObjectInfo, version: Version | None) -> Iterator[Damage]:
        try:
            if info.key.startswith(KEYS_PREFIX):
                self._objects.keys.check(info.bucket, info.key)
                self._read(info)
                return
            ref = self._objects.check(info.bucket, info.key)
        except JarvisError as error:
            yield self._damage(info, error)
            return
        self._read(info)
        if ref is None:  # deleted since it was listed; if a record needs it, that is told
            return
        if version is not None and (ref.size, ref.sha256) != (version.size, version.sha256):
            yield Damage(
                ref.url, f"is not the content that version {version.number} of its record names"
            )

    def _damage(self, info: ObjectInfo, error: JarvisError) -> Damage:
        self._read(info)
        if isinstance(error, TransientError) and not self._objects.wire.has_bucket(info.bucket):
            raise PermanentError(f"The bucket {info.bucket} is gone.") from error
        return Damage(f"s3://{info.bucket}/{info.key}", error.what)

    def _read(self, info: ObjectInfo) -> None:
        self._done += info.size
        if self._progress is not None:
            self._progress(self._done, self._total)
