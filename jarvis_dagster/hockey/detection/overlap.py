"""How much boxes share.

Belongs here: geometry of pairs of boxes. Does not belong here: what follows from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["overlaps"]


def overlaps(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """IoU (A, B), and the share of each ``b`` that lies inside each ``a`` (A, B)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    area_a = np.prod(a[:, 2:] - a[:, :2], axis=1)
    area_b = np.prod(b[:, 2:] - b[:, :2], axis=1)
    return (
        shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-9),
        shared / np.maximum(area_b[None], 1e-9),
    )
