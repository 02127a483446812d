"""The detector that the product ships: one ONNX network on onnxruntime.

Belongs here: loading it, pixels to the network's input, its answers to boxes.
Does not belong here: training it, and whole videos.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.base import Detections
from jarvis_dagster.hockey.detection.icemask import find_ice, on_ice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["PACKAGED_WEIGHTS", "OnnxDetector", "load_detector", "network_size"]

PACKAGED_WEIGHTS = Path(__file__).with_name("weights") / "hockey_detector.onnx"
_CELL = 32  # the network's coarsest stride: its input is a multiple
_MAX_CANDIDATES = 600
_GREY = 114
_SAME_INSIDE, _SAME_ROWS = 0.85, 0.7
_REPEATED_WORTH = 0.6
"""They are doubted rather than dropped: rarely it is a second person after all."""


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


def network_size(width_px: int, height_px: int, network_width_px: int) -> tuple[int, int]:
    """(width, height) of the network's input for a picture: its shape, in multiples of 32.

    A tall picture gets the same number of cells as a wide one, not the same width.
    """
    aspect = min(max(width_px / height_px, 0.3), 4.0)
    if aspect < 4 / 3:
        network_width_px = round(network_width_px * (aspect / (4 / 3)) ** 0.5)
    width = max(_CELL, round(network_width_px / _CELL) * _CELL)
    height = max(_CELL, -(-round(width / aspect) // _CELL) * _CELL)
    return width, height


class OnnxDetector:
    """See :func:`load_detector`. Not safe to share between threads."""

    def __init__(
        self,
        path: Path,
        *,
        threads: int | None = None,
        score_threshold: float | None = None,
        width_px: int | None = None,
        on_ice_only: bool = True,
    ) -> None:
        self._session, facts = _open(path, threads)
        self.name = str(facts["name"])
        self.version = str(facts["version"])
        self.score_threshold = (
            float(facts["score_threshold"]) if score_threshold is None else score_threshold
        )
        self.width_px = int(facts["width_px"]) if width_px is None else width_px
        self.still_width_px = int(facts.get("still_width_px", self.width_px))
        self.on_ice_only = on_ice_only
        self._nms_iou = float(facts.get("nms_iou", 0.5))
        self._strides = tuple(facts["strides"])
        self._bins = int(facts["bins"])

    def everywhere(self) -> OnnxDetector:
        """The same network without the ice mask, for callers that steady the mask over time."""
        other = copy.copy(self)
        other.on_ice_only = False
        return other

    def for_stills(self) -> OnnxDetector:
        """The same network with the larger input that pays where time does not matter."""
        other = copy.copy(self)
        other.width_px = self.still_width_px
        return other

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """People on the ice in BGR pictures, one answer each, best score first."""
        answers = []
        for image in images:
            found = self._detect_one(image)
            if self.on_ice_only and len(found):
                height, width = image.shape[:2]
                found = found.take(on_ice(find_ice(image), found.xyxy, found.score, width, height))
            answers.append(found)
        return answers

    def _detect_one(self, image: NDArray[np.uint8]) -> Detections:
        if image.ndim != 3 or min(image.shape[:2]) < 2:
            return Detections.none()
        height, width = image.shape[:2]
        size = network_size(width, height, self.width_px)
        canvas, scale = _letterbox(image, size)
        score, sides, roles = self._session.run(
            ["score", "sides", "roles"], {"image": canvas[None]}
        )
        found = self._decode(score[0, :, 0], sides[0], roles[0], size)
        found.xyxy /= scale
        found.xyxy[:, 0::2] = found.xyxy[:, 0::2].clip(0, width)
        found.xyxy[:, 1::2] = found.xyxy[:, 1::2].clip(0, height)
        sides_px = found.xyxy[:, 2:] - found.xyxy[:, :2]
        return found.take(np.flatnonzero(sides_px.min(1, initial=2) > 1))

    def _decode(
        self, score: NDArray, sides: NDArray, roles: NDArray, size: tuple[int, int]
    ) -> Detections:
        import cv2

        cells = np.flatnonzero(score >= self.score_threshold)
        if not len(cells):
            return Detections.none()
        cells = cells[np.argsort(-score[cells], kind="stable")][:_MAX_CANDIDATES]
        centres = _centres(size, self._strides)[cells]
        spread = _softmax(sides[cells].reshape(-1, 4, self._bins))
        distance = spread @ np.arange(self._bins, dtype=np.float32) * centres[:, 2:]
        boxes = np.concatenate(
            (centres[:, :2] - distance[:, :2], centres[:, :2] + distance[:, 2:]), 1
        ).astype(np.float32)
        as_xywh = np.concatenate((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), 1)
        kept = cv2.dnn.NMSBoxes(as_xywh.tolist(), score[cells].tolist(), 0.0, self._nms_iou)
        rows = np.asarray(kept, np.int64).reshape(-1)
        boxes, confidence = boxes[rows], score[cells[rows]].astype(np.float32)
        confidence[_repeated(boxes)] *= _REPEATED_WORTH
        order = np.argsort(-confidence, kind="stable")
        share = _softmax(roles[cells[rows]])
        found = Detections(boxes, confidence, share.argmax(1), share).take(order)
        return found.take(found.score >= self.score_threshold)


def _repeated(boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which boxes, best first, are a better one again with or without its stick.

    Annotators disagree on whether the stick belongs to the player, so the network sometimes
    answers with both boxes: one beside the other's side, but as high, and inside it. Two people
    who stand one before the other differ in height, or each shows something of their own.
    """
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(high - low, 0)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    area = sides.prod(1)
    inside = shared.prod(2) / np.minimum(area[:, None], area[None])
    rows_alike = shared[..., 1] / np.maximum(
        sides[:, None, 1] + sides[None, :, 1] - shared[..., 1], 1e-6
    )
    same = (inside >= _SAME_INSIDE) & (rows_alike >= _SAME_ROWS)
    again = np.zeros(len(boxes), bool)
    for row in range(1, len(boxes)):
        again[row] = (same[row, :row] & ~again[:row]).any()
    return again


