"""QuickXorHash as its pseudo-code has it, by whole numbers: no code of the product.

Source: https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
"""

from __future__ import annotations

import base64

__all__ = ["quick_xor_hash"]

_ROW = 160


def quick_xor_hash(data: bytes) -> str:
    """The hash in base64."""
    rows = 0
    for start in range(0, len(data), _ROW):
        rows ^= int.from_bytes(data[start : start + _ROW].ljust(_ROW, b"\0"), "big")
    number = 0
    for index, byte in enumerate(rows.to_bytes(_ROW, "big")):
        for bit in range(8):
            if byte >> bit & 1:
                number ^= 1 << (index * 11 + bit) % 160
    digest = bytearray(number.to_bytes(20, "little"))
    for index, byte in enumerate(len(data).to_bytes(8, "little")):
        digest[12 + index] ^= byte
    return base64.b64encode(bytes(digest)).decode()
