"""Backups as a resource."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.resources.base import JarvisResource

if TYPE_CHECKING:
    from jarvis_dagster.services.backup import JarvisBackupService

__all__ = ["BackupResource"]


class BackupResource(JarvisResource):
    """Hands out the backups of this installation."""

    @property
    def service(self) -> JarvisBackupService:
        """Makes, verifies and prunes backups in the place of the settings.

        A backup reads everything there is, so that is a right of its own.

        Raises:
            AccessDeniedError: the component that acts has no right to backups.
        """
        self.require("backups", "write")
        return self._made

    @cached_property
    def _made(self) -> JarvisBackupService:
        from jarvis_dagster.wiring import backup_service

        return backup_service(self.settings, Path(self.config_file) if self.config_file else None)
