"""However uploads come and go: none is lost, and none is taken twice."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.client_storage import Changes, LocalFolderDrive
from tests.media import pan, write_video
from tests.providers import google, provider
from tests.sensors.arrivals import Arrivals


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_video(tmp_path_factory.mktemp("video") / "a.mp4", pan(3)).read_bytes()


@pytest.fixture
def arrivals(tmp_path: Path, video: bytes) -> Iterator[Arrivals]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    drive = LocalFolderDrive(tmp_path / "club", tmp_path / "state")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Arrivals(instance, drive, video, scratch)


@pytest.mark.parametrize(
    ("kind", "seed", "steps"),
    [("local", 0, 60), ("local", 1, 60), ("google", 2, 40), ("onedrive", 3, 40), ("icloud", 4, 30)],
)
def test_whatever_people_do_each_video_is_taken_once(
    tmp_path: Path, video: bytes, kind: str, seed: int, steps: int
) -> None:
    for name in ("scratch", "provider"):
        (tmp_path / name).mkdir()
    with dg.DagsterInstance.ephemeral() as instance, provider(kind, tmp_path / "provider") as drive:
        coach = Arrivals(instance, drive, video, tmp_path / "scratch", seed)
        for number in range(steps):
            coach.happen()
            if number % 7 == 0:
                coach.look()
        for _ in range(3):
            coach.look()
        there = {
            coach.content_of(file)
            for file in drive.list_all(coach.uploads.id)
            if not file.is_folder
        }
    assert there <= set(coach.contents)
    assert len(coach.contents) == len(set(coach.contents))


def test_many_at_once_are_all_taken_in_their_turn(arrivals: Arrivals) -> None:
    files = [arrivals.arrive() for _ in range(120)]
    looks = 0
    while len(arrivals.requests) < len(files):
        assert len(arrivals.look()) <= 50
        looks += 1
        assert looks < 10
    assert arrivals.look() == []
    assert len(set(arrivals.contents)) == len(files)


def test_what_is_there_at_the_first_look_and_what_comes_during_it_is_taken(
    arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals.arrive()
    real = LocalFolderDrive.start_token

    def start_token(drive: LocalFolderDrive) -> str:
        token = real(drive)
        arrivals.arrive()
        return token

    with monkeypatch.context() as slow:
        slow.setattr(LocalFolderDrive, "start_token", start_token)
        arrivals.look()
    arrivals.look()
    assert len(set(arrivals.contents)) == 2


def test_a_drive_that_is_away_between_two_pages_loses_nothing(
    arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals.look()
    for _ in range(12):
        arrivals.arrive()
    real, calls = LocalFolderDrive.changes, []

    def changes(drive: LocalFolderDrive, token: str, *, limit: int = 200) -> Changes:
        calls.append(token)
        if len(calls) % 2 == 0:
            raise TransientError("The drive is away.")
        return real(drive, token, limit=5)

    monkeypatch.setattr(LocalFolderDrive, "changes", changes)
    for _ in range(12):
        arrivals.look()
    assert len(arrivals.contents) == len(set(arrivals.contents)) == 12
    assert any("The drive is away" in note for note in arrivals.notes)


def test_an_outage_between_two_files_loses_nothing(
    arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(6):
        arrivals.arrive()
    real, calls = LocalFolderDrive.stat, []

    def stat(drive: LocalFolderDrive, file_id: str) -> object:
        calls.append(file_id)
        if len(calls) % 3 == 0:
            raise TransientError("The drive is away.")
        return real(drive, file_id)

    monkeypatch.setattr(LocalFolderDrive, "stat", stat)
    for _ in range(20):
        arrivals.look()
    assert len(arrivals.contents) == len(set(arrivals.contents)) == 6


def test_the_cursor_does_not_hold_what_is_in_the_drive(arrivals: Arrivals) -> None:
    for _ in range(60):
        arrivals.arrive()
    for _ in range(4):
        arrivals.look()
    assert len(arrivals.requests) == 60
    before = arrivals.cursor_bytes
    for number in range(300):
        (arrivals.drive.root / "Elsewhere" / f"{number}.mp4").touch()  # type: ignore[attr-defined]
    arrivals.look()
    assert abs(arrivals.cursor_bytes - before) < 10


def test_what_is_brought_back_from_the_trash_is_taken_once(tmp_path: Path, video: bytes) -> None:
    for name in ("scratch", "provider"):
        (tmp_path / name).mkdir()
    with (
        dg.DagsterInstance.ephemeral() as instance,
        google(tmp_path / "provider") as (drive, server),
    ):
        coach = Arrivals(instance, drive, video, tmp_path / "scratch")
        done = coach.arrive()
        coach.look()
        coach.look()
        assert coach.files == [done.id]
        waiting = coach.arrive()
        for trashed in (True, False):
            for file in (done, waiting):
                server.world.edit(file.id, trashed=trashed)
            for _ in range(2):
                coach.look()
            assert coach.files == ([done.id] if trashed else [done.id, waiting.id])
