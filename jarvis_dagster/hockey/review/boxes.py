"""Boxes of tables and labels in the form of the tracker's measures.

Belongs here: corners to centres. Does not belong here: overlaps (``tracking.boxes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_centres"]


def as_centres(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 4) x1 y1 x2 y2 as centre x, centre y, width, height."""
    low, high = corners[:, :2], corners[:, 2:]
    return np.column_stack(((low + high) / 2, high - low))
