"""The rink: geometry, pictures, calibration, positions in feet."""

from jarvis_dagster.hockey.rink.calibration import Calibration, apply_homography
from jarvis_dagster.hockey.rink.drawing import draw_rink, minimap_size_px, rink_to_minimap
from jarvis_dagster.hockey.rink.geometry import RINKS, Rink, rink_named
from jarvis_dagster.hockey.rink.marks import calibrate_fixed, landmarks_ft
from jarvis_dagster.hockey.rink.positions import positions

__all__ = [
    "RINKS",
    "Calibration",
    "Rink",
    "apply_homography",
    "calibrate_fixed",
    "draw_rink",
    "landmarks_ft",
    "minimap_size_px",
    "positions",
    "rink_named",
    "rink_to_minimap",
]
