"""What a run of the index did.

Belongs here: the numbers and reasons of one run. Does not belong here: what is
in the index as a whole (``status.py``).
"""

from __future__ import annotations

import dataclasses

__all__ = ["IndexReport"]


@dataclasses.dataclass
class IndexReport:
    """What one run over one drive did.

    Attributes:
        drive: The drive's name.
        full: Whether everything was listed, not only what changed.
        added: Files and folders that are new in the index.
        updated: Files whose content changed.
        renamed: Files and folders that have another name or place.
        removed: Files and folders that left the index.
        fetched: Files that were downloaded.
        extracted: Contents that were read; the same bytes are read once.
        readers_changed: Files and folders that other people may see now.
        failed: Path and reason of files found by name alone that should have text.
        waiting: Path and reason of files that the next run tries again.
        seconds: How long it took.
    """

    drive: str
    full: bool = False
    added: int = 0
    updated: int = 0
    renamed: int = 0
    removed: int = 0
    fetched: int = 0
    extracted: int = 0
    readers_changed: int = 0
    failed: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    waiting: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        """Whether the index is another than before."""
        return bool(
            self.added or self.updated or self.renamed or self.removed or self.readers_changed
        )
