"""Join tracklets across gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["link"]


def link(
    boxes: Boxes,
    ticks: NDArray[np.int64],
    shift: NDArray[np.float64],
    pieces: list[NDArray[np.intp]],
    fps: float,
    width_px: int,
    height_px: int,
) -> list[NDArray[np.intp]]:
    """Chains of tracklets that are one person."""
    least = 0.2 * fps
    return [
        piece
        for piece in pieces
        if len(piece) >= 3 and boxes.frame[piece[-1]] - boxes.frame[piece[0]] >= least
    ]
