"""What the scoreboard showed, from readings of which some are wrong.

Belongs here: the rules of time: a clock runs or stands, periods and goals only grow. Does not
belong here: pictures and texts.

Both searches are dynamic programming over the looks (Viterbi, 1967): of all courses that the
rules allow, the one that agrees with the most evidence. A reading that is not on it is dropped,
never replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["steady_clock", "steady_count"]

_ROUNDING_S = 1.3
"""A clock shows whole seconds, and a look may be a few frames late."""
_JUMP = 3.0
"""Sure readings that must follow a jump of the clock (a new period, an edited video)."""
_RISE = 0.6
"""What each goal more must be worth in readings."""
_WINDOW = 60
_LEAST = 1.5
"""Weight of the readings that a count needs to be believed at all."""


def steady_clock(times_s: ArrayLike, shown_s: ArrayLike, weights: ArrayLike) -> NDArray[np.bool_]:
    """Which readings of a game clock fit together, (N,).

    Args:
        times_s: When they were read, ascending.
        shown_s: What was read; NaN where nothing was.
        weights: How surely, 0 to 1.
    """
    time = np.asarray(times_s, np.float64)
    shown = np.asarray(shown_s, np.float64)
    weight = np.asarray(weights, np.float64)
    read = np.flatnonzero(np.isfinite(shown))
    kept = np.zeros(len(time), bool)
    if not len(read):
        return kept
    way = _direction(time[read], shown[read])
    best = np.zeros(len(read))
    before = np.full(len(read), -1)
    for i, look in enumerate(read):
        earlier = np.arange(max(0, i - _WINDOW), i)
        gone = way * (shown[look] - shown[read[earlier]])
        passed = time[look] - time[read[earlier]]
        follows = (gone >= -_ROUNDING_S) & (gone <= passed + _ROUNDING_S)
        worth = best[earlier] - np.where(follows, 0.0, _JUMP)
        if len(worth) and worth.max() > 0:
            before[i] = earlier[worth.argmax()]
            best[i] = worth.max()
        best[i] += weight[look]
    at = int(best.argmax())
    while at >= 0:
        kept[read[at]] = True
        at = int(before[at])
    return kept


def _direction(time: NDArray[np.float64], shown: NDArray[np.float64]) -> int:
    """-1 for a clock that runs down, 1 for one that counts up."""
    step, passed = np.diff(shown), np.diff(time)
    plausible = (np.abs(step) > 0) & (np.abs(step) <= passed + _ROUNDING_S)
    return 1 if np.sign(step[plausible]).sum() > 0 else -1


def steady_count(values: Sequence[int | None], weights: ArrayLike) -> NDArray[np.bool_]:
    """Which readings of something that only grows fit together, (N,).

    Args:
        values: What was read; None where nothing was.
        weights: How surely, 0 to 1.
    """
    weight = np.asarray(weights, np.float64)
    states = np.array(sorted({v for v in values if v is not None}))
    kept = np.zeros(len(values), bool)
    if not len(states):
        return kept
    rise = states[None, :] - states[:, None]
    cost = np.where(rise < 0, np.inf, _RISE * rise)
    worth = np.zeros(len(states))
    came: list[NDArray[np.int64]] = []
    for value, sure in zip(values, weight, strict=True):
        options = worth[:, None] - cost
        came.append(options.argmax(0))
        worth = options.max(0) + (states == value) * sure
    at = int(worth.argmax())
    course = np.zeros(len(values), np.int64)
    for look in range(len(values) - 1, -1, -1):
        course[look] = states[at]
        at = int(came[look][at])
    kept = np.array([v is not None and v == c for v, c in zip(values, course, strict=True)])
    support = {c: float(weight[kept & (course == c)].sum()) for c in set(course)}
    few = float(weight[[v is not None for v in values]].sum()) < 2 * _LEAST
    return kept & np.array([few or support[c] >= _LEAST for c in course])
