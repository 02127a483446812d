"""Uploads and downloads while other things happen."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    NotSupportedError,
    PermanentError,
    TransientError,
)
from tests.fakes.google import GoogleServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive

CONTENT = os.urandom(700_000)  # three pieces of 256 KiB


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source" / "clip.mp4"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def once(action: Callable[[], Any]) -> Callable[..., None]:
    """Does something when the first piece arrives."""
    done: list[int] = []

    def hook(*_: object) -> None:
        if not done:
            done.append(1)
            action()

    return hook


def names(server: GoogleServer) -> list[str]:
    items = server.world.files.values()
    return sorted(i.name for i in items if i.parent == server.world.root and not i.trashed)


def test_nothing_is_seen_before_the_last_piece(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    seen: list[list[str]] = []
    server.media.on_chunk.append(lambda _: seen.append(names(server)))
    drive.upload(source)
    assert seen == [[], [], []]
    assert names(server) == ["clip.mp4"]


def test_pieces_are_whole_multiples_and_progress_is_told(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    sizes: list[int] = []
    told: list[tuple[int, int]] = []
    server.media.on_chunk.append(lambda received: sizes.append(len(received)))
    drive.upload(source, progress=lambda done, total: told.append((done, total)))
    assert sizes == [262_144, 524_288, 700_000]
    assert told == [(size, 700_000) for size in sizes]


def test_an_access_token_that_ends_midway_is_renewed(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    server.media.on_chunk.append(once(server.oauth.access_tokens.clear))
    before = server.oauth.issued
    file = drive.upload(source)
    assert server.world.files[file.id].content == CONTENT
    assert server.oauth.issued == before + 2  # the first, and one more midway


def test_a_lost_session_is_begun_anew(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    server.media.on_chunk.append(once(server.media.sessions.clear))
    told: list[int] = []
    drive.upload(source, progress=lambda done, _: told.append(done))
    assert names(server) == ["clip.mp4"]
    assert told == sorted(told)
    assert sum("uploadType=resumable" in line and "POST" in line for line in server.faults.log) == 2


def test_a_quota_that_fills_up_midway(source: Path, tmp_path: Path) -> None:
    from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig
    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.services.google.helpers import signed_in

    with GoogleServer(quota=1_000_000) as server:
        config = GoogleDriveConfig(
            kind="google",
            credentials_file=signed_in(server, tmp_path),
            api_endpoint=server.address,
            chunk_kib=256,
        )
        drive = GoogleDrive(config, tmp_path)
        server.media.on_chunk.append(once(lambda: server.world.add_file("other", bytes(500_000))))
        with pytest.raises(PermanentError, match=r"storageQuotaExceeded.*shared drive"):
            drive.upload(source)
        assert names(server) == ["other"]
        assert drive.quota().free == 500_000
        server.world.add_file("more", bytes(400_000))
        before = len(server.faults.log)
        with pytest.raises(PermanentError, match="storageQuotaExceeded"):
            drive.upload(source)
        assert not any("upload_id" in line for line in server.faults.log[before:])
        drive.close()
        assert server.violations == []


def test_a_file_that_changes_while_it_is_sent_is_not_put_there(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    server.media.on_chunk.append(once(lambda: source.write_bytes(CONTENT[::-1])))
    with pytest.raises(BadInputError, match="changed while it was sent"):
        drive.upload(source)
    assert names(server) == []
    server.media.on_chunk[:] = [once(lambda: source.write_bytes(b"short"))]
    with pytest.raises(BadInputError, match="changed while it was sent"):
        drive.upload(source)
    assert names(server) == []


def test_damage_on_the_way_is_found_and_taken_away(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    def damage() -> None:
        (session,) = server.media.sessions.values()
        session.received[0] ^= 1

    server.media.on_chunk.append(once(damage))
    with pytest.raises(TransientError, match="not what was sent"):
        drive.upload(source)
    assert names(server) == []
    assert server.world.files[drive.upload(source).id].content == CONTENT


def test_somebody_changes_a_file_while_it_is_replaced(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    key = server.world.add_file("clip.mp4", b"old")
    seen = drive.stat(key)
    server.media.on_chunk.append(once(lambda: server.world.change(key, b"theirs")))
    with pytest.raises(ConflictError, match=r"clip\.mp4"):
        drive.upload(source, replace=seen, exact=True)
    assert server.world.files[key].content == b"theirs"
    seen = drive.stat(key)
    server.media.on_chunk[:] = [once(lambda: server.world.change(key, b"theirs again"))]
    assert drive.upload(source, replace=seen).name == "clip (2).mp4"
    assert server.world.files[key].content == b"theirs again"


def test_a_renamed_file_is_replaced_where_it_is(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    key = server.world.add_file("clip.mp4", b"old")
    seen = drive.stat(key)
    folder = server.world.add_folder("Archive")
    server.world.edit(key, name="kept.mp4", parent=folder)
    file = drive.upload(source, replace=seen)
    assert (file.id, file.path) == (key, "Archive/kept.mp4")


def test_a_file_outside_of_the_root_is_never_replaced(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive], source: Path
) -> None:
    team = server.world.add_folder("Team")
    key = server.world.add_file("clip.mp4", b"old", team)
    drive = open_drive(root_folder_id=team)
    seen = drive.stat(key)
    server.world.edit(key, parent=server.world.root)
    with pytest.raises(ConflictError):
        drive.upload(source, replace=seen, exact=True)
    assert drive.upload(source, replace=seen).id != key
    assert server.world.files[key].content == b"old"


@pytest.mark.parametrize("skip", [0, 1, 2])
def test_a_file_that_changes_while_it_is_fetched_is_not_mixed(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path, skip: int
) -> None:
    key = server.world.add_file("clip.mp4", CONTENT)
    asked: list[str] = []
    original = server.media.download

    def change(call: Any, headers: Any) -> Any:
        if len(asked) == skip:
            server.world.change(key, CONTENT[::-1])
        asked.append("piece")
        return original(call, headers)

    server.media.download = change  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="changed while it was fetched"):
        drive.download(key, tmp_path / "back.mp4")
    assert list(tmp_path.glob("*back*")) == []
    drive.download(key, tmp_path / "back.mp4")
    assert (tmp_path / "back.mp4").read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("content", [CONTENT[:300_000], CONTENT * 2, b""])
def test_a_file_that_gets_shorter_or_longer_while_it_is_fetched(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path, content: bytes
) -> None:
    key = server.world.add_file("clip.mp4", CONTENT)
    target = tmp_path / "back.mp4"
    target.write_bytes(b"mine")
    with pytest.raises(TransientError, match="changed while it was fetched"):
        drive.download(key, target, progress=once(lambda: server.world.change(key, content)))
    assert target.read_bytes() == b"mine"


def test_a_flipped_byte_is_fetched_again(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path
) -> None:
    key = server.world.add_file("clip.mp4", CONTENT)
    server.faults.add("corrupt", match="alt=media", skip=1)
    drive.download(key, tmp_path / "back.mp4")
    assert (tmp_path / "back.mp4").read_bytes() == CONTENT
    server.faults.add("corrupt", match="alt=media", times=1000)
    with pytest.raises(TransientError, match="damaged"):
        drive.download(key, tmp_path / "other.mp4")
    assert not (tmp_path / "other.mp4").exists()


def test_a_download_goes_on_where_it_broke(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path
) -> None:
    key = server.world.add_file("clip.mp4", CONTENT)
    server.faults.add("truncate", match="alt=media", skip=1, times=2)
    drive.download(key, tmp_path / "back.mp4")
    assert (tmp_path / "back.mp4").read_bytes() == CONTENT
    assert sum("alt=media" in line for line in server.faults.log) == 5


def test_what_google_takes_for_malware_is_refused(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path
) -> None:
    key = server.world.add_file("clip.mp4", CONTENT)
    server.world.files[key].abusive = True
    with pytest.raises(PermanentError, match=r"cannotDownloadAbusiveFile.*malware"):
        drive.download(key, tmp_path / "back.mp4")


def test_a_disk_that_cannot_be_written_is_not_an_outage(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path, waits: list[float]
) -> None:
    key = server.world.add_file("clip.mp4", CONTENT)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(PermanentError, match="cannot be written"):
        drive.download(key, tmp_path / "file" / "back.mp4")
    assert waits == []


def test_two_at_once_with_one_content_are_one_file(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    threads = [threading.Thread(target=drive.upload, args=(source,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(server) == ["clip.mp4"]


def test_a_folder_that_two_make_at_once_is_the_older(
    server: GoogleServer, drive: GoogleDrive
) -> None:
    theirs: list[str] = []
    original = server.files.create

    def late(call: Any, body: dict[str, Any], content: bytes | None = None) -> Any:
        theirs.append(server.world.add_folder("Results"))
        return original(call, body, content)

    server.files.create = late  # type: ignore[method-assign]
    assert drive.create_folder("Results").id == theirs[0]
    assert [file.id for file in drive.list_all()] == theirs


def test_documents_of_google_are_exported(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path
) -> None:
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    key = server.world.add_document("Plan", "document", {word: b"docx bytes"})
    (file,) = drive.list_all()
    assert (file.path, file.media_type, file.sha256) == ("Plan.docx", word, "")
    assert drive.find("Plan.docx") == drive.find("Plan") == file
    assert drive.download(key, tmp_path / "plan.docx") == file
    assert (tmp_path / "plan.docx").read_bytes() == b"docx bytes"
    digest = hashlib.sha256(b"docx bytes").hexdigest()
    assert [drive.sha256(key) for _ in range(3)] == [digest] * 3
    assert sum("/export?" in line for line in server.faults.log) == 2
    server.world.edit(key, modified=server.world.now())
    assert drive.sha256(key) == digest
    assert sum("/export?" in line for line in server.faults.log) == 3
    (tmp_path / "plan.docx").write_bytes(b"changed")
    kept = drive.upload(tmp_path / "plan.docx", name="Plan.docx", replace=file)
    assert kept.name == "Plan (2).docx"


def test_documents_that_cannot_be_exported_say_so(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path
) -> None:
    form = server.world.add_document("Survey", "form", {})
    with pytest.raises(NotSupportedError, match="cannot be exported"):
        drive.download(form, tmp_path / "x")
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    huge = server.world.add_document("Huge", "spreadsheet", {sheet: bytes(11 << 20)})
    with pytest.raises(NotSupportedError, match="10 MB"):
        drive.download(huge, tmp_path / "x")
    assert list(tmp_path.glob("x")) == []
