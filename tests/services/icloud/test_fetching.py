"""Downloads are whole and of one version, whatever breaks off."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.icloud import transfer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive
    from tests.fakes.icloud import ICloudServer

CONTENT = bytes(range(256)) * 20_000
CALLS = ["retrieveItemDetailsInFolders", "download/by_id", "content/download"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 421},
        {"kind": "drop"},
        {"kind": "truncate"},
        {"kind": "expire"},
    ],
    ids=["503", "429", "421", "drop", "truncate", "expire"],
)
def test_a_fault_at_any_call_is_overcome(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path, call: str, fault: dict
) -> None:
    item = server.tree.add("game.mp4", CONTENT)
    server.faults.add(**fault, match=call)
    done: list[int] = []
    drive.download(item.id, tmp_path / "back", progress=lambda now, _: done.append(now))
    assert (tmp_path / "back").read_bytes() == CONTENT
    assert done == sorted(done)
    assert done[-1] == len(CONTENT)


@pytest.mark.parametrize("ranges", [True, False])
def test_what_broke_off_is_taken_up_where_the_server_can(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path, ranges: bool
) -> None:
    server.ranges = ranges
    item = server.tree.add("game.mp4", CONTENT)
    sizes: list[int] = []
    true_add = transfer._Got.add

    def add(self: transfer._Got, chunk: bytes) -> None:
        sizes.append(len(chunk))
        true_add(self, chunk)

    transfer._Got.add = add  # type: ignore[method-assign]
    try:
        server.faults.add("truncate", match="content/download", times=2)
        drive.download(item.id, tmp_path / "back")
    finally:
        transfer._Got.add = true_add  # type: ignore[method-assign]
    assert (tmp_path / "back").read_bytes() == CONTENT
    assert (sum(sizes) == len(CONTENT)) == ranges


@pytest.mark.parametrize(
    "fault", [{"kind": "status"}, {"kind": "drop"}, {"kind": "truncate"}], ids=lambda f: f["kind"]
)
def test_an_outage_leaves_nothing_behind(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path, fault: dict
) -> None:
    item = server.tree.add("game.mp4", CONTENT)
    server.ranges = False
    (tmp_path / "back").write_text("before")
    server.faults.add(**fault, match="content/download", times=100)
    with pytest.raises(TransientError):
        drive.download(item.id, tmp_path / "back")
    assert (tmp_path / "back").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["back"]


def test_a_refusal_is_tried_once(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path, waits: list[float]
) -> None:
    item = server.tree.add("game.mp4", CONTENT)
    for call in ("download/by_id", "content/download"):
        server.faults.clear()
        server.faults.add("status", status=403, match=call)
        with pytest.raises(PermanentError, match=r"refused game\.mp4"):
            drive.download(item.id, tmp_path / "back")
        assert len([line for line in server.faults.log if call in line]) == 1
    assert waits == []


def test_a_file_that_changes_meanwhile_is_not_taken(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path
) -> None:
    item = server.tree.add("game.mp4", CONTENT)
    true_locate = server.documents.locate

    def late(*args: str) -> object:
        found = true_locate(*args)
        server.tree.write(item.id, CONTENT[::-1])
        return found

    server.documents.locate = late  # type: ignore[method-assign, assignment]
    for call in (lambda: drive.download(item.id, tmp_path / "x"), lambda: drive.sha256(item.id)):
        with pytest.raises(TransientError, match="changed while"):
            call()
    assert not (tmp_path / "x").exists()


def test_a_file_that_goes_meanwhile_is_gone(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path
) -> None:
    item = server.tree.add("game.mp4", CONTENT)
    server.faults.add("status", status=404, match="download/by_id")
    with pytest.raises(BadInputError, match="any more"):
        drive.download(item.id, tmp_path / "x")


def test_a_flipped_bit_is_found_where_the_version_is_known(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path
) -> None:
    item = server.tree.add("game.mp4", CONTENT)
    drive.sha256(item.id)
    server.faults.add("corrupt", match="content/download")
    with pytest.raises(TransientError, match="damaged"):
        drive.download(item.id, tmp_path / "x")
    drive.download(item.id, tmp_path / "x")


def test_hashes_are_remembered_by_version(
    drive: ICloudDrive, server: ICloudServer, again: Callable[[], ICloudDrive], state_dir: Path
) -> None:
    item = server.tree.add("game.mp4", CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert drive.sha256(item.id) == digest
    server.faults.clear()
    assert again().sha256(item.id) == digest
    assert not any("download" in line for line in server.faults.log)
    server.tree.write(item.id, b"other")
    assert drive.sha256(item.id) == hashlib.sha256(b"other").hexdigest()
    (state_dir / "hashes.sqlite").write_bytes(b"damaged" * 1000)
    assert drive.sha256(item.id) == drive.sha256(item.id) == hashlib.sha256(b"other").hexdigest()


def test_a_full_disk_is_no_outage(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = server.tree.add("game.mp4", CONTENT)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transfer._Got, "add", full)
    with pytest.raises(PermanentError, match="No space left"):
        drive.download(item.id, tmp_path / "back")
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def test_json_is_no_answer_of_icloud(
    drive: ICloudDrive, server: ICloudServer, tmp_path: Path
) -> None:
    content = b'{"error": "offside", "reason": "x", "errorCode": 421}'
    item = server.tree.add("report.json", content)
    drive.download(item.id, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == content
