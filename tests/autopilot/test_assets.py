"""The Autopilot in Dagster: performance and decisions with pictures, and detections that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.assets.autopilot import decisions, no_change_made_it_worse, performance
from jarvis_dagster.assets.metadata import provenance_of
from jarvis_dagster.autopilot.config import AutopilotConfig, camera_of
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.workspace import WorkspaceResource

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings
    from tests.autopilot.conftest import Rink


def test_performance_and_decisions_are_seen_in_dagster(
    config: Path, core: JarvisCoreServices, rink: Rink
) -> None:
    for _ in range(5):
        rink.play()
    done = dg.materialize(
        [performance, decisions, no_change_made_it_worse],
        resources={
            "workspace": WorkspaceResource(config_file=str(config)),
            "progress": LogProgress(),
        },
    )
    assert done.success
    (seen,) = done.asset_materializations_for_node("autopilot__performance")
    assert seen.metadata["videos_read"].value == 5
    assert "data:image/png" in str(seen.metadata["camera_north"].value)
    (told,) = done.asset_materializations_for_node("autopilot__decisions")
    assert told.metadata["decisions"].value == 0
    assert core.storage_service.exists("autopilot/log.html")
    assert done.get_asset_check_evaluations()[0].passed


def test_what_was_adapted_makes_other_settings(settings: Settings) -> None:
    source = {"sha256": "0" * 64}
    usual = provenance_of(settings, source, "1")
    adapted = provenance_of(settings, source, "1", adapted="abc")
    assert usual.config_sha256 == settings.vision_sha256 != adapted.config_sha256


def test_a_video_is_of_the_camera_that_its_name_or_folder_says() -> None:
    config = AutopilotConfig(cameras={"north-*.mp4": "north", "*/guests/*": "away rink"})
    root = "Jarvis AI/Uploads"
    assert camera_of(config, f"{root}/north-3.mp4") == "north"
    assert camera_of(config, f"{root}/guests/final.mp4") == "away-rink"
    assert camera_of(config, f"{root}/Rink 2/a/b.mp4") == "Rink-2"
    assert camera_of(config, f"{root}/final.mp4") == "default"
