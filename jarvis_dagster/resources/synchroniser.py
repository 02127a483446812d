"""Two-way synchronisation as a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.resources.base import JarvisResource

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.sync import SyncReport
    from jarvis_dagster.settings import SyncSettings

__all__ = ["SynchroniserResource"]


class SynchroniserResource(JarvisResource):
    """Brings the folders of the settings in step."""

    def run(self, pair: SyncSettings) -> SyncReport:
        """Bring a pair of folders in step."""
        from jarvis_dagster.services.client_storage.sync import Filter, SyncOptions
        from jarvis_dagster.synchronising import Synchroniser

        options = SyncOptions(
            filter=Filter(pair.include, pair.exclude, pair.max_bytes),
            max_delete_share=pair.max_delete_share,
        )
        return Synchroniser(self.core, self.settings.drive.name).run(pair.a, pair.b, options)
