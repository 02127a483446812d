"""Makes box styles agree before labels of several origins are mixed.

Belongs here: tighter boxes from a teacher detector, regions to leave out of the loss.
Does not belong here: reading labels, training.

Some annotators box the stick, others the body. A network trained on both predicts neither,
so boxes of the loose style are replaced by what a teacher sees inside them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.detection.overlap import overlaps

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.training.dataset import Sample

    Teacher = Callable[[Sample], tuple[NDArray[np.float32], NDArray[np.float32]]]
    """Boxes (N, 4) as shares of the picture, and their scores (N,)."""

__all__ = ["ignore_unlabelled", "tighten"]

_INSIDE = 0.8
"""Share of a teacher's box that must lie inside the labelled box (grown by a tenth)."""
_MIN_IOU = 0.25
_MIN_SCORE = 0.2
_UNLABELLED_SCORE = 0.35


def tighten(sample: Sample, teacher: Teacher, *, leave_out_unlabelled: bool) -> Sample:
    """``sample`` with each box replaced by the teacher's box of the same person.

    A box without a counterpart is kept but marked loose. With ``leave_out_unlabelled``, people
    whom the teacher sees and the labels do not know become regions to ignore.
    """
    found, scores = teacher(sample)
    labelled = sample.boxes
    if not len(labelled):
        return sample
    iou, inside = _relation(labelled, found)
    value = np.where((inside >= _INSIDE) & (iou >= _MIN_IOU) & (scores >= _MIN_SCORE)[None], iou, 0)
    value = value * scores[None] ** 0.5
    boxes, tight = labelled.copy(), np.zeros(len(labelled), bool)
    while value.size and value.max() > 0:
        one, other = np.unravel_index(int(value.argmax()), value.shape)
        boxes[one], tight[one] = found[other], True
        value[one], value[:, other] = 0, 0
    mended = dataclasses.replace(sample, boxes=boxes, tight=tight)
    if not leave_out_unlabelled:
        return mended
    strangers = found[_unlabelled(labelled, found, scores)]
    return dataclasses.replace(mended, ignore=np.concatenate((sample.ignore, strangers)))


def ignore_unlabelled(sample: Sample, teacher: Teacher) -> Sample:
    """``sample`` with the people whom only the teacher sees as regions to ignore.

    For footage whose labels leave out people on the ice, such as children who wait for
    their turn: taught as background, they would teach that small players are none.
    """
    found, scores = teacher(sample)
    strangers = found[_unlabelled(sample.boxes, found, scores)]
    return dataclasses.replace(sample, ignore=np.concatenate((sample.ignore, strangers)))


def _unlabelled(
    labelled: NDArray[np.float32], found: NDArray[np.float32], scores: NDArray[np.float32]
) -> NDArray[np.bool_]:
    sure: NDArray[np.bool_] = scores >= _UNLABELLED_SCORE
    if not len(labelled):
        return sure
    iou, inside = _relation(labelled, found)
    unknown: NDArray[np.bool_] = (iou.max(0) < 0.1) & (inside.max(0) < 0.3) & sure
    return unknown


def _relation(
    labelled: NDArray[np.float32], found: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """IoU (A, B), and the share of each found box inside each labelled one, grown by a tenth."""
    grow = (labelled[:, 2:] - labelled[:, :2]) * 0.05
    grown = np.concatenate((labelled[:, :2] - grow, labelled[:, 2:] + grow), 1)
    return overlaps(labelled, found)[0], overlaps(grown.astype(np.float32), found)[1]
