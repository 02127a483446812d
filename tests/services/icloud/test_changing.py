"""Changes end as they were meant, or say why not; iCloud's own 200 is not believed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError, ConflictError, PermanentError, TransientError
from tests.fakes.icloud.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive
    from tests.fakes.icloud import ICloudServer

FAULTS = [
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 503, "done": True},
    {"kind": "drop"},
    {"kind": "drop", "done": True},
    {"kind": "truncate"},
    {"kind": "expire"},
    {"kind": "status", "status": 421, "done": True},
]
IDS = ["503", "done-503", "drop", "done-drop", "truncate", "expire", "done-421"]


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
@pytest.mark.parametrize("taken", ["number", "refuse", "allow"])
def test_a_fault_at_any_change_is_overcome(
    drive: ICloudDrive, server: ICloudServer, fault: dict, taken: str
) -> None:
    server.tree.behaviour.taken = taken  # type: ignore[assignment]
    for call in ("createFolders", "moveItems", "renameItems"):
        server.faults.add(**fault, match=call)
    server.faults.add(**fault, match="moveItemsToTrash")
    folder = drive.create_folder("Done")
    item = server.tree.add("clip.mp4", b"x")
    moved = drive.move(item.id, folder.id, "renamed.mp4")
    assert (moved.id, moved.path) == (item.id, "Done/renamed.mp4")
    drive.trash(moved.id)
    assert [file.path for file in drive.list_all(recursive=True)] == ["Done"]
    assert server.tree.trashed() == ["renamed.mp4"]


@pytest.mark.parametrize("call", ["createFolders", "moveItems", "renameItems", "moveItemsToTrash"])
def test_an_outage_of_any_change_is_one(
    drive: ICloudDrive, server: ICloudServer, call: str, waits: list[float]
) -> None:
    folder = drive.create_folder("Done")
    item = server.tree.add("clip.mp4", b"x")
    server.faults.add("status", match=call, times=100)
    work = {
        "createFolders": lambda: drive.create_folder("New"),
        "moveItems": lambda: drive.move(item.id, folder.id),
        "renameItems": lambda: drive.move(item.id, None, "other.mp4"),
        "moveItemsToTrash": lambda: drive.trash(item.id),
    }[call]
    with pytest.raises(TransientError):
        work()
    assert len(waits) == 2  # three tries, not three times three
    assert server.tree.contents() == {"clip.mp4": b"x"}


def test_whoever_changes_a_file_meanwhile_is_not_in_the_way(
    drive: ICloudDrive, server: ICloudServer
) -> None:
    """A rename is meant for the file, whatever is in it; the entity tag is only outdated."""
    item = server.tree.add("clip.mp4", b"x")
    true_each, late = server.drive._each, [True]

    def each(*args: object) -> object:
        if late:
            late.pop()
            server.tree.write(item.id, b"theirs")
        return true_each(*args)  # type: ignore[arg-type]

    server.drive._each = each  # type: ignore[method-assign, assignment]
    assert drive.move(item.id, None, "other.mp4").path == "other.mp4"
    assert server.tree.contents() == {"other.mp4": b"theirs"}
    version = drive.stat(item.id).version
    late.append(True)
    with pytest.raises(ConflictError, match=r"other\.mp4"):
        drive.trash(item.id, version=version)
    assert server.tree.trashed() == []


@pytest.mark.parametrize("status", ["ACCESS_DENIED", "CROSS_ZONE_MOVE_NOT_ALLOWED"])
def test_a_refusal_names_its_reason(
    drive: ICloudDrive, server: ICloudServer, status: str, waits: list[float]
) -> None:
    item = server.tree.add("clip.mp4", b"x")
    folder = drive.create_folder("Done")
    for name in ("rename", "move", "trash"):
        setattr(server.tree, name, lambda *_: status)
    for work in (
        lambda: drive.move(item.id, None, "other.mp4"),
        lambda: drive.move(item.id, folder.id),
        lambda: drive.trash(item.id),
    ):
        with pytest.raises(PermanentError, match=status):
            work()
    assert waits == []


def test_a_folder_in_the_place_of_a_file(drive: ICloudDrive, server: ICloudServer) -> None:
    server.tree.add("Uploads", b"a file")
    with pytest.raises(BadInputError, match="Uploads"):
        drive.create_folder("Uploads")


@pytest.mark.parametrize("taken", ["number", "refuse", "allow"])
def test_names_that_are_taken_on_the_way(
    drive: ICloudDrive, server: ICloudServer, taken: str
) -> None:
    """Moving and naming are two changes; neither folder may have the name in between."""
    server.tree.behaviour.taken = taken  # type: ignore[assignment]
    folder = drive.create_folder("Done")
    item = server.tree.add("a.mp4", b"mine")
    server.tree.add("b.mp4", b"b here")
    server.tree.add("a.mp4", b"a there", parent=folder.id)
    moved = drive.move(item.id, folder.id, "b.mp4", exact=True)
    assert (moved.id, moved.path) == (item.id, "Done/b.mp4")
    assert server.tree.contents() == {
        "b.mp4": b"b here",
        "Done/a.mp4": b"a there",
        "Done/b.mp4": b"mine",
    }
    back = drive.move(item.id, None)
    assert back.path == "b (2).mp4"
    assert drive.move(back.id, None, "b (2).mp4") == back


@pytest.mark.parametrize("taken", ["number", "refuse"])
def test_names_that_differ_in_case_alone(
    drive: ICloudDrive, server: ICloudServer, taken: str, tmp_path: Path
) -> None:
    """Where the service holds them for the same, nothing is lost and nothing goes on for ever."""
    server.tree.behaviour.taken = taken  # type: ignore[assignment]
    server.tree.behaviour.folds_case = True
    folder = drive.create_folder("Games")
    server.tree.add("Clip.mp4", b"first", parent=folder.id)
    (tmp_path / "clip.mp4").write_bytes(b"second")
    assert drive.upload(tmp_path / "clip.mp4", folder.id).name == "clip (2).mp4"
    with pytest.raises(ConflictError, match=r"clip\.mp4"):
        drive.upload(tmp_path / "clip.mp4", folder.id, exact=True)
    item = server.tree.add("clip.mp4", b"third")
    assert drive.move(item.id, folder.id).name == "clip (3).mp4"
    assert drive.move(item.id, folder.id, "CLIP (3).mp4").name == "CLIP (3).mp4"
    contents = server.tree.contents()
    assert {contents.pop(f"Games/{name}") for name in ("Clip.mp4", "clip (2).mp4")} == {
        b"first",
        b"second",
    }
    assert contents == {"Games/CLIP (3).mp4": b"third"}
    assert drive.create_folder("GAMES").id == folder.id
    assert [item.name for item in server.tree.children(ROOT)] == ["Games"]


def test_a_move_that_is_refused_leaves_the_name(drive: ICloudDrive, server: ICloudServer) -> None:
    folder = drive.create_folder("Done")
    item = server.tree.add("clip.mp4", b"x")
    server.tree.move = lambda *_: "CROSS_ZONE_MOVE_NOT_ALLOWED"  # type: ignore[method-assign]
    with pytest.raises(PermanentError, match="CROSS_ZONE"):
        drive.move(item.id, folder.id, "other.mp4")
    assert server.tree.contents() == {"clip.mp4": b"x"}


def test_folders_made_at_once_are_one(drive: ICloudDrive, server: ICloudServer) -> None:
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(drive.create_folder("Uploads").id))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len(set(made)) == len(server.tree.children(ROOT)) == 1
