"""One upload of a name into a folder at a time.

Belongs here: locks by key that go away with their last user. Does not belong
here: other processes; at Google two files may have one name.
"""

from __future__ import annotations

import contextlib
import threading
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Locks"]


class Locks:
    """A lock for each folder and name that is in use."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[tuple[str, str], tuple[threading.Lock, int]] = {}

    @contextlib.contextmanager
    def of(self, folder_id: str, name: str) -> Iterator[None]:
        """Hold the lock of a name."""
        key = folder_id, unicodedata.normalize("NFC", name)
        with self._guard:
            lock, users = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = lock, users - 1
