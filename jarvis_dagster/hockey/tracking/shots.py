"""Detections, camera shot by camera shot.

Belongs here: where a shot begins and ends. Does not belong here: finding cuts (the
preflight scan does that), what happens within a shot.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["Shot", "shots"]


@dataclasses.dataclass(frozen=True)
class Shot:
    """What was detected between two cuts.

    The detector looks at every n-th frame only, so a shot may begin before the first and
    end after the last of its detections.
    """

    boxes: Boxes
    first: int  # frame
    last: int


def shots(boxes: Boxes, scan: pd.DataFrame | None, frame_count: int | None) -> list[Shot]:
    """One shot for each that has any detections, in order; without a scan there is one.

    Args:
        boxes: sorted by frame.
        scan: SCAN, for its cuts.
        frame_count: of the video; ``None``: it ends with the last detection.
    """
    if len(boxes) == 0:
        return []
    cuts = [] if scan is None else scan.loc[scan["is_cut"].astype(bool), "frame"].tolist()
    end = int(boxes.frame[-1]) + 1 if frame_count is None else frame_count
    edges = [int(boxes.frame[0]), *sorted(cut for cut in cuts if boxes.frame[0] < cut < end), end]
    found = []
    for first, after in itertools.pairwise(edges):
        low, high = np.searchsorted(boxes.frame, [first, after])
        if low < high:
            found.append(Shot(boxes.take(np.arange(low, high)), first, after - 1))
    return found
