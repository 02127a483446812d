"""Spotlight: what is seen in the footage, from boxes to highlights."""

from jarvis_dagster.assets.spotlight.calibration import calibration
from jarvis_dagster.assets.spotlight.corrected import corrections
from jarvis_dagster.assets.spotlight.identified import identities
from jarvis_dagster.assets.spotlight.media import annotated_video, highlights
from jarvis_dagster.assets.spotlight.people import detections, tracks
from jarvis_dagster.assets.spotlight.play import events, positions
from jarvis_dagster.assets.spotlight.reading import jersey_numbers, scoreboard

__all__ = [
    "annotated_video",
    "calibration",
    "corrections",
    "detections",
    "events",
    "highlights",
    "identities",
    "jersey_numbers",
    "positions",
    "scoreboard",
    "tracks",
]
