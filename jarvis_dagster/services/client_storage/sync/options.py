"""What a run may be told.

Belongs here: the options. Does not belong here: what they do.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.sync.filters import Filter

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SyncOptions"]


@dataclasses.dataclass(frozen=True)
class SyncOptions:
    """What a run may be told; each override is for one reason to stop.

    Attributes:
        filter: Which files take part.
        dry_run: Tell what would be done, and change nothing, not even the state.
        max_deletes: So many deletes on a side are never too many.
        max_delete_share: More of the agreed files than this share are.
        force_deletes: Delete however much.
        allow_empty: Take an empty side for one whose files were all deleted.
        accept_missing_marker: Take a side without its marker for the right one,
            and mark it again.
        restart: Forget what was agreed, as if it were the first time: what is
            the same is agreed, what differs is kept twice, nothing is deleted.
        marker: Put a small file into both folders by which they are recognised.
        transfers: How many files are sent at once.
        progress: Called with the actions done and the actions in all.
    """

    filter: Filter = dataclasses.field(default_factory=Filter)
    dry_run: bool = False
    max_deletes: int = 4
    max_delete_share: float = 0.5
    force_deletes: bool = False
    allow_empty: bool = False
    accept_missing_marker: bool = False
    restart: bool = False
    marker: bool = True
    transfers: int = 1
    progress: Callable[[int, int], None] | None = None
