"""People in long videos, found by the workers of the workflow ``video-detection``.

Belongs here: when that is done, what the workflow is given, and waiting for it. Does not belong
here: the workflow (``workflows/fan_out.py``), Dagster.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import NotSupportedError, PermanentError
from jarvis_dagster.workflows.model_files import kept_model

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from jarvis_dagster.champions import Chosen
    from jarvis_dagster.hockey.adaptation.parameters import Parameters
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.services.workflow import JarvisWorkflowService
    from jarvis_dagster.settings import Settings

__all__ = ["FoundByWorkers", "fans_out", "find_people"]

_LOOK_EVERY_S = 2.0
_NOBODY_S = 60.0
"""So long it is waited for a first worker."""


@dataclasses.dataclass(frozen=True)
class FoundByWorkers:
    """What workers found: tables as of ``detect_video``, and how."""

    detections: pd.DataFrame
    kit: pd.DataFrame
    stride: int
    reason: str
    model_version: str
    workflow_id: str


def fans_out(settings: Settings, duration_s: float) -> bool:
    """Whether a video of that length is given to the workers."""
    from jarvis_dagster.wiring import with_embedded

    workflow = with_embedded(settings).workflow
    least = None if workflow is None else workflow.fan_out_minutes
    return least is not None and duration_s >= 60 * least


def find_people(
    core: JarvisCoreServices,
    video_key: str,
    *,
    chosen: Chosen,
    stride: int | None,
    score_threshold: float | None,
    parameters: Parameters,
    progress: Callable[[int, int], None],
) -> FoundByWorkers:
    """Have the people in a stored video found; the same request twice is looked at once.

    Raises:
        NotSupportedError: nobody serves the kind ``vision``.
        PermanentError: the workers cannot look at this video in parts.
        TransientError: Temporal or the object store is away.
    """
    service, storage = core.workflow_service, core.storage_service
    given: dict[str, Any] = {
        "video_key": video_key,
        "stride": stride,
        "score_threshold": score_threshold,
        "segment_s": service.config.segment_s,
    }
    if not parameters.is_neutral:
        given["parameters"] = parameters.to_json()
    # Always named: a worker's own choice may be another by then.
    given["model_key"] = kept_model(storage, chosen.path)
    if chosen.roles is not None:
        given["roles_key"] = kept_model(storage, chosen.roles)
    workflow_id = service.start_workflow("video-detection", given, "spotlight")
    try:
        _wait(service, workflow_id, progress)
    except BaseException:
        # Whoever asks again finds all parts that were done.
        service.cancel_workflow(workflow_id)
        raise
    result = service.wait_for_result(workflow_id, service.config.timeout_s)
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        tables = [_table(storage, result[name], Path(scratch)) for name in ("detections", "kit")]
    return FoundByWorkers(
        tables[0],
        tables[1],
        result["stride"],
        result["stride_reason"],
        result["model_version"],
        workflow_id,
    )


def _wait(
    service: JarvisWorkflowService, workflow_id: str, progress: Callable[[int, int], None]
) -> None:
    began, served = time.monotonic(), False
    while (status := service.get_workflow_status(workflow_id))["status"] == "running":
        progress(round(1000 * status["progress"]), 1000)
        if not served:
            served = any(row["kind"] == "vision" and row["workers"] for row in service.backlog())
            if not served and time.monotonic() - began > _NOBODY_S:
                raise NotSupportedError(
                    "No worker serves the kind vision.", "Start one: `jarvis worker --kind vision`."
                )
        time.sleep(_LOOK_EVERY_S)
    if status["status"] != "completed":
        raise PermanentError(
            f"The workflow {workflow_id} {status['status'].replace('_', ' ')}: {status['error']}",
            f"See `jarvis workflow history {workflow_id}`.",
        )


def _table(storage: JarvisStorageService, key: str, folder: Path) -> pd.DataFrame:
    from jarvis_dagster.hockey.tables import read_table

    path = folder / "table.parquet"
    storage.get_file(key, path)
    return read_table(path)
