"""Which chains of detections are people, and which is the puck.

Belongs here: leaving out chains that are too short, too sparse or too weak.
Does not belong here: making chains.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["Selection", "one_at_a_time", "people"]


@dataclasses.dataclass(frozen=True)
class Selection:
    """What a chain needs to be a person."""

    shortest_s: float = 0.2
    least: int = 3  # detections
    density: float = 0.4  # share of the frames with detections that see it
    proven_s: float = 4.0  # a chain this long needs no further proof
    weak_score: float = 0.55  # share of the usual score that a shorter one needs
    brief_s: float = 1.0  # a chain shorter than this ...
    brief_score: float = 0.7  # ... needs this much


def people(
    boxes: Boxes,
    ticks: NDArray[np.int64],
    chains: list[NDArray[np.intp]],
    fps: float,
    options: Selection | None = None,
) -> list[NDArray[np.intp]]:
    """The chains that last, that are seen often enough, and not only weakly.

    The score is judged against that of the whole shot, so a detector with low
    scores loses nothing.
    """
    options = options or Selection()
    if not chains:
        return []
    count = np.array([len(chain) for chain in chains])
    first = boxes.frame[np.array([chain[0] for chain in chains])]
    last = boxes.frame[np.array([chain[-1] for chain in chains])]
    chances = np.searchsorted(ticks, last) - np.searchsorted(ticks, first) + 1
    seconds = (last - first) / fps
    score = np.array([boxes.score[chain].mean() for chain in chains])
    step = float(np.median(np.diff(ticks))) if len(ticks) > 1 else 1.0
    lasts = (seconds + 0.5 * step / fps >= options.shortest_s) & (count >= options.least)
    # A video of very few frames cannot prove anybody; believe it.
    if len(ticks) < options.least:
        lasts = count == len(ticks)
    seen = (count / chances >= options.density) | (count * step / fps > 1)
    usual = float(np.average(score, weights=count**2))
    needed = np.where(seconds < options.brief_s, options.brief_score, options.weak_score)
    strong = (seconds >= options.proven_s) | (score >= needed * usual)
    return [chains[index] for index in np.flatnonzero(lasts & seen & strong)]


def one_at_a_time(boxes: Boxes, chains: list[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
    """The set of chains, no two at one time, with the largest sum of scores.

    There is one puck. Weighted interval scheduling, in one chain.
    """
    if not chains:
        return []
    ordered = sorted(chains, key=lambda chain: int(boxes.frame[chain[-1]]))
    last = np.array([boxes.frame[chain[-1]] for chain in ordered])
    best = [0.0]
    back: list[int] = []
    for index, chain in enumerate(ordered):
        previous = int(np.searchsorted(last[:index], boxes.frame[chain[0]], side="left"))
        worth = best[previous] + float(boxes.score[chain].sum())
        back.append(previous if worth > best[index] else -1)
        best.append(max(worth, best[index]))
    chosen = []
    index = len(ordered)
    while index > 0:
        if back[index - 1] >= 0:
            chosen.append(ordered[index - 1])
            index = back[index - 1]
        else:
            index -= 1
    return [np.concatenate(chosen[::-1])] if chosen else []
