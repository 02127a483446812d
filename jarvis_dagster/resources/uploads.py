"""The drive's folders as a resource."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from jarvis_dagster.resources.base import JarvisResource

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.inbox import Inbox

__all__ = ["UploadsResource"]


class UploadsResource(JarvisResource):
    """Hands out the folders that videos are uploaded to and results are delivered to."""

    @cached_property
    def inbox(self) -> Inbox:
        """Uploads, Results and Quarantine of the watched drive."""
        from jarvis_dagster.wiring import inbox_of

        return inbox_of(self.settings)
