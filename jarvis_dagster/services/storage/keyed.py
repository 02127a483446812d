"""Single files under keys that the caller chooses.

Belongs here: the methods of the storage service that know no records. Does not
belong here: versions and names (``service.py``).
"""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.services.storage.catalogue import RECORDS_PREFIX
from jarvis_dagster.services.storage.objects import check_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jarvis_dagster.services.storage.config import StorageConfig
    from jarvis_dagster.services.storage.objects import ObjectRef, ObjectStore

__all__ = ["KeyedFiles", "media_type_of"]

_OWN = (RECORDS_PREFIX, ".jarvis/")


def media_type_of(name: str) -> str:
    """The media type that a name's extension means."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


class KeyedFiles:
    """Files by key; the bucket is that of artifacts unless another is named.

    Retention leaves them alone.
    """

    config: StorageConfig
    objects: ObjectStore

    def put_file(
        self,
        key: str,
        path: str | Path,
        bucket: str | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> ObjectRef:
        """Store a file under ``key``, verified; the same content is sent once."""
        if key.startswith(_OWN):
            raise BadInputError(f"The key {key!r} is one of Jarvis's own.", "Use another.")
        bucket = bucket or self.config.artifacts_bucket
        return self.objects.put(bucket, key, Path(path), media_type_of(key), progress=progress)

    def get_file(self, key: str, path: str | Path, bucket: str | None = None) -> ObjectRef:
        """Fetch the object under ``key`` into the file ``path``, verified.

        Raises:
            PermanentError: there is no such object.
        """
        bucket = bucket or self.config.artifacts_bucket
        ref = self.objects.get(bucket, key, Path(path))
        if ref is None:
            raise PermanentError(
                f"s3://{bucket}/{key} does not exist.", "Materialise the asset that makes it again."
            )
        return ref

    def stat(self, key: str, bucket: str | None = None) -> ObjectRef | None:
        """The object under ``key``, or None where there is none."""
        return self.objects.stat(bucket or self.config.artifacts_bucket, key)

    def exists(self, key: str, bucket: str | None = None) -> bool:
        """Whether there is an object under ``key``."""
        return self.stat(key, bucket) is not None

    def modified(self, key: str, bucket: str | None = None) -> datetime | None:
        """When the object under ``key`` was last written; None where there is none.

        To the second, and of this store: one that was restored is as old as its restoration.
        """
        stored = self.objects.raw.stat(bucket or self.config.artifacts_bucket, key)
        return None if stored is None else stored.modified

    def versions_of(self, prefix: str, bucket: str | None = None) -> dict[str, str]:
        """Keys that begin with ``prefix``, sorted, each with what changes when its bytes do."""
        bucket = bucket or self.config.artifacts_bucket
        found = self.objects.raw.iter_objects(bucket, prefix)
        return dict(sorted((info.key, info.version) for info in found))

    def url(self, key: str, bucket: str | None = None) -> str:
        """``s3://bucket/key``, for metadata and messages."""
        check_key(key)
        return f"s3://{bucket or self.config.artifacts_bucket}/{key}"
