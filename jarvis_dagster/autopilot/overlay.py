"""The parameters that a video is analysed with: those in force for its camera.

Belongs here: the way from a video to its parameters. Does not belong here: changing them
(``pilot``).
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jarvis_dagster.autopilot.config import camera_of
from jarvis_dagster.autopilot.library import Current, Library
from jarvis_dagster.hockey.adaptation import NEUTRAL

if TYPE_CHECKING:
    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.settings import Settings

__all__ = ["Overlay", "overlay_of", "overlay_of_object"]


@dataclasses.dataclass(frozen=True)
class Overlay:
    """What is laid over ``vision`` in the settings for the videos of one camera."""

    camera: str
    current: Current
    score_threshold: float | None
    """As set by hand, or else as adapted; None is the model's own."""

    @property
    def id(self) -> str:
        """What it is known by in the hash of the settings; "" where nothing is changed."""
        return self.current.parameters.id

    def to_json(self) -> dict[str, Any]:
        """As the record of the detections keeps it."""
        parameters = self.current.parameters
        return {
            "camera": self.camera,
            "parameters": parameters.to_json(),
            "parameters_version": self.current.version,
            "adapted": self.id,
        }

    def request(self) -> dict[str, Any]:
        """As workflows are asked for it; what changes nothing is left out."""
        asked: dict[str, Any] = {}
        if not self.current.parameters.is_neutral:
            asked["parameters"] = self.current.parameters.to_json()
        if self.score_threshold is not None:
            asked["score_threshold"] = self.score_threshold
        return asked


def overlay_of(settings: Settings, storage: JarvisStorageService, path: str) -> Overlay:
    """The overlay for the video at ``path`` in the drive.

    A score threshold that is set by hand stands above the Autopilot's.
    """
    camera = camera_of(settings.autopilot, path)
    current = Library(storage).current(camera) if settings.autopilot.apply else Current(0, NEUTRAL)
    own = settings.vision.score_threshold
    return Overlay(camera, current, current.parameters.score_threshold if own is None else own)


def overlay_of_object(settings: Settings, storage: JarvisStorageService, key: str) -> Overlay:
    """The overlay for a stored video.

    A video that Dagster knows lies beside its record, which names its path in the drive; the
    camera of another is told by its key.
    """
    record = str(PurePosixPath(key).with_name("source.json"))
    if not storage.exists(record):
        return overlay_of(settings, storage, key)
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        path = Path(scratch) / "source.json"
        storage.get_file(record, path)
        return overlay_of(settings, storage, json.loads(path.read_text("utf-8"))["path"])
