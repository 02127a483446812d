"""Reading everything back: what is damaged, missing or unreadable, by name.

Belongs here: the walk over all records and objects. Does not belong here: how
damage is noticed (``objects.py``), repair.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.errors import JarvisError, PermanentError, TransientError
from jarvis_dagster.services.storage.catalogue import KINDS, RECORDS_PREFIX, Catalogue
from jarvis_dagster.services.storage.claims import CLAIMS_PREFIX
from jarvis_dagster.services.storage.data_keys import KEYS_PREFIX
from jarvis_dagster.services.storage.documents import Documents
from jarvis_dagster.services.storage.objects import ObjectStore
from jarvis_dagster.services.storage.uploads import UPLOADS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jarvis_dagster.services.storage.records import Version
    from jarvis_dagster.services.storage.service import JarvisStorageService
    from jarvis_dagster.services.storage.stored import ObjectInfo

__all__ = ["Damage", "verify"]

_PASSING = (UPLOADS_PREFIX, CLAIMS_PREFIX, ".jarvis/probe/")
_AT_ONCE, _BATCH = 4, 64
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
        documents = Documents(self._objects.wire, self._objects.encoder)
        self._catalogue = Catalogue(impatient, self._objects.raw, documents)
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
        records = [info for info in infos if info.key.startswith(RECORDS_PREFIX)]
        yield from self._each(records, lambda info: self._record(info, recorded))
        others = [info for info in infos if not info.key.startswith(RECORDS_PREFIX)]
        yield from self._each(others, lambda info: self._object(info, recorded.get(info.key)))
        there = {info.key for info in others}
        for key, version in recorded.items():
            if key not in there and self._objects.raw.stat(bucket, key) is None:
                yield Damage(
                    f"s3://{bucket}/{key}", f"is missing; version {version.number} needs it"
                )

    def _each(self, infos: list[ObjectInfo], look: Callable[[ObjectInfo], str]) -> Iterator[Damage]:
        """Several at once: a server may wait long before it gives up a damaged one."""

        def damage(info: ObjectInfo) -> str:
            try:
                return look(info)
            except JarvisError as error:
                if not isinstance(error, TransientError):
                    return error.what
                if not self._objects.wire.has_bucket(info.bucket):
                    raise PermanentError(
                        f"The bucket {info.bucket} is gone.",
                        "Create it with `jarvis storage init`, then restore a backup.",
                    ) from error
                return f"cannot be read, though the server is well: {error.what}"

        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            for start in range(0, len(infos), _BATCH):
                some = infos[start : start + _BATCH]
                for info, what in zip(some, pool.map(damage, some), strict=True):
                    self._read(info)
                    if what:
                        yield Damage(f"s3://{info.bucket}/{info.key}", what)

    def _record(self, info: ObjectInfo, recorded: dict[str, Version]) -> str:
        kind = info.key.split("/")[1]
        if kind in KINDS:
            record = self._catalogue.at(kind, info.key).record
            recorded.update({v.key: v for v in record.versions if v.id not in record.purging})
        return ""

    def _object(self, info: ObjectInfo, version: Version | None) -> str:
        """What is wrong with a content or a data key; empty where nothing is."""
        if info.key.startswith(KEYS_PREFIX):
            self._objects.keys.check(info.bucket, info.key)
            return ""
        ref = self._objects.check(info.bucket, info.key)
        if ref is None or version is None:  # None: it was deleted since it was listed
            return ""
        if (ref.size, ref.sha256) == (version.size, version.sha256):
            return ""
        return f"is not the content that version {version.number} of its record names"

    def _read(self, info: ObjectInfo) -> None:
        self._done += info.size
        if self._progress is not None:
            self._progress(self._done, self._total)
