"""How many steps a worker is at, for who decides how many workers there are.

Belongs here: counting, in a file that a parent reads. Does not belong here: deciding
(``scaling.py``).
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temporalio.worker import ActivityInboundInterceptor, Interceptor

if TYPE_CHECKING:
    from temporalio.worker import ExecuteActivityInput

__all__ = ["BUSY_FILE", "Busy"]

BUSY_FILE = "JARVIS_WORKER_BUSY_FILE"
"""Environment variable that names the file; without it nothing is written."""


class Busy(Interceptor):
    """Counts the steps that run."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.running = 0

    @classmethod
    def from_environment(cls) -> Busy:
        """As the parent wants it."""
        named = os.environ.get(BUSY_FILE)
        return cls(Path(named) if named else None)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Count what runs through."""
        return _Counting(next, self)

    def add(self, more: int) -> None:
        """Count and tell."""
        with self._lock:
            self.running += more
            if self._path is not None:
                # Whole at any time: who reads it half written would take a busy worker for idle.
                written = self._path.with_name(f"{self._path.name}.new")
                written.write_text(str(self.running), "utf-8")
                written.replace(self._path)


class _Counting(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, busy: Busy) -> None:  # noqa: A002
        super().__init__(next)
        self._busy = busy

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        self._busy.add(1)
        try:
            return await super().execute_activity(input)
        finally:
            self._busy.add(-1)
