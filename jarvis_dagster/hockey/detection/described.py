"""A detector of somebody else's: any ONNX network of a known layout, by description.

Belongs here: pixels to its input, its classes to people, goals and pucks. Does not belong here:
what the description may say (``description``), what its numbers mean (``layouts``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.base import Detections
from jarvis_dagster.hockey.detection.decoding import suppressed
from jarvis_dagster.hockey.detection.input_size import network_size
from jarvis_dagster.hockey.detection.layouts import boxes_and_scores
from jarvis_dagster.hockey.detection.letterbox import letterbox
from jarvis_dagster.hockey.detection.scene import OnIce

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.description import Description
    from jarvis_dagster.hockey.detection.runtime import Network

__all__ = ["DescribedDetector"]

_MAX_CANDIDATES = 600
_ROLES = ("player", "goalkeeper", "referee")


class DescribedDetector(OnIce):
    """People, goals and pucks by a network that ``how`` describes; see ``load_detector``."""

    def __init__(
        self,
        network: Network,
        how: Description,
        *,
        name: str,
        score_threshold: float | None = None,
        width_px: int | None = None,
        on_ice_only: bool = True,
    ) -> None:
        if width_px is not None and how.height_px is not None:
            raise BadInputError(
                f"{name} takes pictures of one size only; leave the width out.",
                "Its description beside it says which.",
            )
        self._network = network
        self._how = how
        self.name = how.name or name
        self.version = f"{how.version}+{network.digest}"
        self.score_threshold = how.score_threshold if score_threshold is None else score_threshold
        self.width_px = width_px or how.width_px
        self.on_ice_only = on_ice_only
        self.finds_pucks = "puck" in how.classes.values()

    def for_video(self) -> DescribedDetector:
        """For the successive frames of one video: several are looked at at a time."""
        other = super().for_video()
        other._network = self._network.for_many()
        other.at_once = other._network.at_once
        return other

    def look(self, image: NDArray[np.uint8]) -> Detections:
        """What is in one BGR picture, wherever it stands; safe in several threads."""
        if image.ndim != 3 or min(image.shape[:2]) < 2:
            return Detections.none()
        height, width = image.shape[:2]
        size = self._size(width, height)
        canvas, scale = self._canvas(image, size)
        boxes, scores = boxes_and_scores(
            self._network.answer(self._normalised(canvas)), size, self._how
        )
        last = max(self._how.classes)
        if scores.shape[1] <= last:
            raise BadInputError(
                f"{self.name} answers with {scores.shape[1]} classes: there is no class {last}.",
                "Correct `classes` in the file beside the detector; the first class is 0.",
            )
        edges = np.array([width, height] * 2, np.float32)
        boxes = (boxes / scale).clip(0, edges).astype(np.float32)
        share = self._roles(scores)
        rows = self._rows(boxes, share.sum(1))
        total = share[rows].sum(1)
        share = share[rows] / total[:, None]
        found = Detections(boxes[rows], total.clip(0, 1), share.argmax(1), share)
        found.goals, found.goal_score = self._others("goal", boxes, scores)
        found.pucks, found.puck_score = self._others("puck", boxes, scores)
        return found

    def _roles(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 3): the best score of the classes that mean each role, no more than 1 in all."""
        share = np.zeros((len(scores), len(_ROLES)), np.float32)
        for number, name in self._how.classes.items():
            role = "player" if name == "person" else name
            if role in _ROLES:
                column = share[:, _ROLES.index(role)]
                np.maximum(column, scores[:, number], out=column)
        # Roles are told apart by their own scores; that somebody is there is as sure as the best.
        return share * (share.max(1) / np.maximum(share.sum(1), 1e-9))[:, None]

    def _others(
        self, name: str, boxes: NDArray[np.float32], scores: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        numbers = [number for number, known in self._how.classes.items() if known == name]
        if not numbers:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        best = scores[:, numbers].max(1)
        rows = self._rows(boxes, best)
        return boxes[rows], best[rows]

    def _rows(self, boxes: NDArray[np.float32], score: NDArray[np.float32]) -> NDArray[np.int64]:
        """Rows from the threshold on, best first, without duplicates."""
        sides_px = boxes[:, 2:] - boxes[:, :2]
        rows = np.flatnonzero(
            (score >= self.score_threshold) & (sides_px.min(1, initial=np.inf) > 1)
        )
        rows = rows[np.argsort(-score[rows], kind="stable")][:_MAX_CANDIDATES]
        if self._how.nms_iou is None or not len(rows):
            return rows
        return rows[suppressed(boxes[rows], score[rows], self._how.nms_iou)]

    def _size(self, width: int, height: int) -> tuple[int, int]:
        if self._how.height_px is not None:
            return self.width_px, self._how.height_px
        return network_size(width, height, self.width_px)

    def _canvas(
        self, image: NDArray[np.uint8], size: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The network's picture, and its pixels a pixel of ``image`` for x1, y1, x2, y2."""
        import cv2

        if self._how.resize == "letterbox":
            canvas, scale = letterbox(image, size, self._how.pad)
            return canvas, np.full(4, scale, np.float32)
        height, width = image.shape[:2]
        stretched = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        return stretched, np.array([size[0] / width, size[1] / height] * 2, np.float32)

    def _normalised(self, canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(1, 3, H, W) float32."""
        pixels = canvas[:, :, ::-1] if self._how.colours == "rgb" else canvas
        mean, std = (np.array(three, np.float32) for three in (self._how.mean, self._how.std))
        values = (pixels.astype(np.float32) - mean) / std
        return np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32)
