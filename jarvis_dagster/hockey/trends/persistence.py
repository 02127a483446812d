"""Games in a row that are alike: how much so, and what chance does then.

Belongs here: how alike neighbours may be, and how far chance goes for each such likeness. Does not
belong here: the questions (:mod:`.slope`, :mod:`.changes`, :mod:`.seasons`).

A team in form makes chance look like a trend. One figure of two dozen games hardly tells how alike
neighbours are, and what a line or a step leaves looks less alike than it is; a test that trusts
that one estimate calls out too much. So each likeness of :data:`GRID` is weighed by how well it
explains what is left (by simulation of an AR(1) series of the same length and the same fit), the
p-value is the mean over them, and what all figures of a report say of it together is where each
of them starts from (empirical Bayes, Robbins 1956).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = [
    "GRID",
    "USUAL",
    "alike_series",
    "is_in_doubt",
    "likely",
    "neighbours",
    "together",
    "weights",
    "without_usual",
]

GRID = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.75])
"""Correlations of neighbours that are weighed."""
_COMMON = 0.2
USUAL = np.exp(-GRID / _COMMON) / np.exp(-GRID / _COMMON).sum()
"""What is believed of a figure before anything is known of it: rather little."""
_FORM = 0.45
"""Neighbours so alike make series of chance that look like a trend."""
_DOUBT = 0.2
_FIGURES_OF_BELIEF = 2.0
_ROUNDS = 30
_SIMULATED = 400


def neighbours(left: Array) -> float:
    """Correlation of neighbours in what a fit leaves; 0 where it leaves nothing."""
    centred = left - left.mean()
    spread = float((centred**2).sum())
    return float((centred[1:] * centred[:-1]).sum()) / spread if spread > 0 else 0.0


def alike_series(rows: int, games: int, alike: float, seed: int) -> Array:
    """(rows, games): AR(1) noise with variance 1, the same for the same arguments."""
    made = np.random.default_rng([seed, games]).normal(size=(rows, games))
    for at in range(1, games):
        made[:, at] = alike * made[:, at - 1] + np.sqrt(1 - alike**2) * made[:, at]
    return made


def likely(left: Array, leaves: Callable[[Array], Array]) -> Array:
    """(G,): how likely each likeness of the grid makes what a fit left.

    Args:
        leaves: What the same fit leaves of other numbers; of each row.
    """
    middle, spread = _left_by(leaves, len(left))
    off = (neighbours(left) - middle) / spread
    found: Array = np.exp(-0.5 * off**2) / spread
    return found


@functools.lru_cache(maxsize=256)
def _left_by(leaves: Callable[[Array], Array], games: int) -> tuple[Array, Array]:
    """Mean and spread of the correlation that is left, for each likeness of the grid."""
    found = np.array(
        [
            [neighbours(row) for row in leaves(alike_series(_SIMULATED, games, float(alike), 1))]
            for alike in GRID
        ]
    )
    return found.mean(axis=1), np.maximum(found.std(axis=1), 1e-6)


def together(each: Sequence[Array]) -> Array:
    """(G,): what figures, by ``likely``, say together of how alike neighbours are."""
    belief = USUAL
    if not each:
        return belief
    likelihoods = np.stack(each)
    for _ in range(_ROUNDS):
        mine = likelihoods * belief
        total = mine.sum(axis=1, keepdims=True)
        mine = np.where(total > 0, mine / np.maximum(total, 1e-300), belief)
        belief = (USUAL * _FIGURES_OF_BELIEF + mine.sum(axis=0)) / (_FIGURES_OF_BELIEF + len(each))
    return belief


def weights(likelihood: Array, belief: Array | None = None) -> Array:
    """(G,): how much each likeness counts for one figure; they sum up to 1.

    A figure that is alone, without ``belief``, starts from what is usual, or from nothing where it
    cannot tell (:func:`is_in_doubt`).
    """
    if belief is None:
        start = without_usual(USUAL) if is_in_doubt(likelihood, USUAL) else USUAL
    else:
        start = belief
    both = likelihood * start
    total = float(both.sum())
    return both / total if total > 0 else start


def is_in_doubt(likelihood: Array, belief: Array) -> bool:
    """Whether neighbours may be so alike that a run of form looks like a trend.

    What is usual is left out: few games say nothing against it, and it would be all that is known.
    """
    told = likelihood * without_usual(belief)
    total = float(told.sum())
    return total <= 0 or float(told[GRID >= _FORM].sum()) / total > _DOUBT


def without_usual(belief: Array) -> Array:
    """(G,): what figures said together, every likeness as likely as any other before."""
    found: Array = belief / USUAL
    return found / found.sum()
