"""Uploads end whole or not at all, whatever stops them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.client_storage.icloud import changing
from tests.fakes.icloud.tree import ROOT
from tests.services.icloud.conftest import NEW, OLD

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


class Crash(BaseException):
    """As when the power fails: nothing is cleaned up."""


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
