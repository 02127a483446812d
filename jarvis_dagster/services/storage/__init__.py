"""The storage service: files with versions in an S3 object store."""

from typing import TYPE_CHECKING

from jarvis_dagster.services.lazily import lazily

if TYPE_CHECKING:
    from jarvis_dagster.services.storage.config import StorageConfig
    from jarvis_dagster.services.storage.faults import DamagedError
    from jarvis_dagster.services.storage.objects import ObjectRef
    from jarvis_dagster.services.storage.raw import RawObject, RawObjects
    from jarvis_dagster.services.storage.records import Version
    from jarvis_dagster.services.storage.service import JarvisStorageService
    from jarvis_dagster.services.storage.stored import ObjectInfo, StoredObject

__all__ = [
    "DamagedError",
    "JarvisStorageService",
    "ObjectInfo",
    "ObjectRef",
    "RawObject",
    "RawObjects",
    "StorageConfig",
    "StoredObject",
    "Version",
]

__getattr__ = lazily(
    __name__,
    {
        "DamagedError": "faults",
        "JarvisStorageService": "service",
        "ObjectInfo": "stored",
        "ObjectRef": "objects",
        "RawObject": "raw",
        "RawObjects": "raw",
        "StorageConfig": "config",
        "StoredObject": "stored",
        "Version": "records",
    },
)
