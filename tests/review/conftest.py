"""A club with one analysed video: its drive, its Dagster instance, a person who corrects.

The video is analysed once for all tests of this folder.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd
import pytest

from jarvis_dagster.build import build_definitions
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.sensors.corrections import corrections_sensor
from jarvis_dagster.sensors.drive_upload import drive_upload_sensor
from jarvis_dagster.sensors.training_folder import training_folder_sensor
from jarvis_dagster.settings import load_settings
from jarvis_dagster.stack import write_dagster_home
from jarvis_dagster.wiring import core_services, inbox_of
from tests.installation import write_settings
from tests.pipeline.conftest import clip

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.servers import Server

__all__ = ["Club", "clip", "club", "uncorrected"]


class Club:
    """What a person does in the drive, and what Jarvis does about it."""

    def __init__(self, folder: Path, store: Server) -> None:
        self.folder = folder
        more = """
drive: {settle_s: 0, labels_settle_s: 30}
vision: {highlights: 1, stride: 1}
"""
        self.config = write_settings(folder, store, more)
        self.root = folder / "data" / "drive" / "Jarvis AI"
        self.results = self.root / "Results" / "game"
        self.training = self.root / "Training"
        self.cursors: dict[str, str | None] = {}
        self.key = ""

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let this be the installation that settings and commands mean."""
        monkeypatch.setenv("JARVIS_CONFIG", str(self.config))
        monkeypatch.setenv("JARVIS_DATA_DIR", str(self.folder / "data"))
        write_dagster_home(load_settings().stack)
        monkeypatch.setenv("DAGSTER_HOME", str(self.folder / "data" / "dagster"))

    def analyse(self, video: Path) -> None:
        """Upload a video and let the sensor and the job do the rest."""
        core_services(load_settings()).storage_service.ensure_buckets()
        inbox_of(load_settings()).folder("Uploads")
        target = self.root / "Uploads" / "game.mp4"
        shutil.copy(video.with_name("calibration.json"), target.with_name("game.calibration.json"))
        shutil.copy(video, target)
        self.age(target)
        (request,) = self.look(drive_upload_sensor).run_requests or []
        self.key = str(request.partition_key)
        with dg.DagsterInstance.get() as instance:
            instance.add_dynamic_partitions("videos", [self.key])
        self.run("process_video", request)

    def age(self, path: Path, seconds: float = 60) -> None:
        """Let a file have been there for a while."""
        then = time.time() - seconds
        os.utime(path, (then, then))

    def look(self, sensor: Any) -> dg.SensorResult:
        """One look of a sensor."""
        repository = build_definitions().get_repository_def()
        with dg.DagsterInstance.get() as instance:
            context = dg.build_sensor_context(
                instance=instance,
                cursor=self.cursors.get(sensor.__name__),
                repository_def=repository,
            )
            looked = sensor(load_settings().drive)(context, uploads=UploadsResource())
        assert isinstance(looked, dg.SensorResult)
        self.cursors[sensor.__name__] = looked.cursor
        return looked

    def run(self, job: str, request: dg.RunRequest) -> set[str]:
        """The run that a sensor asked for; what it materialised."""
        with dg.DagsterInstance.get() as instance:
            result = (
                build_definitions()
                .resolve_job_def(job)
                .execute_in_process(
                    instance=instance,
                    partition_key=request.partition_key,
                    asset_selection=list(request.asset_selection or []) or None,
                    run_config=request.run_config,
                    tags=dict(request.tags),
                )
            )
        made = result.get_asset_materialization_events()
        self.metadata = {
            e.asset_key.to_user_string(): {
                k: v.value for k, v in e.materialization.metadata.items()
            }
            for e in made
            if e.asset_key
        }
        return set(self.metadata)

    def correct(self, text: str) -> list[dg.RunRequest]:
        """Write corrections, and let the sensor look."""
        path = self.results / "corrections.yaml"
        path.write_text(text, "utf-8")
        self.age(path)
        return list(self.look(corrections_sensor).run_requests or [])

    def labels(self) -> list[dg.RunRequest]:
        """Let the sensor look at Training."""
        return list(self.look(training_folder_sensor).run_requests or [])

    def table(self, name: str) -> pd.DataFrame:
        """A delivered table."""
        return pd.read_parquet(self.results / f"{name}.parquet")

    @property
    def report(self) -> dict[str, Any]:
        """The delivered report."""
        return json.loads((self.results / "report.json").read_text("utf-8"))


@pytest.fixture(scope="package")
def analysed(tmp_path_factory: pytest.TempPathFactory, object_store: Server, clip: Path) -> Club:
    """The club, its video analysed."""
    club = Club(tmp_path_factory.mktemp("club"), object_store)
    with pytest.MonkeyPatch.context() as patch:
        club.enter(patch)
        club.analyse(clip)
    return club


@pytest.fixture
def club(analysed: Club, monkeypatch: pytest.MonkeyPatch) -> Club:
    """The club for one test, whatever was corrected before."""
    analysed.enter(monkeypatch)
    return analysed


@pytest.fixture
def uncorrected(club: Club) -> Club:
    """The club with all corrections taken back."""
    if (club.results / "corrections.yaml").is_file():
        for request in club.correct("corrections: []\n"):
            club.run("apply_corrections", request)
    return club
