"""From the network's cells to boxes.

Belongs here: what the numbers of a cell mean, duplicates. Does not belong here: running the
network, roles, the ice.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["best_boxes", "cell_centres", "softmax", "suppressed"]

_MAX_CANDIDATES = 600
_SAME_INSIDE, _SAME_ROWS = 0.85, 0.7
_REPEATED_WORTH = 0.6
"""They are doubted rather than dropped: rarely it is a second person after all."""


def best_boxes(
    score: NDArray[np.float32],
    sides: NDArray[np.float32],
    *,
    size: tuple[int, int],
    strides: tuple[int, ...],
    bins: int,
    threshold: float,
    nms_iou: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Boxes (N, 4) px of the network's input, their scores, and the cells they come from.

    Best first, without duplicates (non-maximum suppression at ``nms_iou``).

    Args:
        score: (cells,) 0 to 1.
        sides: (cells, 4 * bins) logits of the distances to the four sides.
        size: (width, height) of the network's input.
        threshold: Least score.
    """
    cells = np.flatnonzero(score >= threshold)
    cells = cells[np.argsort(-score[cells], kind="stable")][:_MAX_CANDIDATES]
    if not len(cells):
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32), cells
    centres = cell_centres(size, strides)[cells]
    spread = softmax(sides[cells].reshape(-1, 4, bins))
    distance = spread @ np.arange(bins, dtype=np.float32) * centres[:, 2:]
    boxes = np.concatenate(
        (centres[:, :2] - distance[:, :2], centres[:, :2] + distance[:, 2:]), 1
    ).astype(np.float32)
    rows = suppressed(boxes, score[cells], nms_iou)
    boxes, confidence = boxes[rows], score[cells[rows]].astype(np.float32)
    confidence[_repeated(boxes)] *= _REPEATED_WORTH
    order = np.argsort(-confidence, kind="stable")
    order = order[confidence[order] >= threshold]
    return boxes[order], confidence[order], cells[rows[order]]


def suppressed(
    boxes: NDArray[np.float32], score: NDArray[np.float32], iou: float
) -> NDArray[np.int64]:
    """Rows that non-maximum suppression keeps of boxes (N, 4), x1 y1 x2 y2, best first."""
    import cv2

    as_xywh = np.concatenate((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), 1)
    kept = cv2.dnn.NMSBoxes(as_xywh.tolist(), score.tolist(), 0.0, iou)
    return np.asarray(kept, np.int64).reshape(-1)


def _repeated(boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which boxes, best first, are a better one again with or without its stick.

    Annotators disagree on whether the stick belongs to the player, so the network sometimes
    answers with both boxes: one beside the other's side, but as high, and inside it. Two people
    who stand one before the other differ in height, or each shows something of their own.
    """
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(high - low, 0)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    area = sides.prod(1)
    inside = shared.prod(2) / np.minimum(area[:, None], area[None])
    rows_alike = shared[..., 1] / np.maximum(
        sides[:, None, 1] + sides[None, :, 1] - shared[..., 1], 1e-6
    )
    same = (inside >= _SAME_INSIDE) & (rows_alike >= _SAME_ROWS)
    again = np.zeros(len(boxes), bool)
    for row in range(1, len(boxes)):
        again[row] = (same[row, :row] & ~again[:row]).any()
    return again


@functools.lru_cache(maxsize=8)
def cell_centres(
    size: tuple[int, int], strides: tuple[int, ...], within: float = 0.5
) -> NDArray[np.float32]:
    """(N, 3): x, y and stride of each cell, in the network's order.

    ``within`` says which point of a cell that is: 0.5 its middle, 0 its corner.
    """
    levels = []
    for stride in strides:
        y, x = np.mgrid[: size[1] // stride, : size[0] // stride]
        level = np.stack(
            ((x + within) * stride, (y + within) * stride, np.full(x.shape, stride)), -1
        )
        levels.append(level.reshape(-1, 3))
    return np.concatenate(levels).astype(np.float32)


def softmax(x: NDArray[Any]) -> NDArray[Any]:
    """Along the last axis."""
    x = np.exp(x - x.max(-1, keepdims=True))
    share: NDArray[Any] = x / x.sum(-1, keepdims=True)
    return share
