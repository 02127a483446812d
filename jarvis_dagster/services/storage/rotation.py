"""Changing the operator's key: data keys are wrapped anew, content stays as it is.

Belongs here: the walk over data keys and records. Does not belong here: how a
data key is wrapped (``data_keys.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConfigError, ConflictError, PermanentError
from jarvis_dagster.services.storage.catalogue import RECORDS_PREFIX
from jarvis_dagster.services.storage.data_keys import KEYS_PREFIX
from jarvis_dagster.services.storage.encoding import wrapped_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.storage.service import JarvisStorageService
    from jarvis_dagster.services.storage.stored import ObjectInfo

__all__ = ["Rotation", "rotate_keys"]


@dataclasses.dataclass(frozen=True)
class Rotation:
    """What a rotation did.

    Attributes:
        key: The id of the key that wraps everything now.
        rewrapped: How many data keys and records were changed.
        failed: What could not be, with the reason; an old key is needed until
            this is empty.
    """

    key: str
    rewrapped: int
    failed: tuple[tuple[str, str], ...]


def rotate_keys(
    service: JarvisStorageService, *, progress: Callable[[int, int], None] | None = None
) -> Rotation:
    """Wrap every data key by the current key, and seal records that are not sealed.

    Can be stopped and started again at any moment, and runs beside writers.

    Args:
        progress: Called with how many of all data keys and records are done.

    Raises:
        ConfigError: there is no key.
    """
    source = service.objects.keys.source
    if source is None:
        raise ConfigError(
            "There is no key to rotate to.", "Set storage.encryption (see docs/storage.md)."
        )
    listed = [
        info
        for bucket in service.config.buckets
        for prefix in (KEYS_PREFIX, RECORDS_PREFIX)
        for info in service.raw.iter_objects(bucket, prefix)
    ]
    rewrapped, failed = 0, []
    for done, info in enumerate(listed, 1):
        try:
            rewrapped += _rewrap(service, info, source.current)
        except PermanentError as error:
            failed.append((f"s3://{info.bucket}/{info.key}", error.what))
        if progress is not None:
            progress(done, len(listed))
    return Rotation(source.current, rewrapped, tuple(failed))


def _rewrap(service: JarvisStorageService, info: ObjectInfo, current: str) -> bool:
    if info.key.startswith(KEYS_PREFIX):
        return service.objects.keys.rewrap(info.bucket, info.key)
    while True:
        stored = service.raw.stat(info.bucket, info.key)
        if stored is None or wrapped_by(stored) == current:
            return False
        try:
            return service.catalogue.rewrite(info.bucket, info.key)
        except ConflictError:  # a writer was quicker, and may have used the current key
            continue
