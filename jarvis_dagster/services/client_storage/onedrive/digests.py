"""Hashes of contents while they pass by.

Belongs here: all hashes of a stream in one reading, whether they are what
OneDrive tells. Does not belong here: transfers.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.onedrive.quickxor import QuickXorHash

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jarvis_dagster.services.client_storage.onedrive.items import Item

__all__ = ["Digests", "hashes_of"]


class Digests:
    """The hashes of what is added, piece by piece.

    Args:
        told: The names of the hashes that the service tells, if that is known.
    """

    def __init__(self, told: Iterable[str] = ()) -> None:
        self.size = 0
        self._quick_xor = QuickXorHash()
        self._sha256 = hashlib.sha256()
        # As slow as all others together, and hardly ever told: only where nothing else is.
        alone = set(told) == {"sha1hash"}
        self._sha1 = hashlib.sha1(usedforsecurity=False) if alone else None

    def update(self, data: bytes) -> None:
        """Add the next piece."""
        self.size += len(data)
        self._quick_xor.update(data)
        self._sha256.update(data)
        if self._sha1 is not None:
            self._sha1.update(data)

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._sha256.hexdigest()

    def agree(self, item: Item) -> bool | None:
        """Whether it is the content of an item; None where the service tells no hash."""
        if int(item.get("size") or 0) != self.size:
            return False
        told = hashes_of(item)
        own = {"quickxorhash": self._quick_xor.base64(), "sha256hash": self.sha256}
        if self._sha1 is not None:
            own["sha1hash"] = self._sha1.hexdigest()
        common = told.keys() & own.keys()
        if not common:
            return True if self.size == 0 else None
        return all(_same(told[name], own[name]) for name in common)


def hashes_of(item: Item) -> dict[str, str]:
    """The hashes that the service tells, by name in lower case."""
    facts = item.get("remoteItem") or item
    told = (facts.get("file") or {}).get("hashes") or {}
    return {str(name).lower(): str(value) for name, value in told.items() if value}


def _same(told: str, own: str) -> bool:
    # base64 tells cases apart, hex does not: the service writes it in capitals.
    return told == own or (not told.endswith("=") and told.lower() == own)
