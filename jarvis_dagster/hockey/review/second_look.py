"""A second look at a frame: what the detector sees in the mirror.

Belongs here: disagreement between two looks. Does not belong here: detectors.

A detector that is sure of what it sees finds the same people in the mirrored picture.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.review.boxes import as_centres
from jarvis_dagster.hockey.tracking.boxes import overlap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.base import Detector
    from jarvis_dagster.hockey.review.signals import Candidate

__all__ = ["disagreement", "looked_again"]

_IOU = 0.5
_MOST = 4.0


def disagreement(detector: Detector, image: NDArray[np.uint8]) -> tuple[int, int]:
    """People found in one of the picture and its mirror image alone, and how many in both.

    Args:
        image: BGR (H, W, 3).
    """
    from scipy.optimize import linear_sum_assignment

    mirrored = np.ascontiguousarray(image[:, ::-1])
    one, other = detector.detect([image, mirrored])
    width = image.shape[1]
    a = one.xyxy[one.class_index < 3].astype(np.float64)
    b = other.xyxy[other.class_index < 3].astype(np.float64)
    if not len(a) or not len(b):
        return len(a) + len(b), 0
    b = np.column_stack((width - b[:, 2], b[:, 1], width - b[:, 0], b[:, 3]))
    iou = overlap(as_centres(a), as_centres(b))
    rows, columns = linear_sum_assignment(-iou)
    both = int((iou[rows, columns] >= _IOU).sum())
    return len(a) + len(b) - 2 * both, both


def looked_again(one: Candidate, detector: Detector, image: NDArray[np.uint8]) -> Candidate:
    """The candidate with what a second look says."""
    apart, _ = disagreement(detector, image)
    if not apart:
        return one
    said = f"two looks differ on {apart} {'person' if apart == 1 else 'people'}"
    signs = {**one.signs, "looks": min(float(apart), _MOST)}
    return dataclasses.replace(one, signs=signs, reasons=(*one.reasons, said))
