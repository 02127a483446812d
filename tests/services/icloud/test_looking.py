"""What is in iCloud Drive is seen whole, and what changed is told, whatever goes wrong."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import (
    BadInputError,
    NotSupportedError,
    PermanentError,
    TokenExpiredError,
    TransientError,
)
from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive
from tests.fakes.icloud.tree import ROOT, Item

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig
    from tests.fakes.icloud import ICloudServer

FAULTS = [
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 429, "retry_after_s": 7},
    {"kind": "drop"},
    {"kind": "truncate"},
    {"kind": "partial"},
    {"kind": "expire"},
]
NAMES = ["503", "500", "429", "drop", "truncate", "partial", "expire"]


def _tree(server: ICloudServer) -> None:
    folder = server.tree.add("Uploads", folder=True)
    below = server.tree.add("Finals", parent=folder.id, folder=True)
    for number in range(4):
        server.tree.add(f"{number}.mp4", b"x" * number, parent=folder.id)
        server.tree.add(f"{number}.mov", b"y" * number, parent=below.id)


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
@pytest.mark.parametrize("skip", [0, 2])
def test_a_fault_at_any_call_of_a_listing_is_overcome(
    drive: ICloudDrive, server: ICloudServer, fault: dict, skip: int, waits: list[float]
) -> None:
    _tree(server)
    wanted = list(drive.list_all(recursive=True))
    assert len(wanted) == 10
    server.faults.add(**fault, match="retrieveItem", skip=skip)
    assert list(drive.list_all(recursive=True)) == wanted
    if fault.get("retry_after_s"):
        assert waits[0] >= 7


@pytest.mark.parametrize("kind", ["status", "drop", "partial", "truncate"])
def test_an_outage_is_no_empty_drive(drive: ICloudDrive, server: ICloudServer, kind: str) -> None:
    _tree(server)
    token = drive.start_token()
    server.faults.add(kind, match="retrieveItem", skip=1, times=1000)  # type: ignore[arg-type]
    for call in (
        lambda: list(drive.list_all(recursive=True)),
        lambda: drive.changes(token),
        lambda: drive.stat("FILE::com.apple.CloudDocs::X"),
        lambda: drive.find("Uploads/1.mp4"),
    ):
        with pytest.raises(TransientError):
            call()
    server.faults.clear()
    assert drive.changes(token).removed == ()


def test_a_server_that_asks_for_a_long_wait_is_not_asked_again(
    drive: ICloudDrive, server: ICloudServer, waits: list[float]
) -> None:
    drive.check()
    server.faults.add("status", match="retrieveItem", retry_after_s=3600)
    with pytest.raises(TransientError) as caught:
        drive.check()
    assert (caught.value.retry_after_s, waits) == (3600, [])


@pytest.mark.parametrize(
    "when", ["Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "soon"]
)
def test_dates_to_wait_for_are_understood(when: str) -> None:
    from jarvis_dagster.services.client_storage.icloud.faults import from_status

    error = from_status(503, {"Retry-After": when}, "x")
    assert isinstance(error, TransientError)
    expected = {"W": 0.0, "s": None}.get(when[0], error.retry_after_s)
    assert error.retry_after_s == expected


def test_one_fresh_connection_is_tried_and_no_more(
    drive: ICloudDrive, server: ICloudServer, waits: list[float]
) -> None:
    drive.check()
    server.faults.clear()
    server.faults.add("status", match="retrieveItem", status=421)
    drive.check()
    server.faults.add("status", match="retrieveItem", status=450, times=2)
    with pytest.raises(PermanentError, match="Access iCloud Data on the Web"):
        drive.check()
    assert waits == []
    assert [line for line in server.faults.log if "appleauth" in line] == []


def test_a_session_that_ends_between_two_folders_loses_nothing(
    drive: ICloudDrive, server: ICloudServer
) -> None:
    _tree(server)
    server.faults.add("expire", match="retrieveItem", skip=2)
    assert len(list(drive.list_all(recursive=True))) == 10


def test_three_thousand_files_cost_one_request_a_folder(
    drive: ICloudDrive, server: ICloudServer
) -> None:
    uploads = server.tree.add("Uploads", folder=True)
    for number in range(3000):
        server.tree.add(f"{number}.mp4", b"x", parent=uploads.id)
    token = drive.start_token()
    server.faults.clear()
    assert len(list(drive.list_all(recursive=True))) == 3001
    assert len(server.faults.log) == 2
    some = server.tree.children(uploads.id)[:5]
    for item in some:
        server.tree.write(item.id, b"another")
    server.faults.clear()
    page = drive.changes(token, limit=2)
    seen = {file.id for file in page.files}
    while page.more:
        page = drive.changes(page.token, limit=2)
        seen |= {file.id for file in page.files}
    assert seen == {item.id for item in some}
    assert len(server.faults.log) <= 4


def test_a_file_that_moves_while_folders_are_read_is_not_gone(
    drive: ICloudDrive, server: ICloudServer
) -> None:
    first = server.tree.add("A", folder=True)
    second = server.tree.add("B", folder=True)
    file = server.tree.add("clip.mp4", b"x", parent=first.id)
    token = drive.start_token()
    true_listing, read = server.drive._listing, []

    def moving(folder: dict, wanted: str, *, partial: bool) -> dict:
        answer = true_listing(folder, wanted, partial=partial)
        if wanted in (first.id, second.id) and not read:
            read.append(wanted)
            other = second.id if file.parent == first.id else first.id
            if wanted != file.parent:  # the folder that was read first is where it goes
                other = wanted
                server.tree.move(file, other)
        return answer

    server.drive._listing = moving
    page = drive.changes(token)
    assert page.removed == ()
    assert file.id in {f.id for f in drive.list_all(recursive=True)}


def test_removals_and_renames_are_told(drive: ICloudDrive, server: ICloudServer) -> None:
    _tree(server)
    token = drive.start_token()
    by_name = {item.name: item for item in server.tree.items.values()}
    server.tree.trash(by_name["1.mp4"])
    server.tree.delete(by_name["2.mp4"])
    server.tree.rename(by_name["3.mp4"], "three.mp4")
    server.tree.rename(by_name["Finals"], "Semi-finals")
    page = drive.changes(token)
    assert set(page.removed) == {by_name["1.mp4"].id, by_name["2.mp4"].id}
    names = {file.path for file in page.files if not file.is_folder}
    assert "Uploads/three.mp4" in names
    assert "Uploads/Semi-finals/0.mov" in names
    server.tree.restore(by_name["1.mp4"])
    assert [file.path for file in drive.changes(page.token).files] == ["1.mp4"]


def test_a_new_name_is_no_new_version(drive: ICloudDrive, server: ICloudServer) -> None:
    item = server.tree.add("a.mp4", b"one")
    before = drive.find("a.mp4")
    server.tree.rename(item, "b.mp4")
    after = drive.find("b.mp4")
    assert (after.id, after.version) == (before.id, before.version)
    item.modified = before.modified
    item.content = b"two"
    server.tree._touch(item, content=True)
    assert drive.find("b.mp4").version != before.version
    server.tree.behaviour.etags = "single"
    before = drive.find("b.mp4")
    server.tree._touch(item)
    assert drive.find("b.mp4").version != before.version


def test_what_was_known_is_lost_with_the_state(
    again: Callable[[], ICloudDrive], state_dir: Path
) -> None:
    token = again().start_token()
    (state_dir / "journal.sqlite").unlink()
    with pytest.raises(TokenExpiredError):
        again().changes(token)


def test_another_process_finds_a_file_by_its_id(
    drive: ICloudDrive, server: ICloudServer, again: Callable[[], ICloudDrive]
) -> None:
    _tree(server)
    drive.start_token()
    item = next(item for item in server.tree.items.values() if item.name == "1.mov")
    other = again()
    assert other.stat(item.id).path == "Uploads/Finals/1.mov"
    server.tree.move(item, ROOT)  # it is not where it was seen last
    assert other.stat(item.id).path == "1.mov"
    assert again().stat(item.id).path == "1.mov"
    server.tree.trash(item)
    assert other.stat(item.id) is None


def test_a_root_hides_everything_else(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path, signed_in: None
) -> None:
    outside = server.tree.add("private.txt", b"x")
    config = config.model_copy(update={"root": "Hockey/Games"})
    drive = ICloudDrive(config, state_dir)
    drive.check()
    folder = drive.create_folder("Uploads")
    assert (folder.path, folder.parent_id) == ("Uploads", "")
    assert [file.path for file in drive.list_all(recursive=True)] == ["Uploads"]
    assert drive.stat(outside.id) is None
    for call in (drive.trash, drive.move, drive.sha256):
        with pytest.raises(BadInputError):
            call(outside.id)
    with pytest.raises(BadInputError):
        drive.trash(ROOT)
    hockey = next(i for i in server.tree.children(ROOT) if i.is_folder)
    server.tree.rename(hockey, "Football")
    assert list(drive.list_all()) == []  # a new one was made
    server.tree.trash(next(i for i in server.tree.children(ROOT) if i.name == "Hockey"))
    server.tree.add("Hockey", b"a file")
    with pytest.raises(BadInputError, match="Hockey"):
        drive.check()


def test_shared_folders_and_those_of_apps_are_read(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path
) -> None:
    share = {"zoneID": {"zoneName": "com.apple.CloudDocs", "ownerRecordName": "_owner"}}
    owner = {"ownerRecordName": "_owner"}
    shared = Item("S", "Shared", ROOT, kind="FOLDER_IN_SHARED_FOLDER")
    shared.extra = {"shareID": share, "owner": owner}
    app = Item("documents", "Pages", ROOT, "com.apple.Pages", "APP_LIBRARY")
    server.tree.items |= {shared.id: shared, app.id: app}
    file = Item("F", "game.mp4", shared.id, kind="FILE_IN_SHARED_FOLDER", content=b"game")
    file.extra = {"owner": owner}
    server.tree.items[file.id] = file
    server.tree.add("notes.txt", b"notes", parent=app.id)
    paths = {found.path: found for found in drive.list_all(recursive=True)}
    assert set(paths) == {"Shared", "Shared/game.mp4", "Pages", "Pages/notes.txt"}
    for path, content in (("Shared/game.mp4", b"game"), ("Pages/notes.txt", b"notes")):
        drive.download(paths[path].id, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == content


def test_packages_say_what_they_are(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path
) -> None:
    item = server.tree.add("season.numbers", b"PK...")
    item.is_package = True
    with pytest.raises(NotSupportedError, match="folder that Apple shows as one file"):
        drive.download(item.id, tmp_path / "back")
    assert list(tmp_path.glob("back*")) == []


def test_names_of_others_are_made_safe(drive: ICloudDrive, server: ICloudServer) -> None:
    for name in ("a/b.txt", "..", "nul\0.txt", "\ud800.txt", "U\u0308.txt", "no extension."):
        server.tree.add(name, b"x")
    paths = {file.path for file in drive.list_all()}
    assert paths == {"a_b.txt", "_..", "nul_.txt", "?.txt", "\u00dc.txt", "no extension."}
    assert drive.find("U\u0308.txt") == drive.find("\u00dc.txt") is not None


def test_of_two_files_of_one_name_the_older_is_found(
    drive: ICloudDrive, server: ICloudServer
) -> None:
    newer, older = server.tree.add("a.mp4", b"newer"), server.tree.add("a.mp4", b"older")
    older.created -= datetime.timedelta(hours=1)
    assert drive.find("a.mp4").id == older.id
    assert {file.id for file in drive.list_all()} == {newer.id, older.id}


def test_temporary_files_are_left_out(drive: ICloudDrive, server: ICloudServer) -> None:
    for name in (".DS_Store", "~$doc.docx", "film.mp4.part", "Thumbs.db"):
        server.tree.add(name, b"x")
    hidden = server.tree.add(".hidden", folder=True)
    server.tree.add("inside.mp4", b"x", parent=hidden.id)
    assert list(drive.list_all(recursive=True)) == []


def test_times_are_in_utc(drive: ICloudDrive, server: ICloudServer) -> None:
    item = server.tree.add("a.mp4", b"x")
    when = datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)
    item.modified = when
    assert drive.find("a.mp4").modified == when
    item.extra = {"dateModified": None, "dateChanged": "2026-03-04T01:36:07-03:30"}
    assert drive.find("a.mp4").modified == when
    item.extra = {"dateModified": "noon", "dateChanged": 7, "dateCreated": "2026-03-04T05:06:07"}
    assert drive.find("a.mp4").modified == when


def test_a_folder_that_goes_while_it_is_read_is_gone(
    drive: ICloudDrive, server: ICloudServer
) -> None:
    _tree(server)
    true_folder = server.drive._folder
    finals = next(item for item in server.tree.items.values() if item.name == "Finals")

    def going(entry: dict, *, partial: bool) -> dict:
        if entry["drivewsid"] == finals.id:
            server.tree.delete(finals)
        return true_folder(entry, partial=partial)

    server.drive._folder = going
    assert "Uploads/3.mp4" in {file.path for file in drive.list_all(recursive=True)}
    with pytest.raises(BadInputError):
        list(drive.list_all(finals.id))


@pytest.mark.parametrize(
    "answer", [[], {}, [None], ["x"], [{"items": [{}]}], [{"items": None}], [{"items": [7]}]]
)
def test_answers_that_make_no_sense_are_an_outage(
    drive: ICloudDrive, server: ICloudServer, answer: object
) -> None:
    drive.check()
    server.drive.call = lambda *_, **__: answer  # type: ignore[method-assign]
    with pytest.raises(TransientError):
        drive.check()


def test_page_tokens_are_checked(drive: ICloudDrive) -> None:
    for token in ("x", "", "bnVsbA==", "Nw=="):
        with pytest.raises(BadInputError, match="token"):
            drive.list(page_token=token)


def test_the_storage_of_the_account_is_asked_anew(drive: ICloudDrive, server: ICloudServer) -> None:
    server.tree.add("a.mp4", b"x" * 1000)
    quota = drive.quota()
    assert (quota.used, quota.total) == (1000, server.tree.total_bytes)
    server.tree.add("b.mp4", b"x")
    assert drive.quota().used == 1001
