"""A camera's adapted parameters reach every step of ``computer-vision``."""

from __future__ import annotations

import json
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from temporalio.testing import ActivityEnvironment

from jarvis_dagster.autopilot import Library
from jarvis_dagster.hockey.adaptation import Parameters
from jarvis_dagster.hockey.detection import detect_video, load_detector
from jarvis_dagster.hockey.synthetic import GameSpec, render_game
from jarvis_dagster.hockey.tables import DETECTIONS, read_table
from jarvis_dagster.revising import revision_of
from jarvis_dagster.services.workflow import JarvisWorkflowService, WorkflowConfig
from jarvis_dagster.settings import load_settings
from jarvis_dagster.workflows.vision_activities import VisionActivities
from tests.services.storage_tools import service_of
from tests.workflows.steps import Steps, working

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")
SIGHT = {"parameters": Parameters(gain=1.5).to_json(), "score_threshold": 0.3}


def test_a_video_is_looked_at_as_its_camera_needs(object_store: Server, tmp_path: Path) -> None:
    storage = service_of(object_store, f"ad{uuid.uuid4().hex[:8]}")
    storage.ensure_buckets()
    clip = render_game(tmp_path / "clip", GameSpec(5, 1.0, 640, 360, fps=10)).video
    record = tmp_path / "source.json"
    record.write_text(json.dumps({"path": "Jarvis AI/Uploads/north/final.mp4"}))
    storage.put_file("artifacts/final/footage/source.mp4", clip)
    storage.put_file("artifacts/final/footage/source.json", record)
    adapted = Parameters(gain=1.5, score_threshold=0.3)
    Library(storage).put_in_force("north", adapted)
    config = tmp_path / "jarvis-core.yaml"
    config.write_text("{}")
    steps = VisionActivities(
        lambda: storage, tmp_path / "work", threads=1, settings=load_settings(config)
    )
    given = {"video_key": "artifacts/final/footage/source.mp4", "stride": 2}
    run = ActivityEnvironment().run
    first = run(steps.processing, given)
    assert first["summary"]["camera"] == "north"
    assert first["sight"] == {"parameters": adapted.to_json(), "score_threshold": 0.3}
    second = run(steps.features, {**given, **first["sight"], "outputs": first["outputs"]})
    assert second["summary"]["adapted_parameters"] == adapted.words
    detector = load_detector(threads=1, score_threshold=0.3)
    alone, _ = detect_video(clip, detector, stride=2, correct=adapted.correction)
    storage.get_file(second["outputs"]["detections"], tmp_path / "found.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "found.parquet", DETECTIONS), alone)
    usual, _ = detect_video(clip, load_detector(threads=1), stride=2)
    assert len(usual) != len(alone) or not usual["score"].equals(alone["score"])


class Adapted(Steps):
    """Steps of which the first tells of the camera."""

    given: tuple[dict[str, Any], ...] = ()

    def _run(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        self.given += (given,)
        done = super()._run(name, given)
        return {**done, "sight": SIGHT} if name == "processing" else done


def test_what_was_adapted_is_told_once_and_holds(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, video: dict[str, Any]
) -> None:
    steps = Adapted()
    with working(temporal_server.address, queue, steps):
        service.wait_for_result(service.start_workflow("computer-vision", video), 240)
    assert [{name: one.get(name) for name in SIGHT} for one in steps.given] == [
        dict.fromkeys(SIGHT),
        SIGHT,
        SIGHT,
    ]


def test_what_decides_a_result_makes_other_work(
    object_store: Server, tmp_path: Path, temporal_server: Server, queue: str
) -> None:
    """After an adaptation the same video is looked at again, and only then."""
    storage = service_of(object_store, f"ad{uuid.uuid4().hex[:8]}")
    storage.ensure_buckets()
    config = tmp_path / "jarvis-core.yaml"
    config.write_text("{}")
    settings = load_settings(config)
    core = SimpleNamespace(storage_service=storage, experiment_service=None)
    service = JarvisWorkflowService(
        WorkflowConfig(address=temporal_server.address, task_queue=queue),
        revision=lambda name, given: revision_of(settings, core, name, given),  # type: ignore[arg-type]
    )
    asked = {"video_key": f"Jarvis AI/Uploads/north/{uuid.uuid4().hex}.mp4"}
    steps = Adapted()
    try:
        with working(temporal_server.address, queue, steps):
            first = service.start_workflow("computer-vision", asked)
            service.wait_for_result(first, 60)
            assert service.start_workflow("computer-vision", asked) == first
            south = revision_of(settings, core, "computer-vision", {"video_key": "south.mp4"})  # type: ignore[arg-type]
            Library(storage).put_in_force("north", Parameters(gain=1.5))
            again = service.start_workflow("computer-vision", {**asked, "revision": "mine"})
            assert service.start_workflow("computer-vision", asked) not in {first, again}
            service.wait_for_result(again, 60)
    finally:
        service.close()
    said = [one["revision"] for one in steps.given]
    assert said[0].startswith("detector-")
    assert "adapted" not in said[0]
    assert any(one.startswith("mine detector-") and "adapted-" in one for one in said)
    assert revision_of(settings, core, "computer-vision", {"video_key": "south.mp4"}) == south  # type: ignore[arg-type]
    assert revision_of(settings, core, "approval", {"video_key": "south.mp4"}) == ""  # type: ignore[arg-type]
    known = revision_of(settings, core, "computer-vision", {"partition": "final"})  # type: ignore[arg-type]
    assert known == south
