"""Whether a figure has fallen, asked again after every video without being fooled by luck.

Belongs here: evidence that builds up over a sequence of figures. Does not belong here: the
figures (``performance``), what follows (``policy``).

Each video bets against the claim that the figure is at least ``limit`` on average: evidence is
multiplied by ``1 + bet * (limit - figure)``, which is one or less on average where the claim
holds, whatever the distribution. So the product reaches ``n`` with a chance of at most 1/n, however
often one looks (Ville's inequality; Waudby-Smith and Ramdas, "Estimating means of bounded random
variables by betting", 2024). Evidence below one is forgotten, as in a CUSUM, so that a fall after
a long good time is seen as fast as one at the start; then alarms are at least ``n`` videos apart
on average where nothing fell (Shin, Ramdas and Rinaldo, "E-detectors", 2024). Averages of several
bets keep both properties: small falls and large ones are seen.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Fall", "evidence_of", "fallen"]

_BETS = (0.3, 0.6, 0.9)
"""Shares of the largest bet that cannot lose everything."""


@dataclasses.dataclass(frozen=True)
class Fall:
    """How strong the evidence is that a figure in [0, 1] is below ``limit``.

    Attributes:
        evidence: After each figure; 1 is none, 20 is strong.
        needed: For it to count.
    """

    limit: float
    evidence: tuple[float, ...]
    needed: float

    @property
    def now(self) -> float:
        """After the last figure; 1 before the first."""
        return self.evidence[-1] if self.evidence else 1.0

    @property
    def is_sure(self) -> bool:
        """Whether it counts."""
        return self.now >= self.needed


def fallen(figures: Iterable[float], limit: float, needed: float) -> Fall:
    """The evidence that figures in [0, 1], in their order, are below ``limit`` on average.

    Args:
        limit: Above 0 and below 1.
        needed: Where nothing fell, false alarms are at least this many figures apart on average.
    """
    falls = ((limit - min(max(figure, 0.0), 1.0)) / (1 - limit) for figure in figures)
    return Fall(limit, evidence_of(falls), needed)


def evidence_of(falls: Iterable[float]) -> tuple[float, ...]:
    """The evidence after each figure, where each may have a limit of its own.

    Args:
        falls: How far each figure is below its limit, as a share of what is above the limit: -1
            where the figure is 1.
    """
    bets = np.array(_BETS)
    each = np.ones(len(bets))
    path = []
    for fall in falls:
        each = np.maximum(each, 1.0) * (1 + bets * max(fall, -1.0))
        path.append(float(each.mean()))
    return tuple(path)
