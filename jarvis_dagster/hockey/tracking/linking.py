"""Join tracklets that are one person: over misses and occlusions.

Belongs here: how likely two ends of tracklets are one person, and the best set
of joints. Does not belong here: the motion model, frame-by-frame association,
people who leave the picture and come back (returns).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.tracking.ends import Ends, Motion, forecast, tracklet_ends

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

    Floats = NDArray[np.float64]

__all__ = ["Linking", "link"]


@dataclasses.dataclass(frozen=True)
class Linking:
    """Numbers of the joints; costs are negative log-likelihoods."""

    rounds_s: tuple[float, ...] = (0.35, 1.0)  # largest gap of each round
    threshold: float = 9.5  # cost above which two ends stay apart
    inside: float = 5.0  # more threshold where nobody can have come or gone
    gap_cost: float = 1.0  # for a second of not being seen
    label_cost: float = 2.0  # when the two have no class in common
    kit_cost: float = 1.0  # for a squared distance twice the usual one
    kit_limit: float = 4.0  # colours alone never forbid a joint
    jerk_cost: float = 0.0  # for a motion that breaks off, as after a collision
    jerk: float = 0.15  # heights by which a place may then be off, for no gap
    jerk_speed: float = 2.0  # heights / s by which it may be off for longer gaps
    reveal: float = 0.5  # log size by which a box may change when somebody hides half a person


def link(
    boxes: Boxes,
    place: Floats,
    pieces: list[NDArray[np.intp]],
    *,
    fps: float,
    motion: Motion,
    inside: NDArray[np.bool_],
    kit: Floats | None = None,
    options: Linking | None = None,
) -> list[NDArray[np.intp]]:
    """Chains of tracklets that are one person, in order of their first frame.

    Short gaps are closed first, so that longer ones are judged by longer
    tracklets. Each round is one assignment of ends to beginnings: a tracklet
    has at most one successor and one predecessor, and two that overlap in time
    are never joined.

    Args:
        boxes: all detections.
        place: (N, 2) their centres in stabilised coordinates.
        pieces: tracklets, indices into ``boxes``.
        fps: frames a second.
        motion: the motion model.
        inside: (N,) which detections are away from the picture's edges.
        kit: (N, D) colours of the detections, or ``None``.
        options: see :class:`Linking`.
    """
    options = options or Linking()
    chains = pieces
    for longest in options.rounds_s:
        if len(chains) > 1:
            chains = _join(boxes, place, chains, fps, longest, motion, inside, kit, options)
    return sorted(chains, key=lambda chain: (int(boxes.frame[chain[0]]), int(chain[0])))


def _join(
    boxes: Boxes,
    place: Floats,
    chains: list[NDArray[np.intp]],
    fps: float,
    longest_s: float,
    motion: Motion,
    inside: NDArray[np.bool_],
    kit: Floats | None,
    options: Linking,
) -> list[NDArray[np.intp]]:
    tails = tracklet_ends(boxes, place, chains, fps, motion, tail=True)
    heads = tracklet_ends(boxes, place, chains, fps, motion, tail=False)
    before, after = _pairs(tails.time, -heads.time, longest_s)
    if len(before) == 0:
        return chains
    gap = -heads.time[after] - tails.time[before]
    cost = _motion_cost(tails, heads, before, after, gap, motion, options)
    cost += options.gap_cost * gap
    cost += options.label_cost * _label_distance(boxes, chains, before, after)
    if kit is not None:
        cost += _kit_cost(kit[boxes.row], chains, before, after, options)
    ended = inside[np.array([chain[-1] for chain in chains])]
    began = inside[np.array([chain[0] for chain in chains])]
    cost -= options.threshold + options.inside * (ended[before] & began[after])
    good = cost < 0
    successor = _assign(before[good], after[good], cost[good], len(chains))
    followed = set(successor.values())
    joined = []
    for first in range(len(chains)):
        if first not in followed:
            run = [first]
            while run[-1] in successor:
                run.append(successor[run[-1]])
            joined.append(np.concatenate([chains[index] for index in run]))
    return joined


def _pairs(
    ends: Floats, starts: Floats, longest_s: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of a tracklet and one that starts at most ``longest_s`` after its end."""
    order = np.argsort(starts, kind="stable")
    low = np.searchsorted(starts[order], ends + 1e-9, side="right")
    high = np.searchsorted(starts[order], ends + longest_s + 1e-9, side="right")
    count = np.maximum(high - low, 0)
    before = np.repeat(np.arange(len(ends)), count)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return before, order[np.repeat(low, count) + offset]


