"""What a detector answers, and what counts as a detector.

Belongs here: the types that callers and detectors share. Does not belong here: any detector.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from jarvis_dagster.hockey.tables import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Detections", "Detector"]


@dataclasses.dataclass
class Detections:
    """The people found on one picture, row-aligned, best first; goals and pucks."""

    xyxy: NDArray[np.float32]
    """(N, 4): x1 y1 x2 y2 in pixels of the picture."""
    score: NDArray[np.float32]
    """(N,): confidence that a person on the ice is there, whatever the role."""
    class_index: NDArray[np.int64]
    """(N,): the most likely role, index into ``tables.CLASSES``."""
    role_share: NDArray[np.float32]
    """(N, 3): probabilities of player, goalkeeper, referee; each row sums to 1."""

    goals: NDArray[np.float32] = dataclasses.field(
        default_factory=lambda: np.zeros((0, 4), np.float32)
    )
    """(G, 4): goals, the net with its posts; empty where a detector does not look for them."""
    goal_score: NDArray[np.float32] = dataclasses.field(
        default_factory=lambda: np.zeros(0, np.float32)
    )
    """(G,)"""
    pucks: NDArray[np.float32] = dataclasses.field(
        default_factory=lambda: np.zeros((0, 4), np.float32)
    )
    """(P, 4): pucks; empty where a detector does not look for them."""
    puck_score: NDArray[np.float32] = dataclasses.field(
        default_factory=lambda: np.zeros(0, np.float32)
    )
    """(P,)"""

    def __len__(self) -> int:
        return len(self.score)

    def take(self, rows: NDArray[Any]) -> Detections:
        """Only these people (indices or a mask); goals and pucks stay."""
        return dataclasses.replace(
            self,
            xyxy=self.xyxy[rows],
            score=self.score[rows],
            class_index=self.class_index[rows],
            role_share=self.role_share[rows],
        )

    def with_pucks(self) -> Detections:
        """The pucks as rows behind the people, of the class ``puck`` and of no role."""
        if not len(self.pucks):
            return self
        return dataclasses.replace(
            self,
            xyxy=np.concatenate((self.xyxy, self.pucks)),
            score=np.concatenate((self.score, self.puck_score)),
            class_index=np.concatenate(
                (self.class_index, np.full(len(self.pucks), CLASSES.index("puck"), np.int64))
            ),
            role_share=np.concatenate(
                (self.role_share, np.zeros((len(self.pucks), 3), np.float32))
            ),
        )

    def lower(self, rows_px: int) -> Detections:
        """In a picture that has so many more rows above."""
        if not rows_px:
            return self
        down = np.array([0, rows_px, 0, rows_px], np.float32)
        return dataclasses.replace(
            self, xyxy=self.xyxy + down, goals=self.goals + down, pucks=self.pucks + down
        )

    def weighted(self, worth: NDArray[np.float32], least: float) -> Detections:
        """Scores times ``worth`` (N,), best first again, without those below ``least``."""
        score = self.score * worth
        rows = np.argsort(-score, kind="stable")
        rows = rows[score[rows] >= least]
        return dataclasses.replace(self, score=score).take(rows)

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
    score_threshold: float
    width_px: int
    """Of its input, for a picture as wide as television's."""
    finds_pucks: bool
    """Whether it looks for the puck; where not, nobody knows where it is."""

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """One answer a picture, in order; pictures may differ in size."""
        ...

    def for_video(self) -> Detector:
        """For the successive frames of one video, whose ice the caller knows."""
        ...

    at_once: int
    """In how many threads :meth:`look` is worth calling at a time."""

    def look(self, image: NDArray[np.uint8]) -> Detections:
        """What is in a picture, whatever was in those before it; safe in several threads."""
        ...

    def settle(self, image: NDArray[np.uint8], first: Detections) -> Detections:
        """What becomes of the ``first`` look at a picture after those before it, in their order.

        ``detect`` is a look and this.
        """
        ...

    def for_stills(self) -> Detector:
        """For pictures that have nothing to do with each other."""
        ...
