"""Which class speaks to which provider.

Belongs here: a drive from its settings. Does not belong here: what any of
them does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.config import LocalDriveConfig
from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig
from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.config import AnyDriveConfig
    from jarvis_dagster.services.client_storage.drive import Drive

__all__ = ["open_drive"]


def open_drive(config: AnyDriveConfig, state_dir: Path) -> Drive:
    """The drive of these settings; it does not connect yet.

    Args:
        state_dir: Where it keeps its session, and what it knows of the drive.
    """
    if isinstance(config, LocalDriveConfig):
        from jarvis_dagster.services.client_storage.local import LocalFolderDrive

        return LocalFolderDrive(config.root, state_dir)
    if isinstance(config, GoogleDriveConfig):
        from jarvis_dagster.services.client_storage.google.drive import GoogleDrive

        return GoogleDrive(config, state_dir)
    if isinstance(config, ICloudDriveConfig):
        from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive

        return ICloudDrive(config, state_dir)
    from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive

    return OneDrive(config, state_dir)
