"""The detector that the product ships: one ONNX network.

Belongs here: loading it, pixels to the network's input. Does not belong here: running it
(``runtime``), its answers to boxes (``decoding``), training it, whole videos.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.base import Detections
from jarvis_dagster.hockey.detection.decoding import best_boxes, softmax
from jarvis_dagster.hockey.detection.icemask import find_ice
from jarvis_dagster.hockey.detection.input_size import Distance, network_size
from jarvis_dagster.hockey.detection.looks import merge_looks
from jarvis_dagster.hockey.detection.runtime import Network
from jarvis_dagster.hockey.detection.scene import put_in_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["PACKAGED_WEIGHTS", "OnnxDetector", "load_detector"]

PACKAGED_WEIGHTS = Path(__file__).with_name("weights") / "hockey_detector.onnx"
_GREY = 114
_GOAL_THRESHOLD = 0.05


def load_detector(
    model: Path | None = None,
    *,
    threads: int | None = None,
    score_threshold: float | None = None,
    width_px: int | None = None,
    on_ice_only: bool = True,
) -> OnnxDetector:
    """The detector at ``model``, or the packaged one.

    ``threads`` is by default the number of physical cores; ``score_threshold`` and
    ``width_px`` (of the network's input) by default what the model was evaluated with.

    Raises:
        BadInputError: no such file, or not a detector that the project exported.
    """
    return OnnxDetector(
        model or PACKAGED_WEIGHTS,
        threads=threads,
        score_threshold=score_threshold,
        width_px=width_px,
        on_ice_only=on_ice_only,
    )


class OnnxDetector:
    """See :func:`load_detector`. Not safe to share between threads.

    Close-ups get a second look from farther away, which replaces the first.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int | None = None,
        score_threshold: float | None = None,
        width_px: int | None = None,
        on_ice_only: bool = True,
    ) -> None:
        self._network, facts = _open(path, threads)
        self.name = str(facts["name"])
        self.version = str(facts["version"])
        self.score_threshold = (
            float(facts["score_threshold"]) if score_threshold is None else score_threshold
        )
        self.width_px = int(facts["width_px"]) if width_px is None else width_px
        self.still_width_px = int(facts.get("still_width_px", self.width_px))
        self.on_ice_only = on_ice_only
        self._closer_px: tuple[int, ...] = ()
        self._distance: Distance | None = None
        self._nms_iou = float(facts.get("nms_iou", 0.5))
        self._strides = tuple(facts["strides"])
        self._bins = int(facts["bins"])

    def for_video(self) -> OnnxDetector:
        """The same network for the successive frames of one video, and without the ice mask.

        The caller steadies the mask over time.
        """
        other = copy.copy(self)
        other.on_ice_only = False
        other._distance = Distance()
        return other

    def for_stills(self) -> OnnxDetector:
        """The same network looking at wide pictures twice, the second time closer."""
        other = copy.copy(self)
        other._closer_px = (self.still_width_px,)
        return other

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """People on the ice in BGR pictures, one answer each, best score first."""
        answers = []
        for image in images:
            found = self._detect_one(image)
            if self.on_ice_only and len(found):
                height, width = image.shape[:2]
                found = put_in_place(found, find_ice(image), width, height, self.score_threshold)
            answers.append(found)
        return answers

    def _detect_one(self, image: NDArray[np.uint8]) -> Detections:
        if image.ndim != 3 or min(image.shape[:2]) < 2:
            return Detections.none()
        # What is doubtful in one look may be sure in the other.
        threshold = self.score_threshold / (1 + len(self._closer_px))
        first = self._look(image, self.width_px, threshold)
        distance = self._distance or Distance()
        far_px = distance.far_width(first, image.shape[1], image.shape[0], self.width_px)
        if far_px is not None:
            looks = [self._look(image, far_px, self.score_threshold)]
        else:
            looks = [first, *(self._look(image, px, threshold) for px in self._closer_px)]
        found = merge_looks(looks, self.score_threshold)
        sides_px = found.xyxy[:, 2:] - found.xyxy[:, :2]
        return found.take(np.flatnonzero(sides_px.min(1, initial=2) > 1))

    def _look(self, image: NDArray[np.uint8], width_px: int, threshold: float) -> Detections:
        height, width = image.shape[:2]
        size = network_size(width, height, width_px)
        canvas, scale = _letterbox(image, size)
        found = self._decode(self._network(canvas[None]), size, threshold)
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


def _open(path: Path, threads: int | None) -> tuple[Network, dict[str, Any]]:
    network = Network(path, threads)
    missing = {"name", "version", "score_threshold", "width_px", "strides", "bins"} - set(
        network.facts
    )
    if missing:
        raise BadInputError(
            f"{path} is not a detector of this project: it lacks {', '.join(sorted(missing))}.",
            "Export it with `jarvis_dagster.hockey.training.export`.",
        )
    return network, {**network.facts, "version": f"{network.facts['version']}+{network.digest}"}


def _letterbox(image: NDArray[np.uint8], size: tuple[int, int]) -> tuple[NDArray[np.uint8], float]:
    """``image`` scaled into the top left of a grey canvas of ``size``, and the scale."""
    import cv2

    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    shown = (max(1, round(width * scale)), max(1, round(height * scale)))
    if shown != (width, height):
        # Averaging all pixels costs several times more and is needed for large factors only.
        method = cv2.INTER_AREA if scale < 0.3 else cv2.INTER_LINEAR
        image = cv2.resize(image, shown, interpolation=method)
    if shown == size:
        return np.ascontiguousarray(image), scale
    canvas = np.full((size[1], size[0], 3), _GREY, np.uint8)
    canvas[: shown[1], : shown[0]] = image
    return canvas, scale
