"""Which videos a process is analysing, on this machine.

Belongs here: the claim, which is a lock on the video's working folder. Does not
belong here: the runs that Dagster knows of.

The kernel drops the lock when its holder dies, so a claim is never stale.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["claim", "is_claimed"]


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[bool]:
    """Claim the video whose working folder this is; tell whether nobody else has."""
    handle, mine = _lock(folder)
    try:
        yield mine
    finally:
        if mine:
            with contextlib.suppress(OSError):  # something is in it
                folder.rmdir()
        os.close(handle)


def is_claimed(folder: Path) -> bool:
    """Whether some process has claimed it."""
    if not folder.is_dir():
        return False
    with claim(folder) as mine:
        return not mine


def _lock(folder: Path) -> tuple[int, bool]:
    """A handle of the folder, and whether it is locked by it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return handle, False
        # Whoever had it before may have removed the folder after it was opened here.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(folder.stat(), os.fstat(handle)):
                return handle, True
        os.close(handle)
