"""The ends of a chain that nobody vouches for.

Belongs here: cutting the sparse beginning or end off a chain of detections.
Does not belong here: making chains, joining them.

A false box just before a person comes into view starts a chain that then waits
for that person. Such an end misleads every later step: it moves the place where
the chain began, and a box is drawn where nobody was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["trim"]

_MISS = 0.35  # what a frame without the person costs; a usual detection is worth 1


def trim(
    boxes: Boxes, ticks: NDArray[np.int64], chains: list[NDArray[np.intp]]
) -> list[NDArray[np.intp]]:
    """Each chain from and to where its detections outweigh its misses.

    Every detection is worth its score (the median score of the shot is 1) and
    every detection frame without one costs a constant. The part with the
    largest sum stays: an end goes when it costs more than it is worth.

    Args:
        boxes: all detections.
        ticks: the frames that have detections, ascending.
        chains: indices into ``boxes``, in order of time, none empty.
    """
    usual = float(np.median(boxes.score)) if len(boxes) else 0.0
    worth = boxes.score / usual if usual > 0 else np.ones(len(boxes))
    return [chain[_best_part(boxes.frame[chain], worth[chain], ticks)] for chain in chains]


def _best_part(
    frame: NDArray[np.int64], worth: NDArray[np.float64], ticks: NDArray[np.int64]
) -> slice:
    missed = np.diff(np.searchsorted(ticks, frame), prepend=0) - 1
    missed[0] = 0
    cost = _MISS * missed
    total = np.cumsum(worth - cost)
    # The sum of all that lies before a detection, without the gap just before it.
    before = np.append(0.0, total[:-1]) - cost
    start = int(before.argmin())
    return slice(start, start + int(total[start:].argmax()) + 1)
