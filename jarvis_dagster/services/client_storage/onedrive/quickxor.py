"""QuickXorHash: the hash that OneDrive tells for every file.

Belongs here: the algorithm. Does not belong here: files, drives. It finds
damage, not forgery: bytes that are 160 places apart can be swapped unnoticed.
"""

from __future__ import annotations

import base64

import numpy as np

__all__ = ["QuickXorHash"]

_BITS = 160
_SHIFT = 11


class QuickXorHash:
    """The hash of what is added, piece by piece.

    Byte ``i`` is XORed into a 160-bit number, rotated left by ``11 * i`` bits;
    at the end the length is XORed into its last 64 bits. As 11 * 160 is a
    multiple of 160, bytes 160 apart go to the same place: they are folded into
    160 bytes first, which is fast, and those are rotated once.
    https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
    """

    def __init__(self) -> None:
        self._folded = np.zeros(_BITS, dtype=np.uint8)
        self._length = 0

    def update(self, data: bytes) -> None:
        """Add the next piece."""
        at = self._length % _BITS
        self._length += len(data)
        lead = (-at) % _BITS
        if lead:  # up to the next multiple of 160
            first = np.frombuffer(data[:lead], dtype=np.uint8)
            self._folded[at : at + len(first)] ^= first
        whole = max(len(data) - lead, 0) // _BITS
        if whole:
            rows = np.frombuffer(data, dtype=np.uint8, count=whole * _BITS, offset=lead)
            self._folded ^= np.bitwise_xor.reduce(rows.reshape(whole, _BITS), axis=0)
        rest = np.frombuffer(data[lead + whole * _BITS :], dtype=np.uint8)
        self._folded[: len(rest)] ^= rest

    def digest(self) -> bytes:
        """The 20 bytes of the hash of what was added so far."""
        number = 0
        for index, byte in enumerate(self._folded.tolist()):
            turned = byte << (_SHIFT * index % _BITS)
            number ^= (turned | turned >> _BITS) & ((1 << _BITS) - 1)
        number ^= self._length << (_BITS - 64)
        return number.to_bytes(_BITS // 8, "little")

    def base64(self) -> str:
        """The hash as Microsoft Graph writes it."""
        return base64.b64encode(self.digest()).decode()
