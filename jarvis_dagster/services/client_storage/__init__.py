"""The client storage service: drives that people put footage into and take results from."""

from typing import TYPE_CHECKING

from jarvis_dagster.services.lazily import lazily

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.config import ClientStorageConfig, LocalDriveConfig
    from jarvis_dagster.services.client_storage.drive import (
        Changes,
        Drive,
        DriveFile,
        Page,
        Permission,
        Quota,
    )
    from jarvis_dagster.services.client_storage.local import LocalFolderDrive
    from jarvis_dagster.services.client_storage.service import JarvisClientStorageService

__all__ = [
    "Changes",
    "ClientStorageConfig",
    "Drive",
    "DriveFile",
    "JarvisClientStorageService",
    "LocalDriveConfig",
    "LocalFolderDrive",
    "Page",
    "Permission",
    "Quota",
]

__getattr__ = lazily(
    __name__,
    {
        "Changes": "drive",
        "ClientStorageConfig": "config",
        "Drive": "drive",
        "DriveFile": "drive",
        "JarvisClientStorageService": "service",
        "LocalDriveConfig": "config",
        "LocalFolderDrive": "local",
        "Page": "drive",
        "Permission": "drive",
        "Quota": "drive",
    },
)
