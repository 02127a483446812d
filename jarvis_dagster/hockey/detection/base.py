"""What a detector answers, and what counts as a detector.

Belongs here: the types that callers and detectors share. Does not belong here: any detector.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Detections", "Detector"]


@dataclasses.dataclass
class Detections:
    """The people found on one picture, row-aligned, best first."""

    xyxy: NDArray[np.float32]
    """(N, 4): x1 y1 x2 y2 in pixels of the picture."""
    score: NDArray[np.float32]
    """(N,): confidence that a person on the ice is there, whatever the role."""
    class_index: NDArray[np.int64]
    """(N,): the most likely role, index into ``tables.CLASSES``."""
    role_share: NDArray[np.float32]
    """(N, 3): probabilities of player, goalkeeper, referee; each row sums to 1."""

    def __len__(self) -> int:
        return len(self.score)

    def take(self, rows: NDArray) -> Detections:
        """Only ``rows`` (indices or a mask)."""
        return Detections(
            self.xyxy[rows], self.score[rows], self.class_index[rows], self.role_share[rows]
        )

    @classmethod
    def none(cls) -> Detections:
        """Nobody."""
        return cls(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros(0, np.int64),
            np.zeros((0, 3), np.float32),
        )


class Detector(Protocol):
    """Finds people on the ice in BGR pictures (H, W, 3) uint8."""

    name: str
    version: str

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """One answer a picture, in order; pictures may differ in size."""
        ...
