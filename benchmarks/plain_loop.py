"""The loop that one would write with supervision and trackers, as the peer of the whole analysis.

Every frame decoded by OpenCV, a detector, ByteTrack, box and label annotators, encoded by OpenCV.
``pipeline.py`` runs it and compares.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection import Detector

__all__ = ["keep", "peer", "peer_openvino"]


def keep(tracks: pd.DataFrame, folder: Path) -> None:
    """Put tracks where they are compared with the truth."""
    corners = ["x1_px", "y1_px", "x2_px", "y2_px"]
    tracks[["frame", "track_id", *corners]].to_csv(folder / "tracks.csv", index=False)


class OrtNetwork:
    """The detector's network as ONNX Runtime runs it."""

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        from jarvis_dagster.hockey.detection.runtime import Network

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self._names = [output.name for output in self._session.get_outputs()]
        self.path, self.digest = path, ""
        self.facts = Network(path).facts

    def __call__(self, images: NDArray) -> dict[str, NDArray]:
        (first,) = self._session.get_inputs()
        return dict(zip(self._names, self._session.run(None, {first.name: images}), strict=True))


def peer(video: Path, folder: Path) -> dict[str, dict[str, float]]:
    """The plain loop with ONNX Runtime."""
    from jarvis_dagster.hockey.detection import OnnxDetector
    from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS

    # Nothing else runs while the detector does, so here it gets every core.
    network = OrtNetwork(PACKAGED_WEIGHTS, psutil.cpu_count(logical=False) or 1)
    return loop(video, folder, OnnxDetector(network))


def peer_openvino(video: Path, folder: Path) -> dict[str, dict[str, float]]:
    """The plain loop with OpenVINO."""
    from jarvis_dagster.hockey.detection import load_detector

    return loop(video, folder, load_detector(threads=psutil.cpu_count(logical=False)))


def loop(video: Path, folder: Path, detector: Detector) -> dict[str, dict[str, float]]:
    """Decode, detect, ByteTrack, annotate, encode: frame by frame."""
    import cv2
    import pandas as pd
    import supervision as sv
    from trackers import ByteTrackTracker

    cpu, began = time.process_time(), time.perf_counter()
    capture = cv2.VideoCapture(str(video))
    fps = capture.get(cv2.CAP_PROP_FPS)
    size = (
        int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
    )
    writer = cv2.VideoWriter(str(folder / "peer.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    tracker = ByteTrackTracker(frame_rate=fps)
    boxes, labels = sv.BoxAnnotator(), sv.LabelAnnotator()
    followed = []
    while True:
        ok, image = capture.read()
        if not ok:
            break
        (found,) = detector.detect([image])
        detections = sv.Detections(
            xyxy=found.xyxy, confidence=found.score, class_id=found.class_index.astype(int)
        )
        detections = tracker.update(detections)
        image = boxes.annotate(image, detections)
        ids = detections.tracker_id
        names = [] if ids is None else [str(number) for number in ids]
        frame = len(followed)
        followed.append(
            [
                (frame, int(number), *box)
                for number, box in zip(() if ids is None else ids, detections.xyxy, strict=False)
                if number >= 0
            ]
        )
        image = labels.annotate(image, detections, names)
        writer.write(image)
    writer.release()
    capture.release()
    seconds = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    columns = ["frame", "track_id", "x1_px", "y1_px", "x2_px", "y2_px"]
    keep(pd.DataFrame([row for rows in followed for row in rows], columns=columns), folder)
    return {"whole loop": seconds}
