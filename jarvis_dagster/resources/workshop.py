"""The workshop as a resource: where trainings are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.resources.base import JarvisResource

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.toolchain.pipeline import Workshop

__all__ = ["WorkshopResource"]


class WorkshopResource(JarvisResource):
    """Hands out the workshop of these settings."""

    def open(self, progress: Callable[[int, int], None], who: str) -> Workshop:
        """The workshop; ``who`` is recorded with what it registers."""
        from jarvis_dagster.toolchain.pipeline import workshop_of

        storage = self.core.storage_service
        return workshop_of(
            storage,
            self.core.experiment_service,
            self.settings.data_dir / "work",
            progress,
            who,
        )
