"""What one look at a video remembers of the looks before it.

Belongs here: the ice over time, and the memory that parts of a video hand on. Does not belong
here: the ice of one picture (``icemask``), how tall people are (``input_size``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.detection.icemask import IceMask, find_ice

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["IceOverTime", "Memory"]

_MEMORY = 0.6
"""Weight of the ice seen before; the camera pans, so it fades within about five looks."""
_FADED = 0.05
"""What is left of the ice below this is forgotten: after six looks, nothing is remembered."""


@dataclasses.dataclass(frozen=True)
class Memory:
    """What a look remembers of those before it.

    Attributes:
        ice: (h, w) float32, the ice over time; None at the beginning.
        tall_px: How tall people are in the network's input; None where nobody was seen, or the
            detector does not ask.
    """

    ice: NDArray[np.float32] | None = None
    tall_px: float | None = None


class IceOverTime:
    """The ice of this moment: the frame's own mask, steadied by those just before."""

    def __init__(self, mask: NDArray[np.float32] | None = None) -> None:
        self.mask = mask

    def update(self, image: NDArray[np.uint8]) -> IceMask:
        seen = find_ice(image)
        before = self.mask
        if before is None or before.shape != seen.mask.shape or _differs(before, seen.mask):
            self.mask = seen.mask
            return seen
        faded = _MEMORY * before
        faded[faded < _FADED] = 0
        self.mask = np.maximum(seen.mask, faded)
        return IceMask(self.mask, float((self.mask > 0.5).mean()))


def _differs(before: NDArray[np.float32], now: NDArray[np.float32]) -> bool:
    """Another shot: less than half of the ice is where it was."""
    a, b = before > 0.5, now > 0.5
    union = int((a | b).sum())
    return union == 0 or int((a & b).sum()) < 0.5 * union
