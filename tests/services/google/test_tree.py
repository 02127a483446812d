"""Names, folders, listings and the root of a Google Drive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import (
    BadInputError,
    TokenExpiredError,
)
from tests.services.google.helpers import everything_since, paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer


def test_two_files_of_one_name_are_both_there(server: GoogleServer, drive: GoogleDrive) -> None:
    first = server.world.add_file("clip.mp4", b"1")
    second = server.world.add_file("clip.mp4", b"2")
    found = list(drive.list_all())
    assert {file.id for file in found} == {first, second}
    assert {file.path for file in found} == {"clip.mp4"}
    assert drive.find("clip.mp4") == drive.stat(first)


def test_folders_of_one_name_are_all_looked_into(server: GoogleServer, drive: GoogleDrive) -> None:
    server.world.add_folder("A")
    second = server.world.add_folder("A")
    key = server.world.add_file("clip.mp4", parent=second)
    found = drive.find("A/clip.mp4")
    assert found is not None
    assert (found.id, found.parent_id) == (key, second)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a/b.mp4", "a\uff0fb.mp4"),
        ("..", "\uff0e\uff0e"),
        ("U\u0308bung.mp4", "\u00dcbung.mp4"),
        ("it's \\ here.mp4", "it's \\ here.mp4"),
        ("100%.mp4", "100%.mp4"),
    ],
)
def test_names_that_other_people_gave(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path, name: str, shown: str
) -> None:
    key = server.world.add_file(name, b"x")
    (file,) = drive.list_all()
    assert (file.path, file.id) == (shown, key)
    assert drive.find(shown) == file
    folder = server.world.add_folder("Done")
    assert drive.move(key, folder).path == f"Done/{shown}"
    assert server.world.files[key].name == name


def test_a_name_that_differs_in_case_is_another(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path
) -> None:
    server.world.add_file("CLIP.mp4", b"1")
    (tmp_path / "clip.mp4").write_bytes(b"2")
    assert drive.find("clip.mp4") is None
    assert drive.upload(tmp_path / "clip.mp4", exact=True).name == "clip.mp4"


def test_hidden_files_and_what_is_in_hidden_folders(
    server: GoogleServer, drive: GoogleDrive
) -> None:
    token = drive.start_token()
    hidden = server.world.add_folder(".jarvis")
    server.world.add_file("state.json", parent=hidden)
    server.world.add_file("clip.mp4.part")
    key = server.world.add_file("clip.mp4")
    assert paths(drive) == ["clip.mp4"]
    files, _, token = everything_since(drive, token)
    assert set(files) == {key}
    server.world.edit(key, name="~$clip.mp4")
    files, removed, _ = everything_since(drive, token)
    assert (files, removed) == ({}, {key})


def test_short_and_empty_pages(server: GoogleServer, drive: GoogleDrive) -> None:
    for number in range(5):
        server.world.add_file(f".hidden {number}")
        server.world.add_file(f"{number}.mp4")
    server.files.page_size = 1
    assert len(paths(drive)) == 5
    seen, token, pages = [], None, 0
    while pages == 0 or token is not None:
        page = drive.list(page_token=token, page_size=3)
        seen += [file.path for file in page.files]
        token, pages = page.next_token, pages + 1
    assert (len(set(seen)), len(seen), pages) == (5, 5, 10)


def test_many_folders_take_few_requests(server: GoogleServer, drive: GoogleDrive) -> None:
    for number in range(100):
        folder = server.world.add_folder(f"{number:03}")
        server.world.add_file("clip.mp4", parent=server.world.add_folder("x", folder))
    drive.check()
    server.faults.clear()
    assert len(paths(drive)) == 300
    assert len(server.faults.log) < 30
    assert max(map(len, server.faults.log)) < 2000
    token, count = None, 0
    for _ in range(1000):
        page = drive.list(recursive=True, page_token=token, page_size=50)
        count += len(page.files)
        token = page.next_token
        if token is None:
            break
    assert count == 300


def test_a_listing_survives_forgotten_pages(server: GoogleServer, drive: GoogleDrive) -> None:
    for number in range(40):
        server.world.add_file(f"{number}.mp4", parent=server.world.add_folder(f"{number}"))
    server.files.page_size = 8
    server.faults.add("expire", match="pageToken=", skip=3, times=2)
    found = paths(drive)
    assert len(found) == len(set(found)) == 80
    page = drive.list(page_size=2)
    assert page.next_token is not None
    server.files.forget_pages()
    with pytest.raises(TokenExpiredError, match="start"):
        drive.list(page_token=page.next_token, page_size=2)
    with pytest.raises(BadInputError, match="damaged"):
        drive.list(page_token="nonsense")


def test_folders_that_go_away_while_they_are_listed(
    server: GoogleServer, drive: GoogleDrive
) -> None:
    folders = [server.world.add_folder(name) for name in "ABC"]
    for folder in folders:
        server.world.add_file("clip.mp4", parent=folder)
    listing = drive.list_all(recursive=True)
    seen = [next(listing).path]
    server.world.remove(folders[1])
    seen += [file.path for file in listing]
    assert sorted(seen) == ["A", "A/clip.mp4", "B", "C", "C/clip.mp4"]
    listing = drive.list_all(recursive=True)
    next(listing)
    for folder in (folders[0], folders[2]):
        server.world.remove(folder)
    assert [file.path for file in listing if "/" in file.path] == []


def test_a_root_in_the_trash_is_not_an_empty_drive(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive]
) -> None:
    team = server.world.add_folder("Team")
    server.world.add_file("clip.mp4", parent=team)
    drive = open_drive(root_folder_id=team)
    token = drive.start_token()
    server.world.edit(team, trashed=True)
    for call in (lambda: list(drive.list_all()), drive.check, lambda: drive.changes(token)):
        with pytest.raises(BadInputError):
            call()
    server.world.edit(team, trashed=False)
    assert paths(drive) == ["clip.mp4"]
    assert drive.changes(token).files == ()


def test_nothing_outside_of_the_root_can_be_named(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive], tmp_path: Path
) -> None:
    team = server.world.add_folder("Team")
    outside = server.world.add_file("secret.txt", b"secret")
    folder = server.world.add_folder("Other")
    drive = open_drive(root_folder_id=team)
    (tmp_path / "x").write_bytes(b"x")
    mine = drive.upload(tmp_path / "x")
    assert drive.stat(outside) is None
    assert drive.find("../secret.txt") is None
    assert list(drive.search("secret")) == []
    for key in (outside, server.world.root, "root", team):
        assert drive.stat(key) is None
        for call in (
            lambda key=key: drive.download(key, tmp_path / "stolen"),
            lambda key=key: drive.trash(key),
            lambda key=key: drive.move(key),
            lambda key=key: drive.share(key, ["a@example.org"]),
            lambda key=key: drive.permissions(key),
        ):
            with pytest.raises(BadInputError):
                call()
    for call in (
        lambda: drive.upload(tmp_path / "x", folder),
        lambda: drive.move(mine.id, folder),
        lambda: drive.create_folder("x", server.world.root),
        lambda: list(drive.list_all(folder)),
    ):
        with pytest.raises(BadInputError):
            call()


def test_a_folder_of_a_shared_drive_needs_no_drive_id(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive]
) -> None:
    folder = server.world.add_folder("Team", server.world.add_drive("Club"))
    server.world.add_file("clip.mp4", parent=folder)
    drive = open_drive(root_folder_id=folder)
    assert paths(drive) == ["clip.mp4"]
    assert drive.quota().total is None


def test_search_is_google_s_own(server: GoogleServer, drive: GoogleDrive) -> None:
    folder = server.world.add_folder("semi final")
    first = server.world.add_file("notes.txt", b"The semi final was lost", folder)
    server.world.add_file("semi.mp4")
    server.world.add_file("semi final.part")
    assert [file.id for file in drive.search("semi final")] == [first]
    assert len(drive.search("semi", limit=1)) == 1
    assert list(drive.search('"')) == []


def test_an_app_that_sees_its_own_files_only(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive], tmp_path: Path
) -> None:
    server.world.hides_root = True
    drive = open_drive(access="app_files")
    (tmp_path / "x.txt").write_bytes(b"x")
    drive.check()
    token = drive.start_token()
    folder = drive.create_folder("Results")
    file = drive.upload(tmp_path / "x.txt", folder.id)
    assert (file.path, folder.parent_id) == ("Results/x.txt", "")
    assert drive.find("Results/x.txt") == drive.stat(file.id) == file
    assert drive.move(file.id).path == "x.txt"
    assert paths(drive) == ["Results", "x.txt"]
    assert set(everything_since(drive, token)[0]) == {folder.id, file.id}
    drive.share(file.id, ["coach@example.org"])
    assert len(drive.permissions(file.id)) == 2
    with pytest.raises(BadInputError, match="My Drive"):
        open_drive().check()
