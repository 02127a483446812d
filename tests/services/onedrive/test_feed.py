"""What changed: pages, repeats, tokens, folders that are watched and those that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError, TokenExpiredError, TransientError
from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive
from tests.services.onedrive.conftest import settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage import DriveFile
    from tests.fakes.onedrive import OneDriveServer
    from tests.services.onedrive.conftest import Waits

__all__: list[str] = []


def _all(drive: OneDrive, token: str, limit: int = 200) -> tuple[list[DriveFile], list[str], str]:
    files, removed = [], []
    while True:
        page = drive.changes(token, limit=limit)
        files += page.files
        removed += page.removed
        token = page.token
        assert len(token) < 300
        if not page.more:
            return files, removed, token


def test_three_thousand_changes(server: OneDriveServer, drive: OneDrive) -> None:
    token = drive.start_token()
    folder = drive.create_folder("Games")
    names = {f"game {number}.mp4" for number in range(3000)}
    for name in names:
        server.drive.add(name, folder.id, content=name.encode())
    server.faults.clear()
    files, removed, token = _all(drive, token)
    asked = [line for line in server.faults.log if not line.startswith("BATCH")]
    assert len(asked) <= (35 if server.drive.kind == "personal" else 190)
    found = [file for file in files if not file.is_folder]
    assert {file.path for file in found} == {f"Games/{name}" for name in names}
    assert len(found) == 3000
    assert all(file.version for file in found)
    assert removed == []
    server.drive.write(server.drive.entries[found[0].id], b"new")
    server.faults.clear()
    files, _, _ = _all(drive, token)
    assert [file.id for file in files if not file.is_folder] == [found[0].id]
    assert len(server.faults.log) <= 3  # however much there is


def test_what_the_feed_tells_is_what_the_listing_tells(
    server: OneDriveServer, drive: OneDrive
) -> None:
    token = drive.start_token()
    above = drive.create_folder("100% hockey + #1")
    folder = drive.create_folder("Größe %20 ü", above.id)
    entry = server.drive.add("clip %41.mp4", folder.id, content=b"x")
    files, _, _ = _all(drive, token)
    (file,) = [one for one in files if not one.is_folder]
    assert file.path == "100% hockey + #1/Größe %20 ü/clip %41.mp4"
    assert file == drive.stat(entry.id) == drive.find(file.path)
    assert list(drive.list_all(folder.id)) == [file]
    assert set(drive.list_all(recursive=True)) == {above, folder, file}


def test_an_item_that_is_told_twice_counts_as_it_was_told_last(
    server: OneDriveServer, drive: OneDrive
) -> None:
    entry = server.drive.add("first.mp4", server.drive.root.id, content=b"x")
    token = drive.start_token()
    drive.move(entry.id, None, "second.mp4")
    drive.move(entry.id, None, "third.mp4")
    files, removed, _ = _all(drive, token)
    assert [file.path for file in files] == ["third.mp4"]
    assert removed == []


def test_trashed_and_restored(server: OneDriveServer, drive: OneDrive) -> None:
    entry = server.drive.add("clip.mp4", server.drive.root.id, content=b"x")
    file = drive.stat(entry.id)
    token = drive.start_token()
    drive.trash(entry.id)
    files, removed, token = _all(drive, token)
    assert (files, removed) == ([], [entry.id])
    entry.deleted = False
    server.drive.touch(entry)
    files, removed, _ = _all(drive, token)
    assert ([f.version for f in files], removed) == ([file.version if file else ""], [])


def test_a_file_that_is_gone_when_it_is_looked_at(server: OneDriveServer, drive: OneDrive) -> None:
    token = drive.start_token()
    for number in range(3):
        server.drive.add(f"{number}.mp4", server.drive.root.id, content=b"x")
    entry = server.drive.add("gone.mp4", server.drive.root.id, content=b"x")
    if server.drive.kind == "business":  # whose feed says little, so that files are asked for
        server.faults.add("status", match=entry.id, status=404)
        server.faults.add("status", match=entry.id, status=404)
        files, removed, _ = _all(drive, token)
        assert len(files) == 3
        assert removed == [entry.id]
        server.faults.clear()
    files, _, _ = _all(drive, token)
    assert len(files) == 4


def test_one_of_many_requests_that_is_one_too_many(
    server: OneDriveServer, drive: OneDrive, waits: Waits
) -> None:
    token = drive.start_token()
    ids = [
        server.drive.add(f"{number}.mp4", server.drive.root.id, content=b"x").id
        for number in range(30)
    ]
    server.faults.add("status", match=ids[7], status=429, retry_after_s=3, times=2)
    files, removed, _ = _all(drive, token)
    assert (len(files), removed) == (30, [])
    if server.drive.kind == "business":
        assert waits
        assert waits[0] >= 3


def test_a_name_that_becomes_temporary_is_gone(server: OneDriveServer, drive: OneDrive) -> None:
    entry = server.drive.add("clip.mp4", server.drive.root.id, content=b"x")
    token = drive.start_token()
    entry.name = "clip.mp4.part"  # somebody downloads into it
    server.drive.touch(entry)
    files, removed, token = _all(drive, token)
    assert (files, removed) == ([], [entry.id])
    drive.move(entry.id, None, "clip.mp4")
    files, removed, _ = _all(drive, token)
    assert ([file.name for file in files], removed) == (["clip.mp4"], [])


def test_a_token_that_the_service_forgot(server: OneDriveServer, drive: OneDrive) -> None:
    token = drive.start_token()
    entry = server.drive.add("clip.mp4", server.drive.root.id, content=b"x")
    server.drive.forgotten = entry.sequence
    with pytest.raises(TokenExpiredError, match="token"):
        drive.changes(token)
    assert drive.changes(drive.start_token()).files == ()
    server.faults.add("expire", match="delta")
    with pytest.raises(TokenExpiredError):
        drive.changes(drive.start_token())


@pytest.mark.parametrize(
    "token",
    [
        *("", "onedrive:", "onedrive:https://evil.example/delta", "onedrive://evil.example/delta"),
        *("onedrive:/../beta/delta", "onedrive:/drives/x/root/children", "/drives/x/root/delta"),
        *("onedrive:/drives/x/root/delta\r\nX: y", "onedrive:/me/../../delta?token=1"),
    ],
)
def test_hostile_tokens(server: OneDriveServer, drive: OneDrive, token: str) -> None:
    drive.check()
    server.faults.clear()
    with pytest.raises((BadInputError, TokenExpiredError)):
        drive.changes(token)
    assert all("/v1.0/drives/" in line for line in server.faults.log)
    server.violations.clear()


def test_short_and_empty_pages_lose_nothing(server: OneDriveServer, drive: OneDrive) -> None:
    token = drive.start_token()
    for number in range(10):
        server.drive.add(f"{number}.mp4", server.drive.root.id, content=b"x")
    server.faults.add("partial", match="delta", times=4)
    files, _, _ = _all(drive, token, limit=4)
    assert len({file.id for file in files}) == 10


def test_only_the_folder_that_is_watched(
    server: OneDriveServer, drive: OneDrive, state_dir: Path, waits: Waits, tmp_path: Path
) -> None:
    hockey = drive.create_folder("Hockey")
    games = drive.create_folder("Games 100%", hockey.id)
    private = drive.create_folder("Private")
    watched = OneDrive(settings_of(server, folder="hockey/GAMES 100%"), state_dir, sleep=waits)
    token = watched.start_token()
    inside = server.drive.add("in.mp4", games.id, content=b"x")
    outside = server.drive.add("out.mp4", private.id, content=b"x")
    files, _, token = _all(watched, token)
    assert [(file.path, file.parent_id) for file in files] == [("in.mp4", "")]
    assert [file.path for file in watched.list_all(recursive=True)] == ["in.mp4"]
    assert watched.stat(outside.id) is None
    assert watched.find("../Private/out.mp4") is None
    for call in (
        lambda: watched.download(outside.id, tmp_path / "x"),
        lambda: watched.trash(outside.id),
        lambda: watched.move(inside.id, private.id),
        lambda: watched.move(outside.id),
        lambda: list(watched.list_all(private.id)),
        lambda: watched.share(hockey.id, ["coach@example.org"]),
        lambda: watched.trash(games.id),
    ):
        with pytest.raises(BadInputError):
            call()
    drive.move(inside.id, private.id)
    files, removed, token = _all(watched, token)
    assert files == []
    assert inside.id in removed
    drive.move(outside.id, games.id)
    files, removed, _ = _all(watched, token)
    assert [file.path for file in files] == ["out.mp4"]
    assert list(watched.search("out")) == files
    assert watched.create_folder("Sub").path == "Sub"


def test_a_folder_that_is_not_there(
    server: OneDriveServer, drive: OneDrive, state_dir: Path, waits: Waits
) -> None:
    server.drive.add("file", server.drive.root.id, content=b"x")
    for folder in ("Nowhere", "file", "file/below"):
        missing = OneDrive(settings_of(server, folder=folder), state_dir, sleep=waits)
        with pytest.raises(BadInputError, match=folder):
            missing.check()


def test_a_damaged_feed_is_an_outage(
    server: OneDriveServer, drive: OneDrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = drive.start_token()
    monkeypatch.setattr(server.feed, "delta", lambda _: (200, {"value": []}))
    with pytest.raises(TransientError, match="damaged"):
        drive.changes(token)
