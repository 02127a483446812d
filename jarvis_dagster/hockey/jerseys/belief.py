"""From what single pictures say to the number that a track wears.

Belongs here: probabilities. Does not belong here: pictures, networks.

Each picture gives a probability for every number and for "none can be read". A number on a back is
misread in known ways: half of it is hidden, or one digit looks like another. So what was read is
taken as evidence through a confusion model, evidence of all pictures is multiplied (Bayes, with
every number as likely before), and two team mates on the ice at once do not share a number.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.text import Reading

__all__ = ["NUMBERS", "SURE", "Belief", "believe", "keep_apart", "number_of"]

NUMBERS = 99
SURE = 0.9
"""Probability from which a number is shown as somebody's."""
_RIGHT = 0.86
_HALF = 0.15
"""Of two digits only the first, or only the second, is seen: from the side, picture after picture.
So one digit has to be read about six times where two are believed after three."""
_ALIKE = (("1", "7"), ("3", "8"), ("6", "8"), ("0", "8"), ("5", "6"), ("2", "7"), ("4", "1"))
_TOLD = 0.02
_LONE = {"1": 0.35, "7": 0.5, "4": 0.6}
_LONE_OTHER = 0.75
"""A fold or half of a number is easily one digit, and most easily a stroke; two are rarely."""
_REPEATED = 0.6
"""Pictures of one track resemble each other: each counts for so much of a new one."""


@dataclasses.dataclass(frozen=True)
class Belief:
    """What is known of a track's number.

    Attributes:
        chances: (99,) probability of 1 to 99.
        reads: (N,) what each picture says by itself, 0 for nothing.
    """

    chances: NDArray[np.float64]
    reads: NDArray[np.int64]

    @property
    def number(self) -> int:
        """The likeliest one."""
        return int(self.chances.argmax()) + 1

    @property
    def probability(self) -> float:
        """Of :attr:`number`."""
        return float(self.chances.max())

    @property
    def agreeing(self) -> int:
        """Pictures that say :attr:`number` by themselves."""
        return int((self.reads == self.number).sum())


def number_of(reading: Reading) -> tuple[int, float]:
    """The number that a text is, and how far it can be trusted; 0 when it is none."""
    text = reading.text
    if not (1 <= len(text) <= 2 and text.isascii() and text.isdigit()) or text[0] == "0":
        return 0, 0.0
    trust = _LONE.get(text, _LONE_OTHER) if len(text) == 1 else 1.0
    return int(text), trust * reading.score


def believe(chances: NDArray[np.float64]) -> Belief:
    """The number of one track from the (N, 100) chances of its pictures."""
    told = chances[:, 1:] @ _confusion().T + chances[:, :1] / NUMBERS
    evidence = _REPEATED * np.log(np.maximum(told, 1e-9)).sum(0)
    weights = np.exp(evidence - evidence.max(initial=-np.inf)) if len(chances) else np.ones(NUMBERS)
    best = chances.argmax(1)
    reads = np.where(chances[np.arange(len(chances)), best] >= 0.5, best, 0)
    return Belief(weights / weights.sum(), reads.astype(np.int64))


def keep_apart(
    beliefs: Mapping[int, Belief], team: Mapping[int, str], frames: Mapping[int, NDArray[np.int64]]
) -> dict[int, Belief]:
    """The same beliefs, but no two tracks of a team that are seen at once share a number.

    Where two claim one, whoever has less evidence for it loses it.
    """
    kept = dict(beliefs)
    for _ in range(NUMBERS):
        claims: dict[tuple[str, int], list[int]] = {}
        for track, belief in kept.items():
            if team.get(track) and belief.probability >= 0.5:
                claims.setdefault((team[track], belief.number), []).append(track)
        losers = set()
        for rivals in claims.values():
            order = sorted(rivals, key=lambda t: (-kept[t].agreeing, -kept[t].probability, t))
            for i, loser in enumerate(order):
                if any(
                    winner not in losers and np.isin(frames[winner], frames[loser]).any()
                    for winner in order[:i]
                ):
                    losers.add(loser)
        if not losers:
            return kept
        for track in losers:
            belief = kept[track]
            chances = belief.chances.copy()
            chances[belief.number - 1] = 0
            # Its reads were of this number, so what is left is next to nothing.
            share = chances.sum()
            left = (chances + (1 - share) / (NUMBERS - 1)) if share < 1 else chances
            left[belief.number - 1] = 0
            kept[track] = Belief(left / left.sum(), belief.reads)
    return kept


def _confusion() -> NDArray[np.float64]:
    """(99, 99): the chance that number ``row + 1`` is read as ``column + 1``."""
    matrix = np.full((NUMBERS, NUMBERS), 0.0)
    swaps = {a + b for a, b in _ALIKE} | {b + a for a, b in _ALIKE}
    for number in range(1, NUMBERS + 1):
        text = str(number)
        others: dict[int, float] = {}
        if len(text) == 2:
            for half in {text[0], text[1]} - {"0"}:
                others[int(half)] = others.get(int(half), 0) + _HALF
        for at, digit in enumerate(text):
            for other in "0123456789":
                if digit + other in swaps:
                    wrong = int(text[:at] + other + text[at + 1 :])
                    if wrong and len(str(wrong)) == len(text):
                        others[wrong] = others.get(wrong, 0) + _TOLD
        row = matrix[number - 1]
        for wrong, chance in others.items():
            row[wrong - 1] += chance
        row[number - 1] += _RIGHT
        row += max(0.0, 1 - row.sum()) / NUMBERS
        row /= row.sum()
    return matrix
