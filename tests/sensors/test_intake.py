"""The upload sensor against a real folder and a real Dagster instance."""

import dataclasses
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from jarvis_dagster.assets.partitions import VIDEOS, partition_key
from jarvis_dagster.claims import claim
from jarvis_dagster.errors import TransientError
from jarvis_dagster.resources import base as resources_base
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.sensors.drive_upload import drive_upload_sensor
from jarvis_dagster.sensors.intake import CONTENT_TAG
from jarvis_dagster.services.client_storage import DriveFile, LocalFolderDrive
from jarvis_dagster.services.client_storage.inbox import Inbox
from jarvis_dagster.settings import DriveSettings, load_settings
from jarvis_dagster.stack.runs import PROCESS_TAG, this_process
from jarvis_dagster.wiring import inbox_of
from tests.media import pan, write_video


class Coach:
    """Puts files into Uploads and lets the sensor look."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.drive = load_settings().data_dir / "drive" / "Jarvis AI"
        self.uploads = self.drive / "Uploads"
        inbox_of(load_settings()).folder("Uploads")
        self.cursor: str | None = None
        self.settings = DriveSettings(settle_s=5)

    def put(self, name: str, content: bytes, age_s: float = 60) -> Path:
        path = self.uploads / name
        path.write_bytes(content)
        then = time.time() - age_s
        os.utime(path, (then, then))
        return path

    def look(self) -> dg.SensorResult:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = drive_upload_sensor(self.settings)(context, uploads=UploadsResource())
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        for request in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(VIDEOS.name or "", list(request.partition_keys))
        return result

    def end(self, request: dg.RunRequest, status: dg.DagsterRunStatus, **tags: str) -> None:
        """Record that the requested run is in that state."""
        self.instance.add_run(
            dg.DagsterRun(
                job_name="process_video",
                run_id=dg._core.utils.make_new_run_id(),
                status=status,
                tags={**request.tags, **tags},
            )
        )


@pytest.fixture
def coach(tmp_path: Path) -> Iterator[Coach]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Coach(instance)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_video(tmp_path_factory.mktemp("video") / "a.mp4", pan(12)).read_bytes()


@pytest.fixture(scope="module")
def other_video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_video(tmp_path_factory.mktemp("other") / "b.mp4", pan(20)).read_bytes()


def test_an_uploaded_video_is_requested_once(coach: Coach, video: bytes) -> None:
    coach.put("Tigers @ Bears.mp4", video)
    (request,) = coach.look().run_requests or []
    sha256 = request.tags[CONTENT_TAG]
    assert request.partition_key == partition_key("Tigers @ Bears.mp4", sha256)
    assert coach.instance.has_dynamic_partition("videos", request.partition_key)
    assert coach.look().run_requests == []


def test_a_file_that_is_still_being_written_waits(coach: Coach, video: bytes) -> None:
    coach.put("game.mp4", video[:500], age_s=0)
    assert coach.look().run_requests == []
    coach.put("game.mp4", video)
    result = coach.look()
    assert result.run_requests == []
    assert not (coach.drive / "Quarantine").exists()


def test_what_is_no_video_is_quarantined_with_a_reason_and_holds_nobody_up(
    coach: Coach, video: bytes
) -> None:
    coach.put("a notes.mp4", b"this is text\n" * 50, age_s=99)
    coach.put("empty.mp4", b"", age_s=98)
    coach.put("plan.pdf", b"%PDF-1.4 ...", age_s=97)
    coach.put("game.mp4", video)
    result = coach.look()
    assert [r.tags["jarvis/video"] for r in result.run_requests or []] == ["game.mp4"]
    quarantine = coach.drive / "Quarantine"
    names = sorted(path.name for path in quarantine.iterdir())
    assert names == [
        "a notes.mp4",
        "a notes.mp4.txt",
        "empty.mp4",
        "empty.mp4.txt",
        "plan.pdf",
        "plan.pdf.txt",
    ]
    note = (quarantine / "a notes.mp4.txt").read_text("utf-8")
    assert "a notes.mp4 could not be analysed" in note
    assert "Why: " in note
    assert [path.name for path in coach.uploads.iterdir()] == ["game.mp4"]
    before = {path: path.stat().st_mtime_ns for path in quarantine.iterdir()}
    coach.look()
    assert {path: path.stat().st_mtime_ns for path in quarantine.iterdir()} == before


def test_a_reupload_after_a_failure_runs_again(coach: Coach, video: bytes) -> None:
    coach.put("game.mp4", video, age_s=100)
    (first,) = coach.look().run_requests or []
    coach.end(first, dg.DagsterRunStatus.FAILURE)
    assert coach.look().run_requests == []
    coach.put("game.mp4", video, age_s=50)
    coach.look()  # it changed after a look: it has to settle
    coach.cursor = _aged(coach.cursor, 10)
    (second,) = coach.look().run_requests or []
    assert second.partition_key == first.partition_key
    assert second.run_key != first.run_key


def test_a_reupload_after_a_success_does_not(coach: Coach, video: bytes) -> None:
    coach.put("game.mp4", video, age_s=100)
    (first,) = coach.look().run_requests or []
    coach.end(first, dg.DagsterRunStatus.SUCCESS)
    coach.put("the same again.mp4", video, age_s=50)
    assert coach.look().run_requests == []


def test_one_content_twice_in_one_look_is_one_run(coach: Coach, video: bytes) -> None:
    coach.put("a.mp4", video, age_s=100)
    coach.put("b.mp4", video, age_s=50)
    assert len(coach.look().run_requests or []) == 1


def test_a_look_stops_at_its_limit_and_the_next_goes_on(
    coach: Coach, video: bytes, other_video: bytes
) -> None:
    coach.settings = DriveSettings(settle_s=5, requests_per_tick=1)
    coach.put("a.mp4", video, age_s=100)
    coach.put("b.mp4", other_video, age_s=50)
    assert [r.tags["jarvis/video"] for r in coach.look().run_requests or []] == ["a.mp4"]
    assert [r.tags["jarvis/video"] for r in coach.look().run_requests or []] == ["b.mp4"]
    assert coach.look().run_requests == []


def test_a_look_without_time_still_takes_one_file(
    coach: Coach, video: bytes, other_video: bytes
) -> None:
    coach.settings = DriveSettings(settle_s=5, tick_budget_s=1e-9)
    coach.put("a.mp4", video, age_s=100)
    coach.put("b.mp4", other_video, age_s=50)
    assert len(coach.look().run_requests or []) == 1
    assert len(coach.look().run_requests or []) == 1


@pytest.mark.parametrize(
    "name",
    [
        "two  spaces 'and' \"quotes\".mp4",
        "🏒 final.mp4",
        "..game...mp4".lstrip("."),
        "naïve Füchse.mp4",
        "100% $HOME; rm -rf.mp4",
    ],
)
def test_hostile_names_make_plain_partitions(coach: Coach, video: bytes, name: str) -> None:
    coach.put(name, video)
    (request,) = coach.look().run_requests or []
    key = request.partition_key or ""
    assert "/" not in key
    assert ".." not in key
    assert all(c.isalnum() or c in "-_" for c in key)


def test_a_video_waits_while_the_disk_has_no_room(
    coach: Coach, video: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    coach.put("game.mp4", video)
    with monkeypatch.context() as small:
        usage = shutil.disk_usage(coach.uploads)._replace(free=100 << 20)
        small.setattr(shutil, "disk_usage", lambda _: usage)
        looked = coach.look()
    assert looked.run_requests == []
    assert "too little room" in str(looked.skip_reason)
    assert [path.name for path in coach.uploads.iterdir()] == ["game.mp4"]
    assert len(coach.look().run_requests or []) == 1


def test_what_a_run_has_claimed_is_left_to_it(coach: Coach, video: bytes) -> None:
    coach.put("game (2).mp4", video)
    sha256 = hashlib.sha256(video).hexdigest()
    key = partition_key("game.mp4", sha256)
    coach.instance.add_dynamic_partitions("videos", [key])
    work = load_settings().data_dir / "work" / key
    with claim(work) as mine:
        assert mine
        looked = coach.look()
        assert looked.run_requests == []
        assert "is being analysed" in str(looked.skip_reason)
        with claim(work) as second:
            assert not second
    assert not work.exists()
    # It ended without a run that succeeded or goes on.
    (request,) = coach.look().run_requests or []
    assert request.partition_key == key


def test_a_file_that_goes_during_the_look_is_forgotten(
    coach: Coach, video: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = coach.put("game.mp4", video)
    real = Inbox.present

    def present(inbox: Inbox, file_id: str) -> DriveFile | None:
        file = real(inbox, file_id)
        path.unlink()
        return file

    with monkeypatch.context() as raced:
        raced.setattr(Inbox, "present", present)
        looked = coach.look()
    assert looked.run_requests == []
    assert "is gone" in str(looked.skip_reason)
    assert not (coach.drive / "Quarantine").exists()


def test_a_file_that_is_moved_out_is_left_alone(coach: Coach, video: bytes) -> None:
    coach.put("game.mp4", video, age_s=0)
    coach.look()
    (coach.uploads / "game.mp4").rename(coach.drive / "game.mp4")
    coach.cursor = _aged(coach.cursor, 10)
    assert coach.look().run_requests == []
    (coach.drive / "game.mp4").rename(coach.uploads / "back.mp4")
    coach.look()
    coach.cursor = _aged(coach.cursor, 10)
    assert len(coach.look().run_requests or []) == 1


def test_a_folder_that_is_moved_in_brings_its_videos(
    coach: Coach, video: bytes, other_video: bytes
) -> None:
    coach.look()
    folder = coach.drive / "Away games"
    folder.mkdir()
    for name, content in (("a.mp4", video), ("b.mp4", other_video)):
        path = coach.put(name, content)
        path.rename(folder / name)
    folder.rename(coach.uploads / "Away games")
    requests = coach.look().run_requests or []
    assert sorted(r.tags["jarvis/video"] for r in requests) == ["a.mp4", "b.mp4"]


def test_an_outage_loses_nothing(
    coach: Coach, video: bytes, other_video: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    coach.put("a.mp4", video)
    assert len(coach.look().run_requests or []) == 1
    with monkeypatch.context() as away:

        def changes(*_: object, **__: object) -> None:
            raise TransientError("The drive is away.")

        away.setattr(LocalFolderDrive, "changes", changes)
        coach.put("b.mp4", other_video)
        for _ in range(3):
            looked = coach.look()
            assert looked.run_requests == []
            assert "The drive is away" in str(looked.skip_reason)
    assert [r.tags["jarvis/video"] for r in coach.look().run_requests or []] == ["b.mp4"]


def test_a_drive_that_forgot_its_changes_is_listed_again(
    coach: Coach, video: bytes, other_video: bytes
) -> None:
    coach.put("a.mp4", video)
    (first,) = coach.look().run_requests or []
    coach.end(first, dg.DagsterRunStatus.SUCCESS)
    for state in (coach.drive.parent.parent / "imports").rglob("journal.sqlite*"):
        state.unlink()
    coach.put("b.mp4", other_video)
    assert [r.tags["jarvis/video"] for r in coach.look().run_requests or []] == ["b.mp4"]


def test_a_cursor_of_an_earlier_form_begins_anew(coach: Coach, video: bytes) -> None:
    coach.put("a.mp4", video)
    (first,) = coach.look().run_requests or []
    coach.end(first, dg.DagsterRunStatus.SUCCESS)
    coach.cursor = '{"version": 1, "handled": {}, "waiting": {}}'
    looked = coach.look()
    assert looked.run_requests == []
    assert "known already" in str(looked.skip_reason)


def test_a_killed_run_of_this_machine_is_given_up(coach: Coach, video: bytes) -> None:
    coach.put("game.mp4", video)
    (first,) = coach.look().run_requests or []
    machine, _, began = this_process().rsplit(" ", 2)
    coach.end(first, dg.DagsterRunStatus.STARTED, **{PROCESS_TAG: f"{machine} 4194304 {began}"})
    coach.put("again.mp4", video)
    (second,) = coach.look().run_requests or []
    assert second.partition_key == first.partition_key
    assert second.run_key != first.run_key


def test_calibrations_beside_videos_are_left_alone(coach: Coach, video: bytes) -> None:
    coach.put("game.mp4", video)
    sidecar = coach.put("game.calibration.json", b"{}")
    coach.look()
    assert sidecar.is_file()


def _aged(cursor: str | None, seconds: float) -> str:
    """The cursor as it would be if its looks had been earlier."""
    from jarvis_dagster.sensors.upload_plan import Cursor

    old = Cursor.loads(cursor)
    waiting = {key: (version, since - seconds) for key, (version, since) in old.waiting.items()}
    return dataclasses.replace(old, waiting=waiting).dumps()


def test_a_video_beyond_the_limit_is_quarantined_with_the_limit(coach: Coach, video: bytes) -> None:
    coach.put("game.mp4", video)
    coach.settings = DriveSettings(settle_s=5, max_upload_gb=len(video) / 2e9)
    result = coach.look()
    assert result.run_requests == []
    note = next((coach.drive / "Quarantine").glob("*.txt")).read_text()
    assert "more than the" in note
    assert "drive.max_upload_gb" in note


def test_a_video_waits_for_the_reserve_of_the_disk(
    coach: Coach, video: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    coach.put("game.mp4", video)
    reserved = load_settings().model_copy(update={"disk_reserve_mb": 1 << 40})
    with monkeypatch.context() as patch:
        patch.setattr(resources_base, "load_settings", lambda *_: reserved)
        looked = coach.look()
    assert looked.run_requests == []
    assert "too little room" in str(looked.skip_reason)
    assert len(coach.look().run_requests or []) == 1
