"""Join tracklets that are one person: over misses, occlusions, absences.

Belongs here: how likely two ends of tracklets are one person, and the best set
of joints. Does not belong here: frame-by-frame association, smoothing.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["Linking", "link"]

_FORBIDDEN = 1e6


@dataclasses.dataclass(frozen=True)
class Linking:
    """Numbers of the joints; lengths in box heights, times in seconds."""

    noise: float = 0.05
    speed: float = 1.8  # standard deviation of speed in stabilised coordinates
    memory_s: float = 0.8  # time over which a velocity is forgotten
    size_drift: float = 0.25  # growth of log size, 1 / sqrt(s)
    window: int = 40  # detections at an end that tell its place and velocity
    rounds: tuple[float, ...] = (0.35, 1.0, 2.5)  # largest gap of each round
    threshold: float = 12.0
    least: int = 4
    gap_cost: float = 1.0


def link(
    boxes: Boxes,
    ticks: NDArray[np.int64],
    shift: NDArray[np.float64],
    pieces: list[NDArray[np.intp]],
    *,
    fps: float,
    width_px: int,
    height_px: int,
    options: Linking | None = None,
) -> list[NDArray[np.intp]]:
    """Chains of tracklets that are one person."""
    options = options or Linking()
    chains = [piece for piece in pieces if len(piece) >= options.least]
    for longest in options.rounds:
        chains = _join(boxes, ticks, shift, chains, fps, longest, options)
    return chains


@dataclasses.dataclass
class _Ends:
    """State at one end of each chain; axes x and y; time runs outwards."""

    time: NDArray[np.float64]
    place: NDArray[np.float64]  # (n, 2)
    speed: NDArray[np.float64]
    var: NDArray[np.float64]
    mixed: NDArray[np.float64]
    var_speed: NDArray[np.float64]
    size: NDArray[np.float64]  # (n, 2) log width, log height
    var_size: NDArray[np.float64]


def _ends(
    boxes: Boxes,
    place: NDArray[np.float64],
    chains: list[NDArray[np.intp]],
    fps: float,
    options: Linking,
    *,
    tail: bool,
) -> _Ends:
    """Kalman filter over the last (or, backwards, the first) detections."""
    count = len(chains)
    length = min(options.window, max((len(chain) for chain in chains), default=1))
    index = np.full((count, length), -1, dtype=np.intp)
    for row, chain in enumerate(chains):
        part = chain[-length:] if tail else chain[:length][::-1]
        index[row, length - len(part) :] = part
    valid = index >= 0
    sign = 1.0 if tail else -1.0
    height = boxes.box[np.array([chain[-1] if tail else chain[0] for chain in chains]), 3]
    sigma = options.speed * height[:, None]
    mean = np.zeros((count, 2))
    speed = np.zeros((count, 2))
    var = np.zeros((count, 2))
    mixed = np.zeros((count, 2))
    var_speed = np.repeat(sigma**2, 2, axis=1)
    size = np.zeros((count, 2))
    var_size = np.full((count, 1), 1e3)
    time = np.zeros(count)
    begun = np.zeros(count, dtype=bool)
    for step in range(length):
        on = valid[:, step]
        rows = index[on, step]
        seen = place[rows]
        noise = (options.noise * (boxes.box[rows, 2:] + 4)) ** 2
        now = sign * boxes.frame[rows] / fps
        fresh = ~begun[on]
        dt = np.where(fresh, 0.0, now - time[on])[:, None]
        m, s, p, c, q = _forecast(
            mean[on], speed[on], var[on], mixed[on], var_speed[on], dt, sigma[on], options.memory_s
        )
        m = np.where(fresh[:, None], seen, m)
        p = np.where(fresh[:, None], 1e9, p)
        c = np.where(fresh[:, None], 0.0, c)
        gain, pull = p / (p + noise), c / (p + noise)
        error = seen - m
        mean[on] = m + gain * error
        speed[on] = s + pull * error
        var_speed[on] = q - pull * c
        mixed[on] = c * (1 - gain)
        var[on] = p * (1 - gain)
        vs = var_size[on] + options.size_drift**2 * dt
        gs = vs / (vs + (1.5 * options.noise) ** 2)
        size[on] += gs * (np.log(boxes.box[rows, 2:]) - size[on])
        var_size[on] = vs * (1 - gs)
        time[on] = now
        begun[on] = True
    return _Ends(time, mean, speed, var, mixed, var_speed, size, var_size)


def _forecast(mean, speed, var, mixed, var_speed, dt, sigma, memory):
    """Integrated Ornstein-Uhlenbeck motion over ``dt`` seconds."""
    fade = np.exp(-dt / memory)
    reach = memory * (1 - fade)
    q_pp = sigma**2 * (
        2 * dt * memory - 3 * memory**2 + 4 * memory**2 * fade - (memory * fade) ** 2
    )
    q_pv = sigma**2 * memory * (1 - fade) ** 2
    q_vv = sigma**2 * (1 - fade**2)
    return (
        mean + reach * speed,
        fade * speed,
        var + 2 * reach * mixed + reach**2 * var_speed + q_pp,
        fade * (mixed + reach * var_speed) + q_pv,
        fade**2 * var_speed + q_vv,
    )


def _join(boxes, ticks, shift, chains, fps, longest, options):
    from scipy.optimize import linear_sum_assignment

    if len(chains) < 2:
        return chains
    place = boxes.box[:, :2] - shift[np.searchsorted(ticks, boxes.frame)]
    tails = _ends(boxes, place, chains, fps, options, tail=True)
    heads = _ends(boxes, place, chains, fps, options, tail=False)
    gap = -heads.time[None] - tails.time[:, None]
    a, b = np.nonzero((gap > 0) & (gap <= longest))
    if len(a) == 0:
        return chains
    cost = _cost(tails, heads, a, b, gap[a, b], options)
    good = cost < options.threshold
    a, b, cost = a[good], b[good], cost[good]
    matrix = np.zeros((len(chains), len(chains)))
    matrix[a, b] = cost - options.threshold
    rows, columns = linear_sum_assignment(matrix)
    successor = {int(r): int(c) for r, c in zip(rows, columns, strict=True) if matrix[r, c] < 0}
    followed = set(successor.values())
    joined = []
    for first in range(len(chains)):
        if first in followed:
            continue
        run = [first]
        while run[-1] in successor:
            run.append(successor[run[-1]])
        joined.append(np.concatenate([chains[i] for i in run]))
    return joined


def _cost(tails, heads, a, b, gap, options):
    sigma = options.speed * np.exp(tails.size[a, 1:2])
    m, s, p, c, q = _forecast(
        tails.place[a],
        tails.speed[a],
        tails.var[a],
        tails.mixed[a],
        tails.var_speed[a],
        gap[:, None],
        sigma,
        options.memory_s,
    )
    # the head's velocity was filtered backwards in time
    dp = heads.place[b] - m
    dv = -heads.speed[b] - s
    p = p + heads.var[b]
    c = c - heads.mixed[b]
    q = q + heads.var_speed[b]
    det = p * q - c**2
    distance = (q * dp**2 - 2 * c * dp * dv + p * dv**2) / det
    height = np.exp((tails.size[a, 1:2] + heads.size[b, 1:2]) / 2)
    logdet = np.log(det / height**4)
    ds = heads.size[b] - tails.size[a]
    vs = tails.var_size[a] + heads.var_size[b] + options.size_drift**2 * gap[:, None] + 0.05**2
    sized = ds**2 / vs + np.log(vs / 0.1**2)
    return (
        0.5 * (distance + logdet).sum(axis=1) + 0.5 * sized.sum(axis=1) + options.gap_cost * gap + 8
    )
