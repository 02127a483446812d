"""Uploads end whole or not at all, whatever stops them."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.client_storage.icloud import changing
from tests.fakes.icloud.tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig
    from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive
    from tests.fakes.icloud import ICloudServer

CALLS = [
    "retrieveItemDetailsInFolders",
    "upload/web",
    "content/upload",
    "update/documents",
    "download/by_id",
    "content/download",
    "renameItems",
    "moveItemsToTrash",
]
OLD, NEW = b"old" * 1000, b"newer" * 1000


class Crash(BaseException):
    """As when the power fails: nothing is cleaned up."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source" / "clip.mp4"
    path.parent.mkdir()
    path.write_bytes(NEW)
    return path


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503, "retry_after_s": 7},
        {"kind": "status", "status": 500, "done": True},
        {"kind": "drop"},
        {"kind": "drop", "done": True},
        {"kind": "truncate"},
        {"kind": "expire"},
    ],
    ids=["busy", "done-500", "drop", "done-drop", "truncate", "expire"],
)
def test_a_fault_at_any_call_of_a_replacement_changes_nothing(
    drive: ICloudDrive, server: ICloudServer, source: Path, call: str, fault: dict
) -> None:
    server.tree.add("clip.mp4", OLD)
    file = drive.find("clip.mp4")
    server.faults.clear()
    server.faults.add(**fault, match=call)
    new = drive.upload(source, replace=file)
    assert any(call in line for line in server.faults.log)
    assert new == drive.find("clip.mp4")
    assert server.tree.contents() == {"clip.mp4": NEW}
    assert "clip.mp4" in server.tree.trashed()


def test_a_session_that_ends_after_the_work_was_done_does_not_do_it_twice(
    drive: ICloudDrive, server: ICloudServer, source: Path
) -> None:
    server.tree.add("clip.mp4", OLD)
    file = drive.find("clip.mp4")
    server.faults.add("status", status=421, done=True, match="moveItemsToTrash")
    drive.upload(source, replace=file, exact=True)
    server.faults.add("status", status=421, done=True, match="update/documents")
    drive.upload(source, name="second.mp4", exact=True)
    assert server.tree.contents() == {"clip.mp4": NEW, "second.mp4": NEW}
    assert server.tree.trashed() == ["clip.mp4"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [400, 403, 507])
def test_a_refusal_is_tried_once_and_leaves_the_old_file(
    drive: ICloudDrive,
    server: ICloudServer,
    source: Path,
    call: str,
    status: int,
    waits: list[float],
) -> None:
    server.tree.add("clip.mp4", OLD)
    file = drive.find("clip.mp4")
    server.faults.clear()
    server.faults.add("status", status=status, match=call, skip=0)
    with pytest.raises(PermanentError, match="full" if status == 507 else "refused"):
        drive.upload(source, replace=file)
    assert waits == []
    assert server.tree.contents()["clip.mp4"] == OLD
    assert [f.name for f in drive.list_all()] == ["clip.mp4"]


def test_an_outage_between_naming_and_throwing_away_is_undone(
    drive: ICloudDrive, server: ICloudServer, source: Path
) -> None:
    server.tree.add("clip.mp4", OLD)
    file = drive.find("clip.mp4")
    server.faults.add("status", match="moveItemsToTrash", times=1000)
    with pytest.raises(TransientError):
        drive.upload(source, replace=file)
    assert server.tree.contents() == {"clip.mp4": OLD, "clip (2).mp4": NEW}
    server.faults.clear()
    assert [f.name for f in drive.list_all()] == ["clip.mp4"]
    assert server.tree.contents() == {"clip.mp4": OLD}


