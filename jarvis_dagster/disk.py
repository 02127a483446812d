"""Room on the disks that Jarvis works on.

Belongs here: noticing that a disk is full, before work begins and in what went
wrong. Does not belong here: freeing space, which is for people to decide.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
from typing import TYPE_CHECKING

from jarvis_dagster.errors import NoRoomError

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.settings import Settings

__all__ = ["OBJECT_STORE_SHARE", "is_full_disk", "require_room", "require_space"]

OBJECT_STORE_SHARE = 0.011
"""Part of a disk that the embedded object store wants free: below 1 % it writes no more."""

_LEAST_FREE_BYTES = 256 << 20
"""Logs, databases and tables need room to end well, too."""

_FULL = {errno.ENOSPC, errno.EDQUOT}


def is_full_disk(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, is that of a disk without room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def require_room(settings: Settings, video_bytes: int = 0) -> None:
    """Return when the data directory has room to analyse a video of that size.

    It is kept twice, in the working folder and in the object store, and what is drawn on it
    takes about as much again.

    Raises:
        NoRoomError: it has not.
    """
    embedded = settings.storage is None
    require_space(
        settings.data_dir,
        share=OBJECT_STORE_SHARE if embedded else 0.0,
        reserve=settings.disk_reserve_mb << 20,
        more=3 * video_bytes,
    )


def require_space(
    folder: Path, *, share: float = 0.0, reserve: int = _LEAST_FREE_BYTES, more: int = 0
) -> None:
    """Return when the disk of ``folder`` has room for work.

    Args:
        folder: It, or the nearest folder above it that is there, is looked at.
        share: Part of the disk that has to stay free, beside the reserve.
        reserve: Bytes that always have to.
        more: Bytes that are about to be written.

    Raises:
        NoRoomError: it has not.
    """
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    needed = reserve + int(share * usage.total) + more
    if usage.free < needed:
        raise NoRoomError(
            f"The disk of {folder} has too little room: {_size(usage.free)} are free,"
            f" {_size(needed)} are needed.",
            "Free some space there, then try again; nothing that was delivered is lost.",
        )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
