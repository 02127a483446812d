"""Spotlight: what is seen in hockey footage.

Belongs here: the component on top of the core services. Does not belong here:
how footage is analysed (``hockey``), the workflow that does it (``workflows``).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
from typing import TYPE_CHECKING, Any

from jarvis_dagster.components.base import TSAIComponent
from jarvis_dagster.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["Spotlight"]


class Spotlight(TSAIComponent):
    """Analyses videos by the workflow ``computer-vision``.

    Args:
        revision: What analyses: the same video with the same revision is
            analysed once. None means this version of Jarvis with its detector;
            name your own where the workers are set to another model.
    """

    def __init__(self, jarvis_core: JarvisCoreServices, revision: str | None = None) -> None:
        super().__init__("spotlight", jarvis_core)
        self.revision = _packaged_revision() if revision is None else revision

    def analyze_hockey_video(
        self, video_path: str | Path, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Analyse a video and wait for the result; the same one is analysed once.

        Args:
            timeout_s: How long to wait; the workflow goes on after that. None
                waits until it ends, however it ends.

        Returns:
            ``artifact_id`` of the video, ``workflow_id``, ``outputs`` (object
            keys of the tables by name), ``summary``.

        Raises:
            BadInputError: the file cannot be read.
            PermanentError: the analysis failed, was cancelled or timed out.
            TransientError: it has not ended after ``timeout_s``.
        """
        storage = self.jarvis_core.storage_service
        artifact_id = self.store_artifact(video_path)
        record = storage.find_artifact(artifact_id)
        if record is None:
            raise PermanentError(f"The artifact {artifact_id} was deleted.", "Analyse it again.")
        work = {"video_key": record["path"], "revision": self.revision}
        workflow_id = self.start_workflow("computer-vision", work)
        result = self.jarvis_core.workflow_service.wait_for_result(workflow_id, timeout_s)
        frames = self.get_workflow_status(workflow_id)["performance"].get("frames_per_second")
        if frames is not None:
            self.log_metric("spotlight_frames_per_second", frames)
        return {
            "artifact_id": artifact_id,
            "workflow_id": workflow_id,
            "outputs": result["outputs"],
            "summary": result["summary"],
        }


def _packaged_revision() -> str:
    """The version of Jarvis and the hash of the detectors that ship with it."""
    weights = importlib.resources.files("jarvis_dagster.hockey.detection") / "weights"
    digest = hashlib.sha256()
    for model in sorted(weights.iterdir(), key=lambda entry: entry.name):
        if model.name.endswith(".onnx"):
            digest.update(model.read_bytes())
    return f"{importlib.metadata.version('jarvis-dagster')}+{digest.hexdigest()[:12]}"
