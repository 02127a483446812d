"""The drive's folders as a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.resources.base import JarvisResource

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.inbox import Inbox

__all__ = ["UploadsResource"]


class UploadsResource(JarvisResource):
    """Hands out the folders that videos are uploaded to and results are delivered to."""

    @property
    def inbox(self) -> Inbox:
        """Uploads, Results and Quarantine of the watched drive."""
        from jarvis_dagster.services.client_storage.inbox import Inbox

        service = self.core.client_storage_service
        return Inbox(service, self.settings.drive.name, self.settings.drive.root)
