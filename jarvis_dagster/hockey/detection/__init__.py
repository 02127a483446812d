"""Finding people on the ice.

Belongs here: the detector that the product ships, those of others, the ice mask, whole
videos, evaluation. Does not belong here: training (``hockey/training``), following people
(``hockey/tracking``).
"""

from jarvis_dagster.hockey.detection.base import Detections, Detector
from jarvis_dagster.hockey.detection.icemask import IceMask, find_ice, ice_trust
from jarvis_dagster.hockey.detection.loading import load_detector
from jarvis_dagster.hockey.detection.onnx import OnnxDetector
from jarvis_dagster.hockey.detection.video import (
    People,
    StrideChoice,
    choose_stride,
    detect_video,
    measure_detector,
)

__all__ = [
    "Detections",
    "Detector",
    "IceMask",
    "OnnxDetector",
    "People",
    "StrideChoice",
    "choose_stride",
    "detect_video",
    "find_ice",
    "ice_trust",
    "load_detector",
    "measure_detector",
]
