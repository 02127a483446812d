"""What is taken for a person and never moves: a logo on the boards, a head in the stands.

Belongs here: finding chains that only the camera moves. Does not belong here: doubting
single boxes for where they stand (``hockey/detection``).

People stand still, too; but the detector is sure of them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.tracking.camera import resting_places

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["Furniture", "without_furniture"]


@dataclasses.dataclass(frozen=True)
class Furniture:
    """What makes a chain furniture; lengths in its own heights."""

    doubted: float = 0.7  # share of the usual score below which a chain may be furniture
    carried: float = 1.5  # across the picture, by the camera; less proves nothing
    still: float = 0.12  # median distance from where it rests
    stray: float = 0.3  # of nine in ten of its detections


def without_furniture(
    boxes: Boxes,
    chains: list[NDArray[np.intp]],
    scan: pd.DataFrame,
    options: Furniture | None = None,
) -> list[NDArray[np.intp]]:
    """The chains, without the doubtful ones that stay in one place of the rink.

    Args:
        boxes: all detections.
        chains: indices into ``boxes``, in order of time, none empty.
        scan: SCAN, for the camera's motion.
        options: see :class:`Furniture`.
    """
    options = options or Furniture()
    if not chains:
        return []
    usual = float(boxes.score[np.concatenate(chains)].mean())
    return [
        chain
        for chain in chains
        if boxes.score[chain].mean() >= options.doubted * usual
        or not _rests(boxes, chain, scan, options)
    ]


def _rests(boxes: Boxes, chain: NDArray[np.intp], scan: pd.DataFrame, options: Furniture) -> bool:
    box = boxes.box[chain]
    if np.ptp(box[:, :2], axis=0).max() < options.carried * np.median(box[:, 3]):
        return False
    rest = resting_places(scan, boxes.frame[chain], box[:, :2])
    if rest is None:
        return False
    place, scale = rest
    away = np.hypot(*(place - np.median(place, axis=0)).T) / np.median(box[:, 3] / scale)
    return bool(np.median(away) <= options.still and np.quantile(away, 0.9) <= options.stray)
