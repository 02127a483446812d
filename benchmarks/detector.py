"""The packaged detector against the network it was trained from, on the same labelled frames.

    python benchmarks/detector.py --data DIR --baseline FILE [--aspect 16:9] [--json]

``DIR`` holds ``images/`` and ``labels/`` (YOLO) and perhaps ``data.yaml``; ``FILE`` is the person
detector that the model card names as the start. Reports AP50, recall, precision, role figures and
the time a picture takes on one core, of both.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from jarvis_dagster.hockey.detection import Detections, Detector, load_detector
from jarvis_dagster.hockey.detection.evaluation import evaluate_detector, parse_aspect
from jarvis_dagster.hockey.detection.runtime import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MEAN = np.array([103.53, 116.28, 123.675], np.float32)
_STD = np.array([57.375, 57.12, 58.395], np.float32)
_LOWEST = 0.02


class Baseline:
    """NanoDet-g for persons as its converter left it: no ice, no roles, 640x384."""

    name, version = "NanoDet-g COCO", "start"
    finds_pucks = False

    def __init__(self, path: Path) -> None:
        self._network = Network(path, threads=1)

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        return [self._one(image) for image in images]

    def _one(self, image: NDArray[np.uint8]) -> Detections:
        width, height = 640, 384
        scale = min(width / image.shape[1], height / image.shape[0])
        shown = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas = np.full((height, width, 3), 114, np.uint8)
        canvas[: shown.shape[0], : shown.shape[1]] = shown
        pixels = ((canvas - _MEAN) / _STD).transpose(2, 0, 1)[None]
        answers = self._network(np.ascontiguousarray(pixels))
        boxes, scores = [], []
        for stride in (8, 16, 32):
            score = answers[f"score{stride}"][0, :, 0]
            bins = answers[f"dist{stride}"][0].reshape(-1, 4, 11)
            share = np.exp(bins - bins.max(-1, keepdims=True))
            share /= share.sum(-1, keepdims=True)
            sides = share @ np.arange(11, dtype=np.float32) * stride
            y, x = np.mgrid[: height // stride, : width // stride]
            centre = np.stack((x.ravel() + 0.5, y.ravel() + 0.5), 1) * stride
            boxes.append(np.concatenate((centre - sides[:, :2], centre + sides[:, 2:]), 1))
            scores.append(score)
        box, score = np.concatenate(boxes) / scale, np.concatenate(scores)
        box, score = box[score >= _LOWEST], score[score >= _LOWEST]
        as_xywh = np.concatenate((box[:, :2], box[:, 2:] - box[:, :2]), 1)
        rows = np.asarray(
            cv2.dnn.NMSBoxes(as_xywh.tolist(), score.tolist(), 0.0, 0.5), np.int64
        ).reshape(-1)
        player = np.tile(np.array([1, 0, 0], np.float32), (len(rows), 1))
        return Detections(
            box[rows].astype(np.float32),
            score[rows].astype(np.float32),
            np.zeros(len(rows), np.int64),
            player,
        )


def core_ms(detector: Detector, rounds: int = 10) -> float:
    """Processor milliseconds for a 1080p picture."""
    picture = np.full((1080, 1920, 3), 128, np.uint8)
    detector.detect([picture])
    began = time.process_time()
    for _ in range(rounds):
        detector.detect([picture])
    return 1000 * (time.process_time() - began) / rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--baseline", type=Path, required=True)
    parser.add_argument("--aspect")
    parser.add_argument("--width", type=int, help="of the network's input")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    own = load_detector(threads=1)
    threshold = own.score_threshold
    own = load_detector(threads=1, score_threshold=_LOWEST, width_px=options.width)
    results: list[dict[str, Any]] = []
    for detector, score in ((Baseline(options.baseline), 0.3), (own, threshold)):
        result = evaluate_detector(
            options.data / "images",
            options.data / "labels",
            detector,
            score_threshold=score,
            aspect=parse_aspect(options.aspect),
        )
        results.append({**result, "core_ms_1080p": core_ms(detector)})
    if options.json:
        print(json.dumps(results, indent=2))
        return
    table = Table("", "AP50", "recall", "precision", "role macro-F1", "goalkeepers", "core-ms")
    for result in results:
        people = result["people"]
        figures = [
            people["ap50"],
            people["recall"],
            people["precision"],
            result["role_macro_f1"],
            result["goalkeeper_recall"],
        ]
        table.add_row(
            f"{result['detector']} {result['version']}",
            *("-" if value is None else f"{value:.3f}" for value in figures),
            f"{result['core_ms_1080p']:.1f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
