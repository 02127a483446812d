"""From a correction in the drive to a report that says what it changed; boxes stay as they are."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from jarvis_dagster.build import build_definitions
from jarvis_dagster.hockey.tables import read_provenance
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.sensors.corrections import corrections_sensor
from jarvis_dagster.sensors.drive_upload import drive_upload_sensor
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import inbox_of
from tests.pipeline.conftest import clip, config

__all__ = ["clip", "config"]


class Club:
    """A drive with one analysed video, its Dagster instance, and a person who corrects."""

    def __init__(self, instance: dg.DagsterInstance, video: Path) -> None:
        self.instance = instance
        self.settings = load_settings()
        inbox_of(self.settings).folder("Uploads")
        self.root = self.settings.data_dir / "drive" / "Jarvis AI"
        self.results = self.root / "Results" / "game"
        self.defs = build_definitions()
        self.cursor: str | None = None
        target = self.root / "Uploads" / "game.mp4"
        shutil.copy(video, target)
        shutil.copy(video.with_name("calibration.json"), target.with_name("game.calibration.json"))
        self.age(target)
        context = dg.build_sensor_context(instance=instance)
        looked = drive_upload_sensor(self.settings.drive)(context, uploads=UploadsResource())
        assert isinstance(looked, dg.SensorResult)
        (request,) = looked.run_requests or []
        self.key = str(request.partition_key)
        instance.add_dynamic_partitions("videos", [self.key])
        self.run("process_video", request)

    def age(self, path: Path) -> None:
        """Let it have been there for a minute, a little longer each time it changes."""
        then = time.time() - 60
        os.utime(path, (then, then))

    def run(self, job: str, request: dg.RunRequest) -> set[str]:
        result = self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            asset_selection=list(request.asset_selection) if request.asset_selection else None,
            tags=dict(request.tags),
        )
        assert [e.check_name for e in result.get_asset_check_evaluations() if not e.passed] == []
        made = result.get_asset_materialization_events()
        return {e.asset_key.to_user_string() for e in made if e.asset_key}

    def correct(self, text: str) -> None:
        (self.results / "corrections.yaml").write_text(text, "utf-8")
        self.age(self.results / "corrections.yaml")

    def look(self) -> dg.SensorResult:
        repository = self.defs.get_repository_def()
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=repository
        )
        sensor = corrections_sensor(self.settings.drive.model_copy(update={"settle_s": 0}))
        looked = sensor(context, uploads=UploadsResource())
        assert isinstance(looked, dg.SensorResult)
        self.cursor = looked.cursor
        return looked

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.results / f"{name}.parquet")

    @property
    def report(self) -> dict:
        return json.loads((self.results / "report.json").read_text("utf-8"))


@pytest.fixture
def club(config: Path, clip: Path) -> Iterator[Club]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Club(instance, clip)


def test_a_correction_in_the_drive_changes_what_depends_on_it(club: Club) -> None:
    before = club.report
    assert before["corrected"] is None
    tracks = club.table("tracks")
    longest = [int(t) for t in tracks["track_id"].value_counts().index[:3]]
    team = str(tracks.loc[tracks["track_id"] == longest[0], "team"].iloc[0])
    other = "A" if team == "B" else "B"
    club.correct(
        f"corrections:\n- track: {longest[0]}\n  role: player\n  team: {other}\n"
        f"- track: {longest[1]}\n  delete: true\n"
        "- missed: shot\n  at: 0:01.5\n  team: A\n"
    )
    (request,) = club.look().run_requests or []
    assert request.partition_key == club.key
    made = club.run("apply_corrections", request)
    assert "spotlight/tracks" in made
    assert "delivery/results" in made
    assert made.isdisjoint({"footage/video", "footage/preflight", "spotlight/detections"})

    now = club.table("tracks")
    assert set(now.loc[now["track_id"] == longest[0], "team"]) == {other}
    assert longest[1] not in set(now["track_id"])
    same = tracks[tracks["track_id"] == longest[2]].reset_index(drop=True)
    pd.testing.assert_frame_equal(now[now["track_id"] == longest[2]].reset_index(drop=True), same)
    shots = club.table("events").query("type == 'shot' and confidence == 1")
    assert shots["start_s"].tolist() == pytest.approx([1.5], abs=0.05)
    for name in ("tracks", "positions", "events"):
        assert read_provenance(club.results / f"{name}.parquet").corrections_sha256

    corrected = club.report["corrected"]
    assert corrected["compared"]
    assert [one["applied"] for one in corrected["said"]] == [True] * 4
    changed = {row["what"]: (row["before"], row["after"]) for row in corrected["changes"]}
    assert changed["Events: Shot"][1] == (changed["Events: Shot"][0] or 0) + 1
    gone = [row for row in corrected["people"] if row["track_id"] == longest[1]]
    assert any(row["what"] == "time in view" and row["after"] is None for row in gone)
    page = (club.results / "report.html").read_text("utf-8")
    assert f"Track {longest[0]} is of team {other}" in page

    assert club.look().run_requests == []
    club.correct("corrections: []\n")
    (request,) = club.look().run_requests or []
    club.run("apply_corrections", request)
    pd.testing.assert_frame_equal(club.table("tracks"), tracks)
    assert club.report["corrected"] is None
    assert club.report["teams"] == before["teams"]


def test_an_event_alone_leaves_tracks_and_video_alone(club: Club) -> None:
    events = club.table("events")
    noted = events[~events["type"].isin(["in_view", "shift", "camera_cut"])]
    wrong = noted.iloc[0]
    club.correct(f"- event: {wrong['event_id']}\n  wrong: true\n")
    (request,) = club.look().run_requests or []
    made = club.run("apply_corrections", request)
    assert made == {
        "spotlight/corrections",
        "spotlight/events",
        "spotlight/highlights",
        "holmes/game_report",
        "delivery/results",
    }
    assert wrong["event_id"] not in set(club.table("events")["event_id"])
    assert any("at" in row["what"] for row in club.report["corrected"]["changes"])


def test_a_file_that_cannot_be_true_gets_a_note(club: Club) -> None:
    note = club.results / "corrections.yaml.problem.txt"
    club.correct("corrections:\n- track: 1\n  nummer: 26\n")
    assert club.look().run_requests == []
    assert "corrections.yaml, line 2: nummer is not known" in note.read_text("utf-8")
    club.correct("corrections:\n- track: 1\n  role: player\n- track: 1\n  role: referee\n")
    (request,) = club.look().run_requests or []
    assert not note.exists()
    with pytest.raises(dg.Failure, match="line 4: Track 1 is a referee, but line 2"):
        club.run("apply_corrections", request)
    assert "line 4" in note.read_text("utf-8")
    tracks = club.table("tracks")
    assert len(tracks)
