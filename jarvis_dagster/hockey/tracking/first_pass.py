"""From detections to tracklets: pieces of track that are hardly in doubt.

Belongs here: frame-by-frame association with a Kalman filter, all tracks of a
frame at once. Does not belong here: joining pieces across gaps, smoothing.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.tracking.sticks import stick_variance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.tracking.boxes import Boxes

__all__ = ["FirstPass", "for_noise", "tracklets"]

_FORBIDDEN = 1e6


@dataclasses.dataclass(frozen=True)
class FirstPass:
    """Numbers of the association; lengths in box heights, times in seconds."""

    noise: float = 0.05  # standard deviation of a detected side, share of the box
    push: float = 1.5  # white acceleration, heights / s^1.5
    start_speed: float = 2.0  # standard deviation of the unknown first speed
    gate: float = 26.0  # largest squared distance, 4 degrees of freedom
    patience_s: float = 0.4  # a track unseen for longer ends
    score_weight: float = 4.0  # cost of a detection of score 0
    wait_cost: float = 3.0  # for a track that missed the frame before
    kit_cost: float = 5.0  # for a squared distance of colours twice the usual one
    kit_gate: float = 15.0  # cost of colours from which on somebody else is seen, ...
    kit_known: int = 5  # ... if as many detections tell those of the track
    stick: float = 0.0  # share of what sticks out of a box by which its middle may be off


def for_noise(noise: float, stick: float = 0.0) -> FirstPass:
    """The numbers for detections of this ``noise`` (share of the box) and ``stick``.

    The gate is in units of the noise: where boxes are sharp, people's own turns go
    beyond it.
    """
    usual = FirstPass()
    sharp = min(max(2 * (1 - noise / usual.noise), 0.0), 1.0)
    return dataclasses.replace(
        usual, noise=noise, gate=usual.gate + 14 * sharp, push=usual.push + sharp, stick=stick
    )


def tracklets(
    boxes: Boxes,
    ticks: NDArray[np.int64],
    shift: NDArray[np.float64],
    fps: float,
    options: FirstPass,
    kit: NDArray[np.float64] | None = None,
) -> list[NDArray[np.intp]]:
    """Chains of detections (indices into ``boxes``), each in order of time.

    Constant velocity in stabilised coordinates, one Hungarian assignment a
    frame for the tracks seen twice or more, a second for the new ones.

    Args:
        boxes: cleaned, sorted by frame.
        ticks: the frames that have detections, ascending.
        shift: (T, 2) camera shift at each tick.
        fps: frames a second.
        options: see :class:`FirstPass`.
        kit: (N, D) colours of the boxes, in units of how much those of one
            person vary; NaN where unknown. ``None``: no colours.
    """
    step = int(np.median(np.diff(ticks))) if len(ticks) > 1 else 1
    colours = np.zeros((len(boxes), 0)) if kit is None else kit
    state = _State(options, step, colours.shape[1])
    bounds = np.searchsorted(boxes.frame, np.append(ticks, ticks[-1] + 1 if len(ticks) else 0))
    patience = max(options.patience_s * fps, 2 * step)
    for index, tick in enumerate(ticks):
        start, stop = int(bounds[index]), int(bounds[index + 1])
        seen = boxes.box[start:stop].copy()
        seen[:, :2] -= shift[index]
        if index:
            state.retire(int(tick), patience)
            state.predict((tick - ticks[index - 1]) / fps)
        state.associate(seen, boxes.score[start:stop], colours[start:stop], start, int(tick))
    return [np.array(chain, dtype=np.intp) for chain in [*state.done, *state.chains]]


class _State:
    """All living tracks; centre with velocity, sides as a random walk."""

    def __init__(self, options: FirstPass, step: int, colours: int) -> None:
        self.options = options
        self.step = step  # frames between two detection frames
        self.place = np.zeros((0, 4))
        self.speed = np.zeros((0, 2))
        self.var = np.zeros((0, 4))  # of place
        self.mixed = np.zeros((0, 2))  # of centre and velocity
        self.var_speed = np.zeros((0, 2))
        self.last = np.zeros(0, dtype=np.int64)
        self.kit = np.zeros((0, colours))  # sums over the detections that have colours
        self.kits = np.zeros(0)  # how many these are
        self.chains: list[list[int]] = []
        self.done: list[list[int]] = []

    def predict(self, step: float) -> None:
        if not self.chains:
            return
        push = (self.options.push * self.place[:, 3:4]) ** 2
        self.place[:, :2] += self.speed * step
        self.var[:, :2] += 2 * step * self.mixed + step**2 * self.var_speed + push * step**3 / 3
        self.mixed += step * self.var_speed + push * step**2 / 2
        self.var_speed += push * step
        self.var[:, 2:] += (0.35 * self.place[:, 2:]) ** 2 * step

    def retire(self, tick: int, patience: float) -> None:
        keep = tick - self.last <= patience
        if keep.all():
            return
        self.done.extend(self.chains[i] for i in np.flatnonzero(~keep))
        self.chains = [self.chains[i] for i in np.flatnonzero(keep)]
        for name in ("place", "speed", "var", "mixed", "var_speed", "last", "kit", "kits"):
            setattr(self, name, getattr(self, name)[keep])

    def associate(
        self,
        seen: NDArray[np.float64],
        score: NDArray[np.float64],
        kit: NDArray[np.float64],
        start: int,
        tick: int,
    ) -> None:
        from scipy.optimize import linear_sum_assignment

        free = np.ones(len(seen), dtype=bool)
        if self.chains and len(seen):
            noise = self._noise(seen)
            apart = seen[None] - self.place[:, None]
            spread = self.var[:, None] + noise[None]
            cost = (apart**2 / spread).sum(axis=2)
            far = cost > self.options.gate
            cost += np.log(spread / noise[None]).sum(axis=2)
            cost += self.options.wait_cost * ((tick - self.last) > self.step)[:, None]
            unlike = self._kit_cost(kit)
            known = (self.kits >= self.options.kit_known)[:, None]
            far |= known & (unlike >= self.options.kit_gate)
            cost += unlike + self.options.score_weight * (1 - score)[None]
            cost[far] = _FORBIDDEN
            old = np.array([len(chain) >= 3 for chain in self.chains])
            for group in (np.flatnonzero(old), np.flatnonzero(~old)):
                left = np.flatnonzero(free)
                if len(group) == 0 or len(left) == 0:
                    continue
                part = cost[np.ix_(group, left)]
                rows, columns = linear_sum_assignment(part)
                fits = part[rows, columns] < _FORBIDDEN
                tracks, found = group[rows[fits]], left[columns[fits]]
                self._update(tracks, seen[found], noise[found], tick)
                self._wear(tracks, kit[found])
                for track, detection in zip(tracks, found, strict=True):
                    self.chains[track].append(start + int(detection))
                free[found] = False
        self._begin(seen[free], (start + np.flatnonzero(free)).tolist(), tick)
        self._wear(np.arange(len(self.chains))[len(self.chains) - free.sum() :], kit[free])

    def _noise(self, seen: NDArray[np.float64]) -> NDArray[np.float64]:
        own = (self.options.noise * (seen[:, [2, 3, 2, 3]] + 4)) ** 2
        return np.asarray(own + stick_variance(seen, self.options.stick))

    def _kit_cost(self, kit: NDArray[np.float64]) -> NDArray[np.float64]:
        """(T, N) cost of colours that differ from the mean of the track's."""
        if kit.shape[1] == 0:
            return np.zeros((len(self.chains), len(kit)))
        mean = self.kit / np.maximum(self.kits, 1)[:, None]
        apart = ((mean[:, None] - kit[None]) ** 2).mean(axis=2)
        # The mean of a few detections is itself uncertain.
        apart /= 1 + 1 / np.maximum(self.kits, 1)[:, None]
        apart[self.kits == 0] = np.nan
        cost = np.maximum(self.options.kit_cost * (apart - 1), 0)
        return np.nan_to_num(cost)

    def _wear(self, tracks: NDArray[Any], kit: NDArray[np.float64]) -> None:
        known = np.isfinite(kit).all(axis=1)
        self.kit[tracks[known]] += kit[known]
        self.kits[tracks[known]] += 1

    def _update(
        self, tracks: NDArray[Any], seen: NDArray[np.float64], noise: NDArray[np.float64], tick: int
    ) -> None:
        gain = self.var[tracks] / (self.var[tracks] + noise)
        error = seen - self.place[tracks]
        pull = self.mixed[tracks] / (self.var[tracks, :2] + noise[:, :2])
        self.place[tracks] += gain * error
        self.speed[tracks] += pull * error[:, :2]
        self.var_speed[tracks] -= pull * self.mixed[tracks]
        self.mixed[tracks] *= 1 - gain[:, :2]
        self.var[tracks] *= 1 - gain
        self.last[tracks] = tick

    def _begin(self, seen: NDArray[np.float64], rows: list[int], tick: int) -> None:
        if not rows:
            return
        count = len(seen)
        start_speed = (self.options.start_speed * seen[:, 3:4]) ** 2
        self.place = np.concatenate([self.place, seen])
        self.speed = np.concatenate([self.speed, np.zeros((count, 2))])
        self.var = np.concatenate([self.var, self._noise(seen)])
        self.mixed = np.concatenate([self.mixed, np.zeros((count, 2))])
        self.var_speed = np.concatenate([self.var_speed, np.repeat(start_speed, 2, axis=1)])
        self.last = np.concatenate([self.last, np.full(count, tick, dtype=np.int64)])
        self.kit = np.concatenate([self.kit, np.zeros((count, self.kit.shape[1]))])
        self.kits = np.concatenate([self.kits, np.zeros(count)])
        self.chains.extend([row] for row in rows)
