"""Looking: with which detector, in one pass for several assets, by whom.

Belongs here: what the assets that look at pictures share. Does not belong here: looking
(``hockey/sweep``), or the assets.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import dagster as dg

from jarvis_dagster.errors import JarvisError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from jarvis_dagster.autopilot.overlay import Overlay
    from jarvis_dagster.champions import Chosen
    from jarvis_dagster.hockey.detection import Detector
    from jarvis_dagster.hockey.sweep_files import Waiting
    from jarvis_dagster.hockey.video import VideoInfo
    from jarvis_dagster.resources.workspace import Workspace, WorkspaceResource
    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.settings import Settings

__all__ = ["Look", "People", "look_of", "people_in", "scan_of", "stride_of", "waiting_in"]

_PEOPLE = dg.AssetKey(["spotlight", "detections"])


@dataclasses.dataclass(frozen=True)
class Look:
    """With what a video is looked at: a detector, how it was chosen, and what is adapted."""

    chosen: Chosen
    detector: Detector
    overlay: Overlay


def look_of(settings: Settings, storage: JarvisStorageService, path: str) -> Look:
    """How the video at ``path`` in the drive is looked at."""
    from jarvis_dagster.autopilot.overlay import overlay_of
    from jarvis_dagster.champions import chosen_detector
    from jarvis_dagster.hockey.detection import load_detector
    from jarvis_dagster.wiring import core_services

    chosen = chosen_detector(settings, lambda: core_services(settings).experiment_service)
    overlay = overlay_of(settings, storage, path)
    detector = load_detector(
        chosen.path,
        roles=chosen.roles,
        threads=settings.vision.threads,
        score_threshold=overlay.score_threshold,
    )
    return Look(chosen, detector, overlay)


def looks_for_pucks(settings: Settings) -> bool:
    """Whether the detector in use does; not where it cannot be had, of which finding people tells.

    The packaged one does not, and is not loaded to be asked.
    """
    from jarvis_dagster.champions import chosen_detector
    from jarvis_dagster.hockey.detection import load_detector
    from jarvis_dagster.wiring import core_services

    try:
        path = chosen_detector(settings, lambda: core_services(settings).experiment_service).path
        return path is not None and load_detector(path, threads=1).finds_pucks
    except JarvisError:
        return False


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
    source: str,
    settings: Settings,
    progress: Callable[[str, int, int], Any],
) -> pd.DataFrame:
    """SCAN of a video; where this run is to find people too, the same pass looks for them.

    So the video is decoded once, not by each asset that looks at its pictures.

    Args:
        path: Of the file here.
        source: Of the video in the drive, by which its camera is known.
    """
    from jarvis_dagster.fanning_out import fans_out
    from jarvis_dagster.hockey.preflight import scan_video
    from jarvis_dagster.hockey.sweep import sweep
    from jarvis_dagster.hockey.video import probe

    info = probe(path)
    people_too = _PEOPLE in context.job_def.asset_layer.executable_asset_keys
    if people_too and not fans_out(settings, info.duration_s):
        try:
            look = look_of(settings, space.storage, source)
            stride, reason = stride_of(settings, info, look.detector)
        except JarvisError as error:
            context.log.warning(f"People are looked for later: {error}")
        else:
            context.log.info(f"Looking for people in every {stride}. frame: {reason}")
            seen = sweep(
                path,
                look.detector,
                stride=stride,
                threads=settings.vision.threads,
                correct=look.overlay.current.parameters.correction,
                progress=lambda done, total: progress("watch", done, total),
            )
            waiting_in(space).put(seen, reason, look.overlay.id)
            return seen.scan
    return scan_video(path, progress=lambda done, total: progress("scan", done, total))


@dataclasses.dataclass(frozen=True)
class People:
    """DETECTIONS and kit features, and how they came about.

    Attributes:
        workflow: Of the workers that looked; "none" where none did.
    """

    detections: pd.DataFrame
    kit: pd.DataFrame
    stride: int
    reason: str
    model_version: str
    workflow: str = "none"


def people_in(
    context: dg.AssetExecutionContext,
    workspace: WorkspaceResource,
    info: VideoInfo,
    source: dict[str, Any],
    look: Look,
    progress: Callable[[int, int], None],
) -> People:
    """The people in a video: as this run saw them before, as workers do, or by looking now."""
    from jarvis_dagster.fanning_out import fans_out
    from jarvis_dagster.hockey.detection import detect_video

    space, settings = workspace.of(context.partition_key), workspace.settings
    parameters, version = look.overlay.current.parameters, look.detector.version
    seen = waiting_in(space).people(version, settings.vision.stride, look.overlay.id)
    if seen is not None:
        return People(seen.detections, seen.kit, seen.stride, seen.reason, version)
    if fans_out(settings, info.duration_s):
        key = space.object_key("footage", source["object"])
        by_workers = _by_workers(
            context,
            workspace,
            key,
            look,
            lambda done, total: progress(done * info.frame_count // total, info.frame_count),
        )
        if by_workers is not None:
            return by_workers
    stride, reason = stride_of(settings, info, look.detector)
    context.log.info(f"Looking at every {stride}. frame: {reason}")
    detections, kit = detect_video(
        info.path, look.detector, stride=stride, progress=progress, correct=parameters.correction
    )
    return People(detections, kit, stride, reason, version)


def _by_workers(
    context: dg.AssetExecutionContext,
    workspace: WorkspaceResource,
    video_key: str,
    look: Look,
    progress: Callable[[int, int], None],
) -> People | None:
    """What the workers find in a long video; None where they cannot, which is logged."""
    from jarvis_dagster.fanning_out import find_people

    try:
        found = find_people(
            workspace.core,
            video_key,
            chosen=look.chosen,
            stride=workspace.settings.vision.stride,
            score_threshold=look.overlay.score_threshold,
            parameters=look.overlay.current.parameters,
            progress=progress,
        )
    except PermanentError as error:
        context.log.warning(f"The workers cannot look at this video, so this run does: {error}")
        return None
    return People(
        found.detections,
        found.kit,
        found.stride,
        found.reason,
        found.model_version,
        found.workflow_id,
    )
