"""Backups: snapshots of databases, files and objects, kept in another place."""

from jarvis_dagster.services.backup.config import BackupConfig
from jarvis_dagster.services.backup.service import JarvisBackupService

__all__ = ["BackupConfig", "JarvisBackupService"]
