"""Those of whom there is one: joined again when the camera comes back to them.

Belongs here: joining chains across an absence where the class tells who it is.
Does not belong here: misses and occlusions (linking), classes of single boxes.

A goalkeeper leaves the picture when the camera does, and is found where he was.
For skaters it is different: of the joints that boxes alone suggest, motion, side,
order and size taken together, four in ten are right (measured on NHL sequences).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.tracking.kits import alike

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["join_returns", "lone_labels"]

_SHORTEST = 12  # detections of a chain that may be joined: fewer do not settle its class
_EDGE = 0.45  # heights from the picture's edge within which a chain ends at that edge
_TOGETHER = 0.05  # share of the frames of a lone class that may hold two of it
_MINORITY = 0.2  # share of all boxes that a lone class has at most
_LEFT, _RIGHT, _ELSEWHERE = 0, 1, 2


def lone_labels(boxes: Boxes, chains: list[NDArray[np.intp]]) -> list[int]:
    """The labels of few boxes whose chains hardly ever share a frame."""
    total = sum(len(chain) for chain in chains)
    found = []
    for label in np.unique(boxes.label).tolist():
        mine = [boxes.frame[chain] for chain in _of_label(boxes, chains, label)]
        count = sum(len(frames) for frames in mine)
        if mine and count <= _MINORITY * total:
            together = count - len(np.unique(np.concatenate(mine)))
            if together <= _TOGETHER * count:
                found.append(label)
    return found


def join_returns(
    boxes: Boxes,
    chains: list[NDArray[np.intp]],
    *,
    lone: Collection[int],
    width_px: int,
    kit: NDArray[np.float64] | None = None,
) -> list[NDArray[np.intp]]:
    """The chains, with those of one lone person joined, in order of their first frame.

    Each chain of a lone class goes to the latest one before it of that class
    that did not leave on the other side of the picture and does not look different.

    Args:
        boxes: all detections.
        chains: indices into ``boxes``, in order of time.
        lone: labels (as in ``boxes.label``) of which each end of the rink has one.
        width_px: of the picture.
        kit: (N, D) colours, row-aligned with the table of detections, or ``None``.
    """
    out = list(chains)
    for label in lone:
        mine = _of_label(boxes, out, label)
        mine.sort(key=lambda chain: int(boxes.frame[chain[0]]))
        joined: list[NDArray[np.intp]] = []
        for chain in mine:
            fits = [
                index
                for index, one in enumerate(joined)
                if _may_follow(boxes, one, chain, width_px, kit)
            ]
            if fits:
                latest = max(fits, key=lambda index: int(boxes.frame[joined[index][-1]]))
                joined[latest] = np.concatenate([joined[latest], chain])
            else:
                joined.append(chain)
        taken = {id(chain) for chain in mine}
        out = [chain for chain in out if id(chain) not in taken] + joined
    return sorted(out, key=lambda chain: (int(boxes.frame[chain[0]]), int(chain[0])))


def _of_label(boxes: Boxes, chains: list[NDArray[np.intp]], label: int) -> list[NDArray[np.intp]]:
    return [
        chain
        for chain in chains
        if len(chain) >= _SHORTEST and (boxes.label[chain] == label).mean() > 0.5
    ]


def _may_follow(
    boxes: Boxes,
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    width_px: int,
    kit: NDArray[np.float64] | None,
) -> bool:
    if boxes.frame[first[-1]] >= boxes.frame[second[0]]:
        return False
    sides = {_side(boxes.box[first[-1]], width_px), _side(boxes.box[second[0]], width_px)}
    if sides == {_LEFT, _RIGHT}:
        return False
    return kit is None or alike(kit[boxes.row[first]], kit[boxes.row[second]])


def _side(box: NDArray[np.float64], width_px: int) -> int:
    low, high = box[0] - box[2] / 2, box[0] + box[2] / 2
    reach = _EDGE * box[3]
    if low < reach:
        return _LEFT
    return _RIGHT if width_px - high < reach else _ELSEWHERE
