"""Backups: snapshots of databases, files and objects, kept in another place."""

from typing import TYPE_CHECKING

from jarvis_dagster.services.lazily import lazily

if TYPE_CHECKING:
    from jarvis_dagster.services.backup.config import BackupConfig
    from jarvis_dagster.services.backup.service import JarvisBackupService

__all__ = ["BackupConfig", "JarvisBackupService"]

__getattr__ = lazily(
    __name__,
    {
        "BackupConfig": "config",
        "JarvisBackupService": "service",
    },
)