def _open(path: Path, threads: int | None) -> tuple[Any, dict[str, Any]]:
    import onnxruntime

    if not path.is_file():
        raise BadInputError(
            f"There is no detector at {path}.", "Leave it out for the packaged one."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or _physical_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads take the cores that decoding and tracking need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime raises its own undocumented types
        raise BadInputError(f"{path} is not an ONNX model: {error}") from error
    facts = json.loads(session.get_modelmeta().custom_metadata_map.get("jarvis", "{}"))
    missing = {"name", "version", "score_threshold", "width_px", "strides", "bins"} - set(facts)
    if missing:
        raise BadInputError(
            f"{path} is not a detector of this project: it lacks {', '.join(sorted(missing))}.",
            "Export it with `jarvis_dagster.hockey.training.export`.",
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    facts["version"] = f"{facts['version']}+{digest}"
    return session, facts


def _physical_cores() -> int:
    import psutil

    return psutil.cpu_count(logical=False) or 1


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


@functools.lru_cache(maxsize=8)
def _centres(size: tuple[int, int], strides: tuple[int, ...]) -> NDArray[np.float32]:
    """(N, 3): x, y and stride of each cell, in the network's order."""
    levels = []
    for stride in strides:
        y, x = np.mgrid[: size[1] // stride, : size[0] // stride]
        level = np.stack(((x + 0.5) * stride, (y + 0.5) * stride, np.full(x.shape, stride)), -1)
        levels.append(level.reshape(-1, 3))
    return np.concatenate(levels).astype(np.float32)


def _softmax(x: NDArray) -> NDArray:
    x = np.exp(x - x.max(-1, keepdims=True))
    share: NDArray = x / x.sum(-1, keepdims=True)
    return share
