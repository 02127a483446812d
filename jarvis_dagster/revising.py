"""What decides the result of a workflow beside its input.

Belongs here: the detector, settings and parameters that a video would be looked at with now. Does
not belong here: ids (``services/workflow/names``), looking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

__all__ = ["revision_of"]

_DIGITS = 8


def revision_of(
    settings: Settings, core: JarvisCoreServices, workflow: str, input_data: Mapping[str, Any]
) -> str:
    """What ``computer-vision`` would look at a video with; "" for every other workflow.

    Raises:
        TransientError: the object store is away, or MLflow is and no champion was used here.
    """
    key = _video_of(input_data)
    if workflow != "computer-vision" or not key:
        return ""
    from jarvis_dagster.autopilot.overlay import overlay_of_object
    from jarvis_dagster.champions import chosen_detector
    from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
    from jarvis_dagster.services.files import sha256_file

    chosen = chosen_detector(settings, lambda: core.experiment_service)
    detector = sha256_file(chosen.path or PACKAGED_WEIGHTS)[:_DIGITS]
    roles = f" roles-{sha256_file(chosen.roles)[:_DIGITS]}" if chosen.roles else ""
    overlay = overlay_of_object(settings, core.storage_service, key)
    adapted = f" adapted-{overlay.id}" if overlay.id else ""
    return f"detector-{detector}{roles} settings-{settings.vision_sha256[:_DIGITS]}{adapted}"


def _video_of(input_data: Mapping[str, Any]) -> str:
    """The object key of a video, or of the record of one that Dagster knows."""
    key, partition = input_data.get("video_key"), input_data.get("partition")
    if isinstance(key, str) and key:
        return key
    if isinstance(partition, str) and partition:
        return f"artifacts/{partition}/footage/source.json"
    return ""
