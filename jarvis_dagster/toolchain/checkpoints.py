"""A training's checkpoint in the object store, so that any machine can go on from it.

Belongs here: when it is sent and fetched. Does not belong here: what is in it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from jarvis_dagster.errors import TransientError

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["CHECKPOINT", "Checkpoints"]

CHECKPOINT = "checkpoint.pt"
_LOG = logging.getLogger(__name__)


class Checkpoints:
    """Keeps ``folder/checkpoint.pt`` in the store under ``key``.

    Args:
        every_s: At most this often; the last one is always sent.
    """

    def __init__(
        self, storage: JarvisStorageService, key: str, folder: Path, every_s: float = 60.0
    ) -> None:
        self._storage, self._key, self._path = storage, key, folder / CHECKPOINT
        self._every_s = every_s
        self._sent_ns = 0
        self._due = time.monotonic() + every_s

    def fetch(self) -> bool:
        """Bring the stored one here, unless there is one here already."""
        if self._path.is_file() or not self._storage.exists(self._key):
            return False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._storage.get_file(self._key, self._path)
        self._sent_ns = self._path.stat().st_mtime_ns
        return True

    def look(self, *, now: bool = False) -> None:
        """Send the one here if it is new and it is time.

        While the store is away a training goes on; what is sent ``now`` has to arrive.
        """
        if not self._path.is_file() or (not now and time.monotonic() < self._due):
            return
        written_ns = self._path.stat().st_mtime_ns
        if written_ns != self._sent_ns:
            try:
                self._storage.put_file(self._key, self._path)
                self._sent_ns = written_ns
            except TransientError as error:
                if now:
                    raise
                _LOG.warning("The checkpoint is not in the store yet: %s", error)
        self._due = time.monotonic() + self._every_s
