"""Progress in the run's log: a line every few seconds, so that a long video is seen to move."""

from __future__ import annotations

import time
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

__all__ = ["LogProgress"]


class LogProgress(dg.ConfigurableResource):
    """Writes progress to the log of Dagster; the command line has a display of its own."""

    every_s: float = Field(
        default=10.0, gt=0, description="Least seconds between two lines of a step."
    )
    _last: dict[str, float] = PrivateAttr(default_factory=dict)
    _begun: dict[str, float] = PrivateAttr(default_factory=dict)

    def update(self, step: str, done: int, total: int) -> None:
        """``done`` of ``total`` units of ``step`` are finished; ``total`` may be 0."""
        now = time.monotonic()
        if done == 0 or step not in self._begun:
            self._begun[step] = self._last[step] = now
            return
        if now - self._last[step] < self.every_s and done < total:
            return
        self._last[step] = now
        rate = done / max(now - self._begun[step], 1e-9)
        share = f" of {total} ({done / total:.0%})" if total else ""
        _log().info(f"{step}: {done}{share}, {rate:.1f} a second")


def _log() -> Any:
    return dg.get_dagster_logger()
