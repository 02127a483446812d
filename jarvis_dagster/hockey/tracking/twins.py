"""Two chains that follow one person: keep one.

Belongs here: finding chains that lie on each other for as long as both last.
Does not belong here: chains that merely cross or that battle for the puck.

A detector that gives one person two boxes (one with the stick, one without)
feeds two chains. People who really are that close part again; twins never do:
either one of them lives on the other, or one takes the person over from the other.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.tracking.kits import alike

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["Twins", "hand_over", "without_twins"]

_VARIES = 0.5  # variance of colours at least, in what one person's vary by


@dataclasses.dataclass(frozen=True)
class Twins:
    """What makes a chain the twin of another."""

    # Share of the smaller box that lies in the other one. Of 1,235 true tracks in NHL games no two
    # are so by either rule below; at .5 three are.
    inside: float = 0.6
    together: float = 0.6  # share of the chain's time that it is so; at .55 still none is
    handed: float = 0.6  # share of the common time of two of which one takes over


def without_twins(
    boxes: Boxes, chains: list[NDArray[np.intp]], options: Twins | None = None
) -> list[NDArray[np.intp]]:
    """The chains, without those that lie on a better-seen one most of their time."""
    options = options or Twins()
    if not chains:
        return []
    first, last = _spans(boxes, chains)
    kept = np.zeros(len(chains), dtype=bool)
    for index in np.argsort([-boxes.score[chain].sum() for chain in chains], kind="stable"):
        beside = kept & (first <= last[index]) & (last >= first[index])
        kept[index] = not any(
            _lies_on(boxes, chains[index], chains[other], options)
            for other in np.flatnonzero(beside)
        )
    return [chains[index] for index in np.flatnonzero(kept)]


def hand_over(
    boxes: Boxes,
    chains: list[NDArray[np.intp]],
    kit: NDArray[np.float64] | None = None,
    options: Twins | None = None,
) -> list[NDArray[np.intp]]:
    """The chains, with those joined of which one takes a person over from the other.

    The later one begins on the earlier one, which ends on it; as long as both last,
    they lie on each other, and their colours agree. In that time the better-seen one counts.
    """
    options = options or Twins()
    if not chains:
        return []
    first, last = _spans(boxes, chains)
    out = list(chains)
    done = np.zeros(len(chains), dtype=bool)
    for index in np.argsort(first, kind="stable"):
        chain = chains[index]
        going = (first < first[index]) & (last >= first[index]) & (last < last[index]) & ~done
        fits = [
            (share, other)
            for other in np.flatnonzero(going)
            if (share := _handed(boxes, out[other], chain, options)) >= options.handed
            and (kit is None or alike(kit[boxes.row[out[other]]], kit[boxes.row[chain]], _VARIES))
        ]
        if fits:
            _, other = max(fits)
            out[index] = _joined(boxes, out[other], chain)
            first[index], done[other] = first[other], True
    return [out[index] for index in np.flatnonzero(~done)]


def _spans(
    boxes: Boxes, chains: list[NDArray[np.intp]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last frame of each chain."""
    ends = np.array([(chain[0], chain[-1]) for chain in chains])
    return boxes.frame[ends[:, 0]], boxes.frame[ends[:, 1]]


def _handed(
    boxes: Boxes, first: NDArray[np.intp], second: NDArray[np.intp], options: Twins
) -> float:
    """Share of the common time of two chains in which they lie on each other."""
    old = first[boxes.frame[first] >= boxes.frame[second[0]]]
    new = second[boxes.frame[second] <= boxes.frame[first[-1]]]
    shared = np.append(_inside(boxes, old, second), _inside(boxes, new, first))
    return float((shared >= options.inside).mean())


def _joined(boxes: Boxes, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.intp]:
    start, end = boxes.frame[second[0]], boxes.frame[first[-1]]
    old, new = first[boxes.frame[first] >= start], second[boxes.frame[second] <= end]
    if boxes.score[old].sum() > boxes.score[new].sum():
        return np.append(first, second[boxes.frame[second] > end])
    return np.append(first[boxes.frame[first] < start], second)


def _lies_on(
    boxes: Boxes, chain: NDArray[np.intp], other: NDArray[np.intp], options: Twins
) -> bool:
    return bool((_inside(boxes, chain, other) >= options.inside).mean() >= options.together)


def _inside(boxes: Boxes, chain: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.float64]:
    """Share of the smaller box that lies in the larger, at each detection of ``chain``.

    0 where ``other`` does not last; between its detections it is where they suggest.
    """
    frames, around = boxes.frame[chain], boxes.frame[other]
    common = (frames >= around[0]) & (frames <= around[-1])
    mine = boxes.box[chain]
    theirs = np.stack([np.interp(frames, around, column) for column in boxes.box[other].T], axis=1)
    low = np.maximum(mine[:, :2] - mine[:, 2:] / 2, theirs[:, :2] - theirs[:, 2:] / 2)
    high = np.minimum(mine[:, :2] + mine[:, 2:] / 2, theirs[:, :2] + theirs[:, 2:] / 2)
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    smaller = np.minimum(np.prod(mine[:, 2:], axis=1), np.prod(theirs[:, 2:], axis=1))
    return np.asarray(common * shared / smaller)
