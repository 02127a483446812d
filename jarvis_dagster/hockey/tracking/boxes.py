"""Detections as sorted arrays, cleaned.

Belongs here: the array form that the tracking steps share, what makes a row
unusable, and the removal of double boxes. Does not belong here: association.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Boxes", "clean", "from_table", "overlap", "shared_area"]

_DOUBLE_IOU = 0.75
_INSIDE = 0.85  # share of a box in a larger one from which on it shows a part of a person
_PART = 0.5  # of the larger box: of people's boxes in NHL games, 1 in 10,000 is both


@dataclasses.dataclass(frozen=True)
class Boxes:
    """Boxes sorted by frame; every array has N rows."""

    frame: NDArray[np.int64]
    box: NDArray[np.float64]  # centre x, centre y, width, height; px
    score: NDArray[np.float64]
    label: NDArray[np.int64]  # class as a small number, -1 where unknown
    row: NDArray[np.int64]  # position in the table of detections

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, keep: NDArray[Any]) -> Boxes:
        """The rows that ``keep`` (mask or indices) names."""
        return Boxes(*(getattr(self, part.name)[keep] for part in dataclasses.fields(self)))


def from_table(table: pd.DataFrame, labels: list[str]) -> Boxes:
    """Arrays of a DETECTIONS table; ``labels`` names the classes by number."""
    corner = table[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64)
    box = np.concatenate(
        [(corner[:, :2] + corner[:, 2:]) / 2, corner[:, 2:] - corner[:, :2]], axis=1
    )
    number = {name: index for index, name in enumerate(labels)}
    label = table["class"].map(number).fillna(-1).to_numpy().astype(np.int64)
    frame = table["frame"].to_numpy(np.int64)
    order = np.argsort(frame, kind="stable")
    boxes = Boxes(
        frame=frame,
        box=box,
        score=np.clip(np.nan_to_num(table["score"].to_numpy(np.float64), nan=1.0), 0, 1),
        label=label,
        row=np.arange(len(table)),
    )
    return boxes.take(order)


def clean(boxes: Boxes, width_px: int, height_px: int, *, puck: int = -2) -> Boxes:
    """Without rows that hold no box inside the picture, double boxes, and parts of people.

    A part is a small box inside a larger one of a higher score; never the ``puck`` (a label).
    """
    centre, size = boxes.box[:, :2], boxes.box[:, 2:]
    usable = np.asarray(np.isfinite(boxes.box).all(axis=1) & (size > 0).all(axis=1))
    frame_size = np.array([width_px, height_px], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        usable &= ((centre > -size) & (centre < frame_size + size)).all(axis=1)
        usable &= (size <= 2 * frame_size).all(axis=1)
    boxes = boxes.take(usable)
    # The order within a frame must not depend on the order of the rows.
    order = np.lexsort((*boxes.box.T[::-1], -boxes.score, boxes.frame))
    boxes = boxes.take(order)
    return boxes.take(_single(boxes, puck))


def _single(boxes: Boxes, puck: int) -> NDArray[np.bool_]:
    keep = np.ones(len(boxes), dtype=bool)
    edges = np.flatnonzero(np.diff(boxes.frame)) + 1
    bounds = [0, *edges.tolist(), len(boxes)]
    for start, stop in itertools.pairwise(bounds):
        if stop - start < 2:
            continue
        shared = overlap(boxes.box[start:stop], boxes.box[start:stop]) > _DOUBLE_IOU
        shared |= _parts(boxes.take(np.arange(start, stop)), puck)
        if not np.triu(shared, 1).any():
            continue
        for index in range(stop - start):
            if keep[start + index]:
                keep[start + index + 1 : stop] &= ~shared[index, index + 1 :]
    return keep


def _parts(boxes: Boxes, puck: int) -> NDArray[np.bool_]:
    """(N, N) whether the second box shows a part of whom the first one shows."""
    area = boxes.box[:, 2:].prod(axis=1)
    inside = shared_area(boxes.box, boxes.box) > _INSIDE * area
    lesser = (area < _PART * area[:, None]) & (boxes.score < boxes.score[:, None])
    people = boxes.label != puck
    return np.asarray(inside & lesser & people & people[:, None])


def shared_area(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area of the intersections of boxes given by centre and size, (A, B)."""
    a_low, a_high = a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2
    b_low, b_high = b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    sides = np.minimum(a_high[:, None], b_high[None]) - np.maximum(a_low[:, None], b_low[None])
    return np.asarray(np.clip(sides, 0, None).prod(axis=2))


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of boxes given by centre and size, (A, B)."""
    area = shared_area(a, b)
    both = a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None] - area
    return np.asarray(area / np.maximum(both, 1e-9))
