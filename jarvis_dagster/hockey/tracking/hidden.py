"""Who vanishes behind somebody comes out from behind the same person.

Belongs here: joining a chain that ends beside another person with one that begins beside the
same person soon after. Does not belong here: joints by a person's own motion (linking).

Who is hidden does not skate on by himself: he is held, checked, or goes round the one in front.
So it is the place beside that one which tells where he comes out, not where he was heading.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.tracking.kits import alike

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

    Floats = NDArray[np.float64]

__all__ = ["Hiding", "join_hidden"]


@dataclasses.dataclass(frozen=True)
class Hiding:
    """What two ends need to be one person; lengths in heights of who is in front."""

    longest_s: float = 1.0
    apart: float = 0.15  # between the boxes at most, to be beside somebody
    covered: float = 0.2  # share of the smaller box that lies in the other, at one of both ends
    moved: float = 1.0  # beside the one in front, at most
    grown: float = 0.5  # log height, at most
    varies: float = 1.0  # variance of colours at least: those of who is in front mix in


def join_hidden(
    boxes: Boxes,
    chains: list[NDArray[np.intp]],
    *,
    fps: float,
    kit: Floats | None,
    options: Hiding | None = None,
) -> tuple[list[NDArray[np.intp]], NDArray[np.intp]]:
    """The chains, with those joined that vanish behind a person and come out from behind him.

    Colours have to agree: of the six joints that boxes alone suggested in NHL sequences with a
    tenth of the boxes missed, none was right.

    Args:
        boxes: all detections.
        chains: indices into ``boxes``, in order of time.
        fps: frames a second.
        kit: (N, D) colours, row-aligned with the table of detections; ``None``: nothing is joined.
        options: see :class:`Hiding`.

    Returns:
        The chains, and the detections with which somebody comes out: he was not seen before.
    """
    options = options or Hiding()
    none = np.zeros(0, dtype=np.intp)
    if kit is None or len(chains) < 3:
        return chains, none
    first = np.array([boxes.frame[chain[0]] for chain in chains])
    last = np.array([boxes.frame[chain[-1]] for chain in chains])
    fits = []
    for one in range(len(chains)):
        soon = (first > last[one]) & (first <= last[one] + options.longest_s * fps)
        for other in np.flatnonzero(soon).tolist():
            there = (first <= last[one]) & (last >= first[other])
            moved = min(
                (
                    _moved(boxes, chains[one], chains[other], chains[front], options)
                    for front in np.flatnonzero(there).tolist()
                ),
                default=np.inf,
            )
            worn = [kit[boxes.row[chains[end]]] for end in (one, other)]
            if moved <= options.moved and alike(worn[0], worn[1], options.varies):
                fits.append((moved, one, other))
    after: dict[int, int] = {}
    for _, one, other in sorted(fits):
        if one not in after and other not in after.values():
            after[one] = other
    out = []
    for start in np.argsort(first, kind="stable").tolist():
        if start in after.values():
            continue
        run = [start]
        while run[-1] in after:
            run.append(after[run[-1]])
        out.append(np.concatenate([chains[index] for index in run]))
    return out, np.array([chains[other][0] for other in after.values()], dtype=np.intp)


def _moved(
    boxes: Boxes,
    tail: NDArray[np.intp],
    head: NDArray[np.intp],
    front: NDArray[np.intp],
    options: Hiding,
) -> float:
    """Way between two ends as seen from who is in front; infinite where one is not beside him."""
    ends = boxes.box[[tail[-1], head[0]]]
    frames = boxes.frame[[tail[-1], head[0]]]
    there = np.stack(
        [np.interp(frames, boxes.frame[front], column) for column in boxes.box[front].T], axis=1
    )
    height = float(there[:, 3].mean())
    away = ends[:, :2] - there[:, :2]
    between = np.abs(away) - (ends[:, 2:] + there[:, 2:]) / 2
    shared = np.prod(np.clip(-between, 0, np.minimum(ends[:, 2:], there[:, 2:])), axis=1)
    covered = shared / np.minimum(ends[:, 2:].prod(axis=1), there[:, 2:].prod(axis=1))
    if (between > options.apart * height).any() or covered.max() < options.covered:
        return np.inf
    if abs(float(np.log(ends[1, 3] / ends[0, 3]))) > options.grown:
        return np.inf
    return float(np.hypot(*(away[1] - away[0]))) / height
