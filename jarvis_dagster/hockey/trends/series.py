"""Numbers in the order of time.

Belongs here: what a series is, and how few numbers are too few. Does not belong here: judging it.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "LEAST_FOR_CHANGE",
    "LEAST_FOR_SEASON",
    "LEAST_FOR_TREND",
    "Figure",
    "Series",
]

LEAST_FOR_TREND = 6
"""With fewer, hardly any order of the numbers would be unlikely by chance."""
LEAST_FOR_CHANGE = 10
LEAST_FOR_SEASON = 4
"""Of each of the two seasons."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """What is measured.

    Attributes:
        better: ``up`` or ``down``, or empty where more is neither good nor bad.
        digits: After the point, as people are shown it.
        meaning: One sentence.
    """

    name: str
    title: str
    unit: str = ""
    better: str = ""
    digits: int = 1
    meaning: str = ""


@dataclasses.dataclass(frozen=True)
class Series:
    """One figure over time; what was not supported is not in it.

    Attributes:
        days: When, in days since 1970, rising; ``values`` what was measured then.
    """

    figure: Figure
    days: NDArray[np.float64]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.days.shape != self.values.shape or self.days.ndim != 1:
            raise BadInputError(f"{self.figure.name} needs one value for each day.")
        if not (np.isfinite(self.values).all() and np.isfinite(self.days).all()):
            raise BadInputError(f"{self.figure.name} holds values that are no numbers.")
        if (np.diff(self.days) < 0).any():
            raise BadInputError(f"{self.figure.name} is not in the order of time.")

    def __len__(self) -> int:
        return len(self.values)

    @staticmethod
    def of(figure: Figure, points: Sequence[tuple[datetime.date, float | None]]) -> Series:
        """From dates and values in any order; None and what is no number are left out."""
        known = sorted(
            (float((day - datetime.date(1970, 1, 1)).days), float(value))
            for day, value in points
            if value is not None and np.isfinite(value)
        )
        table = np.array(known, np.float64).reshape(-1, 2)
        return Series(figure, table[:, 0], table[:, 1])

    def between(self, first: datetime.date, after: datetime.date) -> Series:
        """From ``first`` on, before ``after``."""
        since = datetime.date(1970, 1, 1)
        keep = (self.days >= (first - since).days) & (self.days < (after - since).days)
        return Series(self.figure, self.days[keep], self.values[keep])
