"""Following people through a video: boxes in, tracks out, and how good they are.

Belongs here: association, stitching, smoothing, MOTChallenge files, evaluation,
simulated detections. Does not belong here: pixels, roles, teams, rink positions.
"""

from jarvis_dagster.hockey.tracking.evaluation import (
    evaluate_tables,
    evaluate_tracker,
    format_evaluation,
)
from jarvis_dagster.hockey.tracking.files import TrackSummary, format_summary, track_file
from jarvis_dagster.hockey.tracking.mot import read_mot, write_mot
from jarvis_dagster.hockey.tracking.simulate import NOISE_LEVELS, Noise, simulate_detections
from jarvis_dagster.hockey.tracking.tracker import track

__all__ = [
    "NOISE_LEVELS",
    "Noise",
    "TrackSummary",
    "evaluate_tables",
    "evaluate_tracker",
    "format_evaluation",
    "format_summary",
    "read_mot",
    "simulate_detections",
    "track",
    "track_file",
    "write_mot",
]
