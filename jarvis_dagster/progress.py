"""How far a long step is, told to whoever listens.

Belongs here: the interface between steps that report and displays that show.
Does not belong here: any display (the log's is in ``resources``, the command
line's in ``commands``).
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress"]


class Progress(Protocol):
    """A display of steps, each with a number of units that are done of a total."""

    def update(self, step: str, done: int, total: int) -> None:
        """``done`` of ``total`` units of ``step`` are finished; ``total`` may be 0."""
