"""When an upload is complete: it has stood still for long enough.

Belongs here: the pure rule. Does not belong here: looking at a drive, or time.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jarvis_dagster.services.client_storage.drive import DriveFile

__all__ = ["Sighting", "settle"]


@dataclasses.dataclass(frozen=True)
class Sighting:
    """A version of a file, and when it was first seen in seconds since the epoch."""

    version: str
    since_s: float


def settle(
    pending: Mapping[str, Sighting],
    listing: Iterable[DriveFile],
    *,
    now_s: float,
    settle_s: float,
) -> tuple[list[DriveFile], dict[str, Sighting]]:
    """Which files are complete, and which are still waited for.

    A file is complete when its version (size and time) has been the same for
    ``settle_s``: seen so in two looks, or dated so by the drive. Its date alone
    decides only when it lies in the past by more than that, since some copiers
    date the file at the end.

    Args:
        pending: What an earlier call returned, by file id.
        listing: The files that are there now; folders and empty files never settle.

    Returns:
        The complete files, and what to pass as ``pending`` at the next look.
        Files that are gone are forgotten.
    """
    ready: list[DriveFile] = []
    waiting: dict[str, Sighting] = {}
    for file in listing:
        if file.is_folder or file.size == 0:
            continue
        seen = pending.get(file.id)
        if seen is None or seen.version != file.version:
            seen = Sighting(file.version, now_s)
        still_s = max(now_s - seen.since_s, now_s - file.modified.timestamp())
        if still_s >= settle_s:
            ready.append(file)
        else:
            waiting[file.id] = seen
    return ready, waiting
