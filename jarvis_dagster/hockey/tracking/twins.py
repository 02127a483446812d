"""Two chains that follow one person: keep one.

Belongs here: finding chains that lie on each other for as long as they last.
Does not belong here: chains that merely cross or that battle for the puck.

A detector that gives one person two boxes (one with the stick, one without)
feeds two chains. People who really are that close part again; twins never do.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["Twins", "without_twins"]


@dataclasses.dataclass(frozen=True)
class Twins:
    """What makes a chain the twin of a longer one."""

    inside: float = 0.7  # share of the smaller box that lies in the other one
    together: float = 0.8  # share of the chain's time that it is so


def without_twins(
    boxes: Boxes, chains: list[NDArray[np.intp]], options: Twins | None = None
) -> list[NDArray[np.intp]]:
    """The chains, without those that lie on a better-seen one nearly all their time."""
    options = options or Twins()
    order = sorted(range(len(chains)), key=lambda index: -float(boxes.score[chains[index]].sum()))
    kept: list[int] = []
    for index in order:
        chain = chains[index]
        if not any(_lies_on(boxes, chain, chains[other], options) for other in kept):
            kept.append(index)
    return [chains[index] for index in sorted(kept)]


def _lies_on(
    boxes: Boxes, chain: NDArray[np.intp], other: NDArray[np.intp], options: Twins
) -> bool:
    frames, around = boxes.frame[chain], boxes.frame[other]
    common = (frames >= around[0]) & (frames <= around[-1])
    if common.mean() < options.together:
        return False
    mine = boxes.box[chain]
    theirs = np.stack([np.interp(frames, around, column) for column in boxes.box[other].T], axis=1)
    low = np.maximum(mine[:, :2] - mine[:, 2:] / 2, theirs[:, :2] - theirs[:, 2:] / 2)
    high = np.minimum(mine[:, :2] + mine[:, 2:] / 2, theirs[:, :2] + theirs[:, 2:] / 2)
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    smaller = np.minimum(np.prod(mine[:, 2:], axis=1), np.prod(theirs[:, 2:], axis=1))
    lies = common & (shared >= options.inside * smaller)
    return bool(lies.mean() >= options.together)
