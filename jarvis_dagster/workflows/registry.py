"""What workers serve: every workflow, and every activity by its kind of work.

Belongs here: the one list to add a new workflow to (its name also stands in
``services/workflow/names.py``). Does not belong here: connecting and serving (``worker.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.workflow.names import KINDS
from jarvis_dagster.toolchain.pipeline import workshop_of
from jarvis_dagster.workflows.approval import ApprovalWorkflow
from jarvis_dagster.workflows.approval_activities import ApprovalActivities
from jarvis_dagster.workflows.autopilot import AutonomousHockeyAnalysis
from jarvis_dagster.workflows.autopilot_activities import AutopilotActivities
from jarvis_dagster.workflows.dagster_activities import DagsterActivities
from jarvis_dagster.workflows.fan_out import VideoDetection
from jarvis_dagster.workflows.fan_out_activities import FanOutActivities
from jarvis_dagster.workflows.training import HockeyDetectionTraining
from jarvis_dagster.workflows.training_activities import TrainingActivities
from jarvis_dagster.workflows.vision import ComputerVision
from jarvis_dagster.workflows.vision_activities import VisionActivities

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

__all__ = ["DECISIONS", "SERVED", "WORKFLOW_CLASSES", "Tools", "activities_of"]

WORKFLOW_CLASSES = (
    ApprovalWorkflow,
    AutonomousHockeyAnalysis,
    ComputerVision,
    HockeyDetectionTraining,
    VideoDetection,
)

DECISIONS = "workflows"
"""The queue of the workflows themselves and of their small steps, beside the kinds of work."""

SERVED = (DECISIONS, *KINDS)
"""All that a worker can serve."""


@dataclasses.dataclass(frozen=True)
class Tools:
    """What activities are made with.

    Attributes:
        work_dir: Folder for files while a step runs; workers of one machine may share it.
        threads: For detection; None is one for each physical core.
        heartbeat_s: After so much silence a part of a video is given to another worker.
        segment_s: Length of those parts where who asks names none.
        settings: In force; without them the Autopilot is not served.
    """

    core: JarvisCoreServices
    work_dir: Path
    settings: Settings | None = None
    threads: int | None = None
    heartbeat_s: float = 20.0
    segment_s: float = 60.0

    def models(self) -> tuple[Path | None, Path | None]:
        """The detector and who reads roles, as of now: a worker lives longer than a champion.

        None is the detector that ships with Jarvis, and that nobody reads roles once more.
        """
        if self.settings is None:
            return None, None
        from jarvis_dagster.champions import chosen_detector

        chosen = chosen_detector(self.settings, lambda: self.core.experiment_service)
        return chosen.path, chosen.roles

    def acting(self, component: str) -> JarvisCoreServices:
        """The services with the rights of a component alone, where the settings say so."""
        return self.core.as_component(component)


def activities_of(kind: str, tools: Tools) -> list[Callable[..., Any]]:
    """The activities of a kind of work. Nothing connects before one is called."""
    if kind == DECISIONS:
        return ApprovalActivities(lambda: tools.core).all
    if kind == "vision":
        where = (lambda: tools.acting("spotlight").storage_service, tools.work_dir, tools.models)
        parts = FanOutActivities(
            *where,
            threads=tools.threads,
            heartbeat_s=tools.heartbeat_s,
            segment_s=tools.segment_s,
        )
        vision = VisionActivities(*where, threads=tools.threads, settings=tools.settings)
        looking = vision.all + parts.all
        return looking if tools.settings is None else [*looking, *_autopilot(tools).vision]
    if kind == "training":

        def shop() -> Any:
            core = tools.acting("toolchain")
            return workshop_of(core.storage_service, core.experiment_service, tools.work_dir)

        return TrainingActivities(shop).all
    if kind == "io" and tools.settings is not None:
        return [*_autopilot(tools).io, *DagsterActivities(dagster_url(tools.settings)).all]
    return []


def dagster_url(settings: Settings) -> str:
    """Where Dagster is, for workflows that launch runs."""
    from jarvis_dagster.stack import endpoints

    named = settings.workflow.dagster_url if settings.workflow is not None else None
    return named or endpoints(settings.stack).dagster_url


def _autopilot(tools: Tools) -> AutopilotActivities:
    from jarvis_dagster.autopilot import Pilot

    def pilot(progress: Callable[[str, int, int], None]) -> Pilot:
        if tools.settings is None:
            raise AssertionError("it is served with settings alone")
        return Pilot(tools.settings, tools.acting("autopilot"), progress=progress)

    return AutopilotActivities(pilot)
