"""Changes and shortcuts of a Google Drive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    NotSupportedError,
    TokenExpiredError,
)
from tests.services.google.helpers import everything_since, paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer


def test_shortcuts_are_shown_as_what_they_point_to(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive], tmp_path: Path
) -> None:
    world = server.world
    team = world.add_folder("Team")
    target = world.add_file("clip.mp4", b"far away", mime_type="video/mp4")
    link = world.add_shortcut("link.mp4", target, team)
    world.add_shortcut("broken.mp4", "no-such-id", team)
    drive = open_drive(root_folder_id=team)
    (file,) = drive.list_all()
    assert (file.id, file.path, file.size, file.media_type) == (link, "link.mp4", 8, "video/mp4")
    assert (
        drive.stat(link) == drive.find("link.mp4") == drive.download(link, tmp_path / "x") == file
    )
    assert (tmp_path / "x").read_bytes() == b"far away"
    token = drive.start_token()
    world.change(target, b"newer")
    files, _, token = everything_since(drive, token)
    assert [(f.path, f.size) for f in files.values()] == [("link.mp4", 5)]
    (tmp_path / "x").write_bytes(b"mine")
    with pytest.raises(ConflictError):
        drive.upload(tmp_path / "x", name="link.mp4", replace=drive.stat(link), exact=True)
    with pytest.raises(NotSupportedError, match="outside"):
        drive.share(link, ["a@example.org"])
    assert world.files[target].content == b"newer"
    world.remove(target)
    files, removed, token = everything_since(drive, token)
    assert (files, removed) == ({}, {target, link})
    drive.trash(link)
    assert world.files[link].trashed


def test_a_shortcut_to_a_folder_is_walked_once(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive], tmp_path: Path
) -> None:
    world = server.world
    team, far = world.add_folder("Team"), world.add_folder("Far")
    inner = world.add_folder("Inner", far)
    key = world.add_file("clip.mp4", parent=inner)
    first = world.add_shortcut("link", far, team)
    world.add_shortcut("second link", far, team)
    world.add_shortcut("back", far, inner)  # a circle
    world.add_shortcut("up", team, inner)  # another one
    drive = open_drive(root_folder_id=team)
    inside = ["link/Inner", "link/Inner/back", "link/Inner/clip.mp4", "link/Inner/up"]
    assert paths(drive) == ["link", *inside, "second link"]
    file = drive.stat(key)
    assert file is not None
    assert file.path == "link/Inner/clip.mp4"
    assert drive.find("link/Inner/clip.mp4") == drive.find("second link/Inner/clip.mp4") == file
    assert {f.parent_id for f in drive.list_all(first)} == {first}
    token = drive.start_token()
    world.change(key, b"new")
    assert [f.path for f in everything_since(drive, token)[0].values()] == [file.path]
    (tmp_path / "up.txt").write_bytes(b"up")
    assert drive.upload(tmp_path / "up.txt", first).path == "link/up.txt"


def test_shortcuts_inside_of_the_root_do_not_repeat_a_folder(
    server: GoogleServer, drive: GoogleDrive
) -> None:
    world = server.world
    folder = world.add_folder("A")
    world.add_file("clip.mp4", parent=folder)
    world.add_shortcut("self", folder, folder)
    world.add_shortcut("root", world.root, folder)
    assert paths(drive) == ["A", "A/clip.mp4", "A/root", "A/self"]


def test_three_thousand_changes(server: GoogleServer, drive: GoogleDrive) -> None:
    token = drive.start_token()
    folder = server.world.add_folder("Uploads")
    wanted = {server.world.add_file(f"{n}.mp4", b"x", folder) for n in range(3000)}
    server.faults.clear()
    files, removed, after = everything_since(drive, token)
    assert (set(files), removed) == (wanted | {folder}, set())
    assert len(server.faults.log) < 60
    assert drive.changes(after).files == ()


def test_changes_of_where_things_are(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive]
) -> None:
    world = server.world
    team = world.add_folder("Team")
    folder = world.add_folder("A", team)
    key = world.add_file("clip.mp4", parent=folder)
    drive = open_drive(root_folder_id=team)
    token = drive.start_token()

    def now() -> tuple[list[str], set[str]]:
        nonlocal token
        files, removed, token = everything_since(drive, token)
        return sorted(file.path for file in files.values()), removed

    world.edit(folder, name="B")
    assert now() == (["B"], set())
    assert drive.stat(key).path == "B/clip.mp4"  # type: ignore[union-attr]
    world.edit(key, parent=world.root)
    assert now() == ([], {key})
    world.edit(key, parent=team)
    assert now() == (["clip.mp4"], set())
    world.edit(folder, parent=world.root)
    assert now() == ([], {folder})
    world.edit(folder, parent=team, trashed=True)
    assert now() == ([], {folder})
    world.edit(folder, trashed=False)
    assert now() == (["B"], set())
    world.remove(folder)
    assert now() == ([], {folder})
    world.add_file("beside.mp4")
    assert now()[0] == []


def test_change_tokens_that_google_does_not_know(
    server: GoogleServer, drive: GoogleDrive, waits: list[float]
) -> None:
    token = drive.start_token()
    server.faults.add("expire", match="/changes?")
    with pytest.raises(TokenExpiredError, match="everything"):
        drive.changes(token)
    for bad in ("", "-1", "999999999", "\u00fc & pageSize=3"):
        with pytest.raises((TokenExpiredError, BadInputError), match="token"):
            drive.changes(bad)
    assert waits == []


def test_changes_of_another_drive_are_not_told(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive]
) -> None:
    club, other = server.world.add_drive("Club"), server.world.add_drive("Other")
    drive = open_drive(drive_id=club)
    token = drive.start_token()
    server.world.add_file("other.mp4", parent=other)
    server.world.add_file("mine.mp4")
    key = server.world.add_file("club.mp4", parent=club)
    files, removed, _ = everything_since(drive, token)
    assert (set(files), removed) == ({key}, set())
