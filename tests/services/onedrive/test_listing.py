"""Listings: whole or an error, in pages, while others write; shortcuts of other drives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError, NotSupportedError, TransientError
from jarvis_dagster.services.client_storage.drive import Drive
from tests.services.onedrive.conftest import during

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive
    from tests.fakes.onedrive import OneDriveServer
    from tests.fakes.onedrive.world import Entry

__all__: list[str] = []


@pytest.fixture
def shared(server: OneDriveServer) -> dict[str, Entry]:
    """A folder and a file of somebody else, and shortcuts to them."""
    other = server.world.add_drive("business", "b!other", "friend@example.org")
    folder = other.add("Team", other.root.id, folder=True)
    inner = other.add("Inner", folder.id, folder=True)
    video = other.add("goal.mp4", inner.id, content=b"goal")
    back = other.add("Loop", inner.id)
    back.remote = (other.id, folder.id)
    mine = server.drive
    to_folder = mine.add("Team videos", mine.root.id)
    to_folder.remote = (other.id, folder.id)
    to_file = mine.add("goal link.mp4", mine.root.id)
    to_file.remote = (other.id, video.id)
    return {"folder": to_folder, "file": to_file, "video": video, "team": folder}


def test_more_files_than_a_page_holds(server: OneDriveServer, drive: OneDrive) -> None:
    folder = drive.create_folder("Many")
    for number in range(2100):
        server.drive.add(f"{number}.mp4", folder.id, content=b"x")
    server.faults.clear()
    assert len({file.id for file in drive.list_all(folder.id)}) == 2100
    found = list(drive.list_all(recursive=True))
    assert len({file.path for file in found}) == len(found) == 2101
    assert len(list(Drive.list_all(drive, folder.id))) == 2100


def test_short_and_empty_pages_lose_nothing(server: OneDriveServer, drive: OneDrive) -> None:
    for number in range(9):
        server.drive.add(f"{number}.mp4", server.drive.root.id, content=b"x")
    server.faults.add("partial", match="children", times=5)
    assert len(list(drive.list_all())) == 9
    server.faults.add("partial", match="children", times=5)
    assert len(list(Drive.list_all(drive, recursive=True))) == 9


def test_a_page_that_the_service_forgot(server: OneDriveServer, drive: OneDrive) -> None:
    for number in range(5):
        server.drive.add(f"{number}.mp4", server.drive.root.id, content=b"x")
    page = drive.list(page_size=2)
    server.faults.add("expire", match="skiptoken")
    with pytest.raises(TransientError, match="forgot"):
        drive.list(page_token=page.next_token, page_size=2)
    for token in ("", "x", "eJyLjgUAARUAuQ==", page.next_token[:-9] if page.next_token else ""):
        with pytest.raises(BadInputError, match="token"):
            drive.list(page_token=token)


def test_a_file_that_moves_while_the_listing_runs_is_there_once(
    server: OneDriveServer, drive: OneDrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, last = drive.create_folder("A"), drive.create_folder("Z")
    entry = server.drive.add("clip.mp4", last.id, content=b"x")
    deep = drive.create_folder("Deep", last.id)
    server.drive.add("below.mp4", deep.id, content=b"x")

    def move() -> None:
        for one in (entry, server.drive.entries[deep.id]):
            server.drive.touch(one)
            one.parent = first.id
            server.drive.touch(one)

    # A was read without it, Z is read when it is gone.
    during(server, monkeypatch, f"{last.id}/children", move)
    found = [file.path for file in drive.list_all(recursive=True)]
    assert found == ["A", "Z", "A/clip.mp4", "A/Deep", "A/Deep/below.mp4"]


def test_a_page_that_shifts_while_the_listing_runs(
    server: OneDriveServer, drive: OneDrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = server.drive.root.id
    entries = [server.drive.add(f"{n:04}.mp4", root, content=b"x") for n in range(1001)]

    def delete() -> None:
        entries[0].deleted = True
        server.drive.touch(entries[0])

    # The first of the second page moves to the first page, which was read already.
    during(server, monkeypatch, "skiptoken", delete)
    assert len(list(drive.list_all())) == 1000


def test_a_drive_that_never_rests_is_an_error(
    server: OneDriveServer, drive: OneDrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = server.drive.add("log.txt", server.drive.root.id, content=b"x")
    real = server.faults.next

    def restless(method: str, path: str) -> object:
        server.drive.touch(entry)
        return real(method, path)

    monkeypatch.setattr(server.faults, "next", restless)
    with pytest.raises(TransientError, match="faster"):
        list(drive.list_all(recursive=True))
    assert [file.name for file in drive.list_all()] == ["log.txt"]  # one answer, one moment


def test_a_folder_that_goes_while_the_listing_runs(
    server: OneDriveServer, drive: OneDrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = drive.create_folder("Going")
    server.drive.add("clip.mp4", folder.id, content=b"x")
    entry = server.drive.entries[folder.id]

    def go() -> None:
        entry.deleted = True
        server.drive.touch(entry)

    during(server, monkeypatch, f"{folder.id}/children", go)
    assert list(drive.list_all(recursive=True)) == []
    with pytest.raises(BadInputError):
        list(drive.list_all(folder.id))


def test_shortcuts_lead_into_other_drives(
    server: OneDriveServer, drive: OneDrive, shared: dict[str, Entry], tmp_path: Path
) -> None:
    found = {file.path: file for file in drive.list_all(recursive=True)}
    assert set(found) == {
        "Team videos",
        "Team videos/Inner",
        "Team videos/Inner/goal.mp4",
        "goal link.mp4",
    }
    assert found == {file.path: file for file in Drive.list_all(drive, recursive=True)}
    video, link = found["Team videos/Inner/goal.mp4"], found["goal link.mp4"]
    assert link.id == shared["file"].id
    assert (link.size, link.version) == (4, video.version)
    for file in found.values():
        assert drive.stat(file.id) == file
        assert drive.find(file.path) == file
    for file in (video, link):
        drive.download(file.id, tmp_path / "goal")
        assert (tmp_path / "goal").read_bytes() == b"goal"
    other = server.world.drives["b!other"]
    secret = other.add("private.txt", other.root.id, content=b"private")
    for hostile in (
        f"{secret.id}@b!other@{shared['folder'].id}",
        f"{secret.id}@b!other@{secret.id}",
        f"{shared['video'].id}@b!other@{shared['file'].id}x",
        f"{shared['video'].id}@{server.drive.id}@{shared['folder'].id}",
    ):  # ids that are made up
        assert drive.stat(hostile) is None
        with pytest.raises(BadInputError):
            drive.download(hostile, tmp_path / "x")
    inner = found["Team videos/Inner"]
    assert (inner.parent_id, video.parent_id) == (shared["folder"].id, inner.id)


def test_what_is_shared_by_others_can_be_written(
    server: OneDriveServer, drive: OneDrive, shared: dict[str, Entry], tmp_path: Path
) -> None:
    path = tmp_path / "new.mp4"
    path.write_bytes(b"new")
    file = drive.upload(path, shared["folder"].id)
    assert file.path == "Team videos/new.mp4"
    assert drive.stat(file.id) == file
    path.write_bytes(b"newer")
    newer = drive.upload(path, shared["folder"].id, replace=file, exact=True)
    assert (newer.id, newer.size) == (file.id, 5)
    inner = drive.create_folder("Inner", shared["folder"].id)
    moved = drive.move(file.id, inner.id)
    assert moved.path == "Team videos/Inner/new.mp4"
    with pytest.raises(NotSupportedError, match="between drives"):
        drive.move(file.id)
    drive.trash(file.id)
    assert drive.stat(file.id) is None
    through = drive.find("goal link.mp4")
    assert through is not None
    path.write_bytes(b"another goal")
    replaced = drive.upload(path, replace=through, exact=True)
    assert (replaced.id, replaced.path) == (through.id, "goal link.mp4")
    assert shared["video"].content == b"another goal"
    drive.trash(through.id)  # the shortcut, not what it leads to
    assert not shared["video"].deleted


def test_a_shortcut_to_what_was_taken_away(
    server: OneDriveServer, drive: OneDrive, shared: dict[str, Entry], tmp_path: Path
) -> None:
    server.faults.add("status", match=shared["video"].id, status=403)
    server.faults.add("status", match=shared["team"].id, status=403)
    assert list(drive.list_all(recursive=True)) == []
    assert len(list(drive.list_all())) == 2  # the rights are back
    shared["team"].deleted = True
    for taken in (shared["folder"].id, shared["file"].id):
        assert drive.stat(taken) is None
        with pytest.raises(BadInputError):
            drive.download(taken, tmp_path / "x")
        with pytest.raises(BadInputError):
            drive.list(taken)
    assert list(drive.list_all(recursive=True)) == []
    assert not (tmp_path / "x").exists()
