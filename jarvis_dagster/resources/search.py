"""The search over the drives as a resource."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from jarvis_dagster.resources.base import JarvisResource

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.search import IndexReport, SearchIndex

__all__ = ["SearchResource"]


class SearchResource(JarvisResource):
    """Hands out the search index of this installation."""

    @property
    def index(self) -> SearchIndex:
        """Names and texts of what is in the drives.

        Raises:
            AccessDeniedError: the component that acts has no right to the search index.
        """
        self.require("search", "write")
        return self._made

    @cached_property
    def _made(self) -> SearchIndex:
        from jarvis_dagster.wiring import search_index

        return search_index(self.settings)

    def bring_up_to_date(self, drive_name: str) -> IndexReport:
        """Read what changed in a drive."""
        from jarvis_dagster.services.client_storage.search import index_drive

        service = self.core.client_storage_service
        return index_drive(
            self.index, drive_name, service.drive(drive_name), config=service.config.search
        )
