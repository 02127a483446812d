"""Two drives and what they agreed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.client_storage.sync import Side, SyncOptions, SyncReport, sync

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sync.memory_drive import MemoryDrive

__all__ = ["Pair"]


class Pair:
    """Two drives and their state."""

    def __init__(self, folder: Path, a: MemoryDrive, b: MemoryDrive) -> None:
        self.a, self.b, self.state = a, b, folder / "state"

    def sync(self, **options: Any) -> SyncReport:
        return sync(Side(self.a), Side(self.b), state=self.state, options=SyncOptions(**options))

    def settle(self, **options: Any) -> dict[str, bytes]:
        """Synchronise; both sides hold the same and a second run does nothing."""
        report = self.sync(**options)
        assert (report.status, report.failures) == ("ok", ())
        assert self.a.tree() == self.b.tree()
        again = self.sync(**options)
        assert (again.status, again.steps) == ("ok", ())
        return self.a.files()
