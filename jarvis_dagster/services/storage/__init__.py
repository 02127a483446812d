"""The storage service: artifacts, models and files in an S3 object store."""

from jarvis_dagster.services.storage.config import StorageConfig
from jarvis_dagster.services.storage.objects import ObjectRef
from jarvis_dagster.services.storage.service import JarvisStorageService

__all__ = ["JarvisStorageService", "ObjectRef", "StorageConfig"]
