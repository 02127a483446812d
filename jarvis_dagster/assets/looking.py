"""Looking: the detector that the settings mean, and the one pass that serves several assets.

Belongs here: what the assets that look at pictures share. Does not belong here: looking
(``hockey/sweep``), or the assets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.errors import JarvisError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from jarvis_dagster.champions import Chosen
    from jarvis_dagster.fanning_out import FoundByWorkers
    from jarvis_dagster.hockey.detection import Detector
    from jarvis_dagster.hockey.sweep_files import Waiting
    from jarvis_dagster.hockey.video import VideoInfo
    from jarvis_dagster.resources.workspace import Workspace, WorkspaceResource
    from jarvis_dagster.settings import Settings

__all__ = ["detector_of", "found_by_workers", "scan_of", "stride_of", "waiting_in"]

_PEOPLE = dg.AssetKey(["spotlight", "detections"])


def detector_of(settings: Settings) -> tuple[Chosen, Detector]:
    """The detector that the settings mean, and how it was chosen."""
    from jarvis_dagster.champions import chosen_detector
    from jarvis_dagster.hockey.detection import load_detector

    vision = settings.vision
    chosen = chosen_detector(settings)
    return chosen, load_detector(
        chosen.path, threads=vision.threads, score_threshold=vision.score_threshold
    )


def stride_of(settings: Settings, info: VideoInfo, detector: Detector) -> tuple[int, str]:
    """Every how many frames the detector looks, and why."""
    from jarvis_dagster.hockey.detection import choose_stride, measure_detector

    if settings.vision.stride is not None:
        return settings.vision.stride, "vision.stride says so"
    ms = measure_detector(detector, info.width_px, info.height_px)
    choice = choose_stride(info.fps, ms)
    return choice.stride, choice.reason


def waiting_in(space: Workspace) -> Waiting:
    """What the scan of this run saw besides, for the assets after it."""
    from jarvis_dagster.hockey.sweep_files import Waiting

    return Waiting(space.path("waiting", "people.json").parent)


def scan_of(
    context: dg.AssetExecutionContext,
    space: Workspace,
    path: Path,
    settings: Settings,
    progress: Callable[[str, int, int], Any],
) -> pd.DataFrame:
    """SCAN of a video; where this run is to find people too, the same pass looks for them.

    So the video is decoded once, not by each asset that looks at its pictures.
    """
    from jarvis_dagster.fanning_out import fans_out
    from jarvis_dagster.hockey.preflight import scan_video
    from jarvis_dagster.hockey.sweep import sweep
    from jarvis_dagster.hockey.video import probe

    info = probe(path)
    people_too = _PEOPLE in context.job_def.asset_layer.executable_asset_keys
    if people_too and not fans_out(settings, info.duration_s):
        try:
            _, detector = detector_of(settings)
            stride, reason = stride_of(settings, info, detector)
        except JarvisError as error:
            context.log.warning(f"People are looked for later: {error}")
        else:
            context.log.info(f"Looking for people in every {stride}. frame: {reason}")
            seen = sweep(
                path,
                detector,
                stride=stride,
                threads=settings.vision.threads,
                progress=lambda done, total: progress("watch", done, total),
            )
            waiting_in(space).put(seen, reason)
            return seen.scan
    return scan_video(path, progress=lambda done, total: progress("scan", done, total))


def found_by_workers(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, video_key: str, **how: Any
) -> FoundByWorkers | None:
    """What the workers find in a long video; None where they cannot, which is logged."""
    from jarvis_dagster.fanning_out import find_people

    try:
        return find_people(workspace.core, video_key, **how)
    except PermanentError as error:
        context.log.warning(f"The workers cannot look at this video, so this run does: {error}")
        return None
