"""Where a tracklet was heading when it ended, and where it came from.

Belongs here: the motion model of skaters and the filter that estimates place
and velocity at the ends of many tracklets at once. Does not belong here: which
ends belong together.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.tracking.sticks import stick_variance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

    Floats = NDArray[np.float64]

__all__ = ["Ends", "Motion", "forecast", "tracklet_ends"]


@dataclasses.dataclass(frozen=True)
class Motion:
    """Integrated Ornstein-Uhlenbeck motion: velocities are forgotten, not kept."""

    noise: float = 0.05  # standard deviation of a detected side, share of the box
    speed: float = 1.8  # standard deviation of a coordinate's speed, heights / s
    memory_s: float = 0.8  # time over which a velocity is forgotten
    size_drift: float = 0.25  # growth of log size, 1 / sqrt(s)
    window: int = 40  # detections at an end that tell its state
    stick: float = 0.0  # share of what sticks out of a box by which its middle may be off


@dataclasses.dataclass
class Ends:
    """State at one end of each of n tracklets; time runs outwards, in seconds."""

    time: Floats  # (n,)
    place: Floats  # (n, 2) stabilised px
    speed: Floats  # (n, 2) px / s
    var: Floats  # (n, 2) of the place
    mixed: Floats  # (n, 2) covariance of place and speed
    var_speed: Floats  # (n, 2)
    size: Floats  # (n, 2) log width, log height
    var_size: Floats  # (n, 1)


def forecast(
    state: tuple[Floats, Floats, Floats, Floats, Floats],
    seconds: Floats,
    sigma: Floats,
    memory_s: float,
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Place, speed and their covariance after ``seconds`` without a detection.

    Args:
        state: place, speed, variance, covariance, variance of speed; (n, 2).
        seconds: (n, 1), not negative.
        sigma: (n, 1) standard deviation of speed, px / s.
        memory_s: see :class:`Motion`.
    """
    place, speed, var, mixed, var_speed = state
    fade = np.exp(-seconds / memory_s)
    reach = memory_s * (1 - fade)
    spread = 2 * seconds * memory_s - memory_s**2 * (3 - 4 * fade + fade**2)
    return (
        place + reach * speed,
        fade * speed,
        var + 2 * reach * mixed + reach**2 * var_speed + sigma**2 * spread,
        fade * (mixed + reach * var_speed) + sigma**2 * memory_s * (1 - fade) ** 2,
        fade**2 * var_speed + sigma**2 * (1 - fade**2),
    )


def tracklet_ends(
    boxes: Boxes,
    place: Floats,
    chains: list[NDArray[np.intp]],
    fps: float,
    motion: Motion,
    *,
    tail: bool,
) -> Ends:
    """Kalman filter over the last (``tail``) or, backwards, the first detections.

    Args:
        boxes: all detections.
        place: (N, 2) their centres in stabilised coordinates.
        chains: indices into ``boxes``, in order of time.
        fps: frames a second.
        motion: see :class:`Motion`.
        tail: the end in time; otherwise the start, with time reversed.
    """
    index = _windows(chains, motion.window, tail=tail)
    outer = index[:, -1]
    count = len(chains)
    sigma = motion.speed * boxes.box[outer, 3:4]
    first = index[np.arange(count), (index >= 0).argmax(axis=1)]
    sign = 1.0 if tail else -1.0
    ends = Ends(
        time=sign * boxes.frame[first] / fps,
        place=place[first].copy(),
        speed=np.zeros((count, 2)),
        var=np.full((count, 2), 1e9),
        mixed=np.zeros((count, 2)),
        var_speed=np.repeat(sigma**2, 2, axis=1),
        size=np.log(boxes.box[first, 2:]),
        var_size=np.full((count, 1), 1e3),
    )
    for column in index.T:
        on = column >= 0
        _step(ends, on, column[on], sign * boxes.frame[column[on]] / fps, boxes, place, motion)
    return ends


def _windows(chains: list[NDArray[np.intp]], longest: int, *, tail: bool) -> NDArray[np.intp]:
    """(n, L) indices, the outermost last, -1 before the first."""
    length = min(longest, max(len(chain) for chain in chains))
    index = np.full((len(chains), length), -1, dtype=np.intp)
    for row, chain in enumerate(chains):
        part = chain[-length:] if tail else chain[:length][::-1]
        index[row, length - len(part) :] = part
    return index


def _step(
    ends: Ends,
    on: NDArray[np.bool_],
    rows: NDArray[np.intp],
    now: Floats,
    boxes: Boxes,
    place: Floats,
    motion: Motion,
) -> None:
    """Move the tracklets ``on`` to ``now`` and take in one detection each."""
    seconds = (now - ends.time[on])[:, None]
    sigma = motion.speed * boxes.box[rows, 3:4]
    state = (ends.place[on], ends.speed[on], ends.var[on], ends.mixed[on], ends.var_speed[on])
    mean, speed, var, mixed, var_speed = forecast(state, seconds, sigma, motion.memory_s)
    noise = (motion.noise * (boxes.box[rows, 2:] + 4)) ** 2
    noise += stick_variance(boxes.box[rows], motion.stick)[:, :2]
    gain, pull = var / (var + noise), mixed / (var + noise)
    error = place[rows] - mean
    ends.place[on] = mean + gain * error
    ends.speed[on] = speed + pull * error
    ends.var_speed[on] = var_speed - pull * mixed
    ends.mixed[on] = mixed * (1 - gain)
    ends.var[on] = var * (1 - gain)
    var_size = ends.var_size[on] + motion.size_drift**2 * seconds
    gain_size = var_size / (var_size + (1.5 * motion.noise) ** 2)
    ends.size[on] += gain_size * (np.log(boxes.box[rows, 2:]) - ends.size[on])
    ends.var_size[on] = var_size * (1 - gain_size)
    ends.time[on] = now
