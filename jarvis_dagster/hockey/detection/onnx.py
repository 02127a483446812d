"""The detector that the product ships: one ONNX network.

Belongs here: pixels to the network's input. Does not belong here: running it
(``runtime``), its answers to boxes (``decoding``), training it, whole videos.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.base import Detections
from jarvis_dagster.hockey.detection.decoding import best_boxes, softmax
from jarvis_dagster.hockey.detection.input_size import Distance, network_size
from jarvis_dagster.hockey.detection.letterbox import letterbox
from jarvis_dagster.hockey.detection.looks import merge_looks
from jarvis_dagster.hockey.detection.scene import OnIce

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.runtime import Network

__all__ = ["PACKAGED_WEIGHTS", "OnnxDetector"]

PACKAGED_WEIGHTS = Path(__file__).with_name("weights") / "hockey_detector.onnx"
_GOAL_THRESHOLD = 0.05
_NEEDED = {"name", "version", "score_threshold", "width_px", "strides", "bins"}


class OnnxDetector(OnIce):
    """See ``load_detector``. Only :meth:`look` is safe in several threads.

    Close-ups get a second look from farther away, which replaces the first.
    """

    def __init__(
        self,
        network: Network,
        *,
        score_threshold: float | None = None,
        width_px: int | None = None,
        on_ice_only: bool = True,
    ) -> None:
        self._network, facts = network, network.facts
        self._far = network
        missing = _NEEDED - set(facts)
        if missing:
            raise BadInputError(
                f"{network.path} is not a detector of this project: it lacks"
                f" {', '.join(sorted(missing))}.",
                "Export it with `jarvis_dagster.hockey.training.export`.",
            )
        self.name = str(facts["name"])
        self.version = f"{facts['version']}+{network.digest}"
        self.score_threshold = (
            float(facts["score_threshold"]) if score_threshold is None else score_threshold
        )
        self.width_px = int(facts["width_px"]) if width_px is None else width_px
        self.still_width_px = int(facts.get("still_width_px", self.width_px))
        self.on_ice_only = on_ice_only
        self._closer_px: tuple[int, ...] = ()
        self.distance: Distance | None = None
        self._nms_iou = float(facts.get("nms_iou", 0.5))
        self._strides = tuple(facts["strides"])
        self._bins = int(facts["bins"])

    def for_video(self) -> OnnxDetector:
        """For the successive frames of one video: close-ups are told by several frames."""
        other = super().for_video()
        other.distance = Distance()
        other._network, other._far = self._network.for_many(), self._network.beside_decoding()
        other.at_once = other._network.at_once
        return other

    def for_stills(self) -> OnnxDetector:
        """The same network looking at wide pictures twice, the second time closer."""
        other = super().for_stills()
        other._closer_px = (self.still_width_px,)
        return other

    def look(self, image: NDArray[np.uint8]) -> Detections:
        """What is in one BGR picture as large as usual; safe in several threads."""
        return self._look(self._network, image, self.width_px, self._threshold)

    def settle(self, image: NDArray[np.uint8], first: Detections) -> Detections:
        """Of a close-up what is seen from farther away; pictures in their order."""
        height, width = image.shape[:2]
        distance = self.distance or Distance()
        far_px = distance.far_width(first, width, height, self.width_px)
        if far_px is not None:
            looks = [self._look(self._far, image, far_px, self.score_threshold)]
        else:
            looks = [first]
            for px in self._closer_px:
                looks.append(self._look(self._network, image, px, self._threshold))
        found = merge_looks(looks, self.score_threshold)
        sides_px = found.xyxy[:, 2:] - found.xyxy[:, :2]
        return super().settle(image, found.take(np.flatnonzero(sides_px.min(1, initial=2) > 1)))

    @property
    def _threshold(self) -> float:
        """What is doubtful in one look may be sure in the other."""
        return self.score_threshold / (1 + len(self._closer_px))

    def _look(
        self, network: Network, image: NDArray[np.uint8], width_px: int, threshold: float
    ) -> Detections:
        if image.ndim != 3 or min(image.shape[:2]) < 2:
            return Detections.none()
        height, width = image.shape[:2]
        size = network_size(width, height, width_px)
        canvas, scale = letterbox(image, size)
        found = self._decode(network(canvas[None]), size, threshold)
        edges = np.array([width, height] * 2, np.float32)
        found.xyxy = (found.xyxy / scale).clip(0, edges)
        found.goals = (found.goals / scale).clip(0, edges)
        return found

    def _decode(
        self, answer: dict[str, NDArray[np.float32]], size: tuple[int, int], threshold: float
    ) -> Detections:
        """People and goals in pixels of the network's input."""
        boxes, score, cells = self._boxes(answer, "", size, threshold)
        share = softmax(answer["roles"][0, cells])
        found = Detections(boxes, score, share.argmax(1), share)
        if "goal_score" in answer:
            found.goals, found.goal_score, _ = self._boxes(answer, "goal_", size, _GOAL_THRESHOLD)
        return found

    def _boxes(
        self,
        answer: dict[str, NDArray[np.float32]],
        prefix: str,
        size: tuple[int, int],
        threshold: float,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        return best_boxes(
            answer[f"{prefix}score"][0, :, 0],
            answer[f"{prefix}sides"][0],
            size=size,
            strides=self._strides,
            bins=self._bins,
            threshold=threshold,
            nms_iou=self._nms_iou,
        )
