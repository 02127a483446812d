"""A place in memory, and one that dies at a chosen call."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from jarvis_dagster.services.backup.places import Blob, Place

if TYPE_CHECKING:
    from collections.abc import Iterator


class MemoryPlace(Place):
    """Blobs in a dictionary."""

    where = "memory"

    def __init__(self, blobs: dict[str, bytes] | None = None) -> None:
        self.blobs = dict(blobs or {})
        self.modified: dict[str, datetime.datetime] = {}

    def put(self, name: str, data: bytes) -> None:
        self.blobs[name] = data
        self.modified[name] = datetime.datetime.now(datetime.UTC)

    def get(self, name: str) -> bytes | None:
        return self.blobs.get(name)

    def list(self, prefix: str = "") -> Iterator[Blob]:
        now = datetime.datetime.now(datetime.UTC)
        for name, data in sorted(self.blobs.items()):
            if name.startswith(prefix):
                yield Blob(name, len(data), self.modified.get(name, now))

    def delete(self, name: str) -> None:
        self.blobs.pop(name, None)


class KilledError(BaseException):
    """The process is gone; nothing handles that."""


class DyingPlace(MemoryPlace):
    """Dies at the ``at``-th write or removal, before or after it took effect."""

    def __init__(self, blobs: dict[str, bytes], at: int, *, after: bool) -> None:
        super().__init__(blobs)
        self.left = at
        self.after = after
        self.dead = False

    def put(self, name: str, data: bytes) -> None:
        self._mutate(lambda: MemoryPlace.put(self, name, data))

    def delete(self, name: str) -> None:
        self._mutate(lambda: MemoryPlace.delete(self, name))

    def _mutate(self, effect: object) -> None:
        if self.dead:
            raise KilledError
        self.left -= 1
        self.dead = self.left <= 0
        if not self.dead or self.after:
            effect()  # type: ignore[operator]
        if self.dead:
            raise KilledError
