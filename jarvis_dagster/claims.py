"""Which videos a process is analysing, on this machine.

Belongs here: the claim, which is a lock on the video's working folder. Does not
belong here: the runs that Dagster knows of.

The kernel drops the lock when its holder dies, so a claim is never stale. Who claims holds it
alone; who only looks shares it with others that look, so that a look is never taken for a claim.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["claim", "is_claimed"]

_TRIES = 1000


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
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _locks(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _lock(folder: Path) -> tuple[int, bool]:
    """A handle of the folder, and whether it is locked by it."""
    tries = 0
    while True:
        tries += 1
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, FileExistsError):
            if tries > _TRIES:  # it was not who had it before that removed it meanwhile
                raise
            continue
        if _locks(handle, fcntl.LOCK_EX):
            # Whoever had it before may have removed the folder after it was opened here.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(folder.stat(), os.fstat(handle)):
                    return handle, True
        elif not _locks(handle, fcntl.LOCK_SH):
            return handle, False
        else:  # some look, or ask as here; none has it
            fcntl.flock(handle, fcntl.LOCK_UN)
            time.sleep(random.uniform(0, 0.002))  # noqa: S311 - not in step with each other
        os.close(handle)


def _locks(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