@pytest.mark.parametrize("taken", ["number", "refuse", "allow"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_change_leaves_a_file_and_the_next_call_tidies_up(
    server: ICloudServer,
    again: Callable[[], ICloudDrive],
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    taken: str,
    when: str,
) -> None:
    server.tree.behaviour.taken = taken  # type: ignore[assignment]
    true_act = changing.Changer._act
    for stop_at in range(1, 10):
        for item in server.tree.children(ROOT):
            server.tree.delete(item)
        server.tree.add("clip.mp4", OLD)
        drive, calls = again(), 0
        file = drive.find("clip.mp4")

        def act(self: changing.Changer, what: str, work: Callable, last: int = stop_at) -> str:
            nonlocal calls
            calls += 1
            if calls == last and when == "before":
                raise Crash
            answer = true_act(self, what, work)
            if calls == last:
                raise Crash
            return answer

        monkeypatch.setattr(changing.Changer, "_act", act)
        try:
            drive.upload(source, replace=file)
        except Crash:
            assert {OLD, NEW} & set(server.tree.contents().values())
            shown = [n for n in server.tree.contents() if not n.startswith("~$")]
            assert shown, "somebody who looks now sees nothing"
        monkeypatch.undo()
        if calls < stop_at:
            break
        after = again()  # another process
        (left,) = after.list_all()
        assert left.name == "clip.mp4"
        assert server.tree.contents()["clip.mp4"] in (OLD, NEW)
        after.upload(source, replace=file)
        assert server.tree.contents() == {"clip.mp4": NEW}
    else:
        pytest.fail("the upload never ended")
    assert stop_at == 4


def test_notes_of_other_processes_that_are_busy_are_left_alone(
    drive: ICloudDrive, server: ICloudServer, state_dir: Path
) -> None:
    import os

    from jarvis_dagster.services.client_storage.icloud.unfinished import _process

    new = server.tree.add("~$jarvis-0.mp4", NEW)
    note = state_dir / "unfinished" / "0.json"
    note.parent.mkdir()
    busy = _process(os.getppid())
    note.write_text(json.dumps({"by": busy | {"started": 7}, "new": "FILE::a::b"}))
    assert list(drive.list_all()) == []  # another process has that number now
    assert not note.exists()
    note.write_text(json.dumps({"by": busy | {"host": "elsewhere"}, "new": new.id}))
    assert list(drive.list_all()) == []
    note.write_text(json.dumps({"by": busy, "new": new.id}))
    (state_dir / "unfinished" / "1.json").write_text("{damaged")
    assert list(drive.list_all()) == []
    assert server.tree.trashed() == []
    assert [path.name for path in note.parent.iterdir()] == ["0.json"]
    os.utime(note, (1, 1))
    assert list(drive.list_all()) == []
    assert server.tree.trashed() == ["~$jarvis-0.mp4"]


def test_what_arrives_damaged_is_not_taken(
    drive: ICloudDrive, server: ICloudServer, source: Path
) -> None:
    server.faults.add("corrupt", match="content/download", times=2)
    with pytest.raises(TransientError, match="damaged"):
        drive.upload(source)
    assert server.tree.contents() == {}
    server.faults.add("corrupt", match="content/download", times=1)
    assert drive.upload(source).name == "clip.mp4"  # only the checking went wrong


def test_uploads_can_be_trusted_by_size(
    server: ICloudServer, source: Path, config: ICloudDriveConfig, state_dir: Path, signed_in: None
) -> None:
    from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive

    drive = ICloudDrive(config.model_copy(update={"verify_uploads": "size"}), state_dir)
    file = drive.upload(source)
    assert not any("download" in line for line in server.faults.log)
    assert drive.sha256(file.id) == hashlib.sha256(NEW).hexdigest()


def test_a_folder_that_is_gone_takes_nothing(
    drive: ICloudDrive, server: ICloudServer, source: Path
) -> None:
    folder = drive.create_folder("Uploads")
    true_send = drive._transfer.send

    def late(*args: object) -> object:
        server.tree.trash(server.tree.items[folder.id])
        return true_send(*args)

    drive._transfer.send = late
    with pytest.raises(BadInputError, match="Uploads is not in iCloud Drive any more"):
        drive.upload(source, folder.id)


def test_whoever_changes_the_old_file_meanwhile_keeps_it(
    drive: ICloudDrive, server: ICloudServer, source: Path
) -> None:
    item = server.tree.add("clip.mp4", OLD)
    file = drive.find("clip.mp4")
    true_trash = drive._changer.trash

    def late(*args: object, **kwargs: object) -> None:
        server.tree.write(item.id, b"theirs")
        drive._changer.trash = true_trash
        true_trash(*args, **kwargs)

    drive._changer.trash = late
    assert drive.upload(source, replace=file).name == "clip (2).mp4"
    assert server.tree.contents() == {"clip.mp4": b"theirs", "clip (2).mp4": NEW}
    file = drive.find("clip.mp4")
    drive._changer.trash = late
    source.write_bytes(b"version 3")
    with pytest.raises(ConflictError, match=r"clip\.mp4"):
        drive.upload(source, replace=file, exact=True)
    assert server.tree.contents() == {"clip.mp4": b"theirs", "clip (2).mp4": NEW}


def test_an_old_file_that_goes_meanwhile_is_a_conflict_and_nothing_is_put(
    drive: ICloudDrive, server: ICloudServer, source: Path
) -> None:
    item = server.tree.add("clip.mp4", OLD)
    file = drive.find("clip.mp4")
    true_trash = drive._changer.trash

    def late(*args: object, **kwargs: object) -> None:
        server.tree.trash(item)
        drive._changer.trash = true_trash
        true_trash(*args, **kwargs)

    drive._changer.trash = late
    with pytest.raises(ConflictError, match=r"clip\.mp4"):
        drive.upload(source, replace=file, exact=True)
    assert server.tree.contents() == {}


@pytest.mark.parametrize("taken", ["number", "refuse", "allow"])
def test_a_name_that_somebody_takes_meanwhile_is_theirs(
    drive: ICloudDrive, server: ICloudServer, source: Path, taken: str
) -> None:
    server.tree.behaviour.taken = taken  # type: ignore[assignment]
    true_rename = server.tree.rename

    theirs: list[object] = []

    def late(item: object, name: str) -> str:
        if not theirs:
            theirs.append(server.tree.add("clip.mp4", b"theirs"))
        return true_rename(item, name)  # type: ignore[arg-type]

    server.tree.rename = late  # type: ignore[method-assign, assignment]
    assert drive.upload(source).name == "clip (2).mp4"
    assert server.tree.contents() == {"clip.mp4": b"theirs", "clip (2).mp4": NEW}


@pytest.mark.parametrize("taken", ["number", "refuse", "allow"])
def test_machines_that_upload_one_name_at_once_keep_all(
    again: Callable[[], ICloudDrive], server: ICloudServer, tmp_path: Path, taken: str
) -> None:
    server.tree.behaviour.taken = taken  # type: ignore[assignment]
    drives = [again() for _ in range(3)]

    def upload(number: int) -> None:
        path = tmp_path / f"in-{number}"
        path.write_bytes(str(number).encode() * 1000)
        drives[number % 3].upload(path, name="same.mp4")

    threads = [threading.Thread(target=upload, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(server.tree.contents().values())) == 6
    assert not [name for name in server.tree.contents() if name.startswith("~$")]


def test_killed_uploads_are_thrown_away_after_a_day(
    drive: ICloudDrive, server: ICloudServer, source: Path
) -> None:
    import datetime

    old = server.tree.add("~$jarvis-00.mp4", b"half")
    server.tree.add("~$jarvis-01.mp4", b"half")
    old.created -= datetime.timedelta(days=2)
    undated = server.tree.add("~$jarvis-02.mp4", b"half")
    undated.extra = {"dateCreated": None, "dateModified": "2001-02-03T04:05:06Z"}
    drive.upload(source)
    assert server.tree.trashed() == ["~$jarvis-00.mp4"]


def test_the_machine_and_its_paths_are_not_told(
    drive: ICloudDrive, server: ICloudServer, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    true_begin = server.documents.begin
    monkeypatch.setattr(
        server.documents,
        "begin",
        lambda zone, body: seen.append(body["filename"]) or true_begin(zone, body),
    )
    drive.upload(source)
    (name,) = seen
    assert name.startswith("~$jarvis-")
    assert name.endswith(".mp4")


def test_a_file_that_grows_or_shrinks_meanwhile_is_not_taken(
    drive: ICloudDrive, server: ICloudServer, source: Path
) -> None:
    true_begin = server.documents.begin
    for content in (NEW + b"more", NEW[:-1]):
        source.write_bytes(NEW)

        def late(zone: str, body: dict, content: bytes = content) -> object:
            source.write_bytes(content)
            server.documents.begin = true_begin  # type: ignore[method-assign]
            return true_begin(zone, body)

        server.documents.begin = late  # type: ignore[method-assign, assignment]
        with pytest.raises(BadInputError, match="changed while it was sent"):
            drive.upload(source)
        assert list(drive.list_all()) == []
    server.refused.clear()  # a form that ends too soon is none


def test_a_file_that_is_removed_meanwhile_is_named(
    drive: ICloudDrive, server: ICloudServer, source: Path
) -> None:
    true_begin = server.documents.begin

    def late(zone: str, body: dict) -> object:
        source.unlink(missing_ok=True)
        return true_begin(zone, body)

    server.documents.begin = late  # type: ignore[method-assign, assignment]
    server.faults.add("status", match="content/upload")
    with pytest.raises(BadInputError, match=r"clip\.mp4 changed while it was sent"):
        drive.upload(source)
    assert list(drive.list_all()) == []


def test_a_service_that_is_slow_to_list_gets_nothing_twice(
    drive: ICloudDrive, server: ICloudServer, source: Path
) -> None:
    true_listing, hide = server.drive._listing, [0]

    def slow(folder: dict, wanted: str, *, partial: bool) -> dict:
        answer = true_listing(folder, wanted, partial=partial)
        if hide[0] and any(n in ("Uploads", "~$jarvis") for n in _starts(answer)):
            hide[0] -= 1
            answer["items"] = []
            answer["numberOfItems"] = 0
        return answer

    def _starts(answer: dict) -> list[str]:
        return [item["name"].partition("-")[0] for item in answer["items"]]

    server.drive._listing = slow  # type: ignore[method-assign]
    hide[0] = 2
    folder = drive.create_folder("Uploads")
    assert len(server.tree.children(ROOT)) == 1
    hide[0] = 0
    server.tree.rename(server.tree.items[folder.id], "Sent")
    hide[0] = 2
    drive.upload(source, folder.id)
    assert server.tree.contents() == {"Sent/clip.mp4": NEW}
    assert server.tree.trashed() == []


def test_large_files_take_little_memory(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No piece that is read or written is large; the server of this test is in the same process."""
    from jarvis_dagster.services.client_storage.icloud import transfer

    sizes: list[int] = []
    true_read, true_add = transfer._Named.read, transfer._Got.add

    def read(self: object, size: int = -1) -> bytes:
        piece = true_read(self, size)
        sizes.append(len(piece))
        return piece

    def add(self: object, chunk: bytes) -> None:
        sizes.append(len(chunk))
        true_add(self, chunk)

    monkeypatch.setattr(transfer._Named, "read", read)
    monkeypatch.setattr(transfer._Got, "add", add)
    path = tmp_path / "game.json"
    path.write_bytes(b'{"error": "' + b"x" * 9_000_000 + b'"}')
    file = drive.upload(path)
    drive.download(file.id, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()
    assert sum(sizes) == 3 * path.stat().st_size
    assert max(sizes) <= 1 << 20
