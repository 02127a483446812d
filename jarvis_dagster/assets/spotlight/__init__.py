"""Spotlight: what is seen in the footage, from boxes to highlights."""

from jarvis_dagster.assets.spotlight.corrected import corrections
from jarvis_dagster.assets.spotlight.media import annotated_video, highlights
from jarvis_dagster.assets.spotlight.people import detections, tracks
from jarvis_dagster.assets.spotlight.play import events, positions

__all__ = [
    "annotated_video",
    "corrections",
    "detections",
    "events",
    "highlights",
    "positions",
    "tracks",
]