def _motion_cost(
    tails: Ends,
    heads: Ends,
    before: NDArray[np.intp],
    after: NDArray[np.intp],
    gap: Floats,
    motion: Motion,
    options: Linking,
) -> Floats:
    """Negative log-likelihood that the head continues the tail, up to a constant.

    Steady motion, or else a break: people fall and collide, and a camera jolts. The same for size:
    who comes out from behind another shows all of himself at once.
    """
    sigma = motion.speed * np.exp(tails.size[before, 1:2])
    state = (tails.place, tails.speed, tails.var, tails.mixed, tails.var_speed)
    place, speed, var, mixed, var_speed = forecast(
        (state[0][before], state[1][before], state[2][before], state[3][before], state[4][before]),
        gap[:, None],
        sigma,
        motion.memory_s,
    )
    away = heads.place[after] - place
    # The head's speed was estimated with time running backwards.
    turn = -heads.speed[after] - speed
    var = var + heads.var[after]
    mixed = mixed - heads.mixed[after]
    var_speed = var_speed + heads.var_speed[after]
    area = var * var_speed - mixed**2
    distance = (var_speed * away**2 - 2 * mixed * away * turn + var * turn**2) / area
    height = np.exp((tails.size[before, 1:2] + heads.size[after, 1:2]) / 2)
    moved = 0.5 * (distance + np.log(area / height**4)).sum(axis=1)
    loose = (height * (options.jerk + options.jerk_speed * gap[:, None])) ** 2
    apart = (heads.place[after] - tails.place[before]) ** 2 / loose
    broken = 0.5 * (apart + np.log(loose / height**2)).sum(axis=1) + options.jerk_cost
    moved = np.minimum(moved, broken)
    growth = heads.size[after] - tails.size[before]
    var_size = tails.var_size[before] + heads.var_size[after] + 0.05**2
    var_size = var_size + motion.size_drift**2 * gap[:, None]
    grown = (growth**2 / var_size + np.log(var_size / 0.1**2)).sum(axis=1)
    shown = (growth / options.reveal) ** 2 + np.log(options.reveal**2 / 0.1**2)
    grown = np.minimum(grown, shown.sum(axis=1))
    return np.asarray(moved + 0.5 * grown + 8.0)


def _label_distance(
    boxes: Boxes,
    chains: list[NDArray[np.intp]],
    before: NDArray[np.intp],
    after: NDArray[np.intp],
) -> Floats:
    """0 where two chains have the same mixture of classes, 1 where nothing in common."""
    kinds = int(boxes.label.max()) + 2
    if kinds <= 2:
        return np.zeros(len(before))
    share = np.stack([np.bincount(boxes.label[c] + 1, minlength=kinds) / len(c) for c in chains])
    return np.asarray(1 - np.minimum(share[before], share[after]).sum(axis=1))


def _kit_cost(
    kit: Floats,
    chains: list[NDArray[np.intp]],
    before: NDArray[np.intp],
    after: NDArray[np.intp],
    options: Linking,
) -> Floats:
    """Cost of different colours, in units of how much they vary within a chain."""
    mean = np.stack([_mean(kit[chain]) for chain in chains])
    within = np.concatenate(
        [kit[chain] - mean[row] for row, chain in enumerate(chains) if len(chain) > 3]
        or [np.zeros((1, kit.shape[1]))]
    )
    spread = np.nanmean(within**2, axis=0) if np.isfinite(within).any() else np.ones(kit.shape[1])
    distance = (mean[before] - mean[after]) ** 2 / np.maximum(spread, 1e-6)
    known = np.isfinite(distance)
    average = np.where(known, distance, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.asarray(np.clip(options.kit_cost * (average - 1), 0, options.kit_limit))


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / known.sum(axis=0))


def _assign(
    before: NDArray[np.intp], after: NDArray[np.intp], value: Floats, count: int
) -> dict[int, int]:
    """The cheapest set of joints; each connected group of ends by itself."""
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if len(before) == 0:
        return {}
    graph = coo_matrix((np.ones(len(before)), (before, after + count)), shape=(2 * count,) * 2)
    _, group = connected_components(graph, directed=False)
    order = np.argsort(group[before], kind="stable")
    edges = np.flatnonzero(np.diff(group[before][order])) + 1
    successor = {}
    for part in np.split(order, edges):
        tails, row = np.unique(before[part], return_inverse=True)
        heads, column = np.unique(after[part], return_inverse=True)
        matrix = np.zeros((len(tails), len(heads)))
        matrix[row, column] = value[part]
        for i, j in zip(*linear_sum_assignment(matrix), strict=True):
            if matrix[i, j] < 0:
                successor[int(tails[i])] = int(heads[j])
    return successor
