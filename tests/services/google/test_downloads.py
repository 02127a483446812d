"""Downloads while other things happen, and documents of Google."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import (
    NotSupportedError,
    PermanentError,
    TransientError,
)
from tests.services.google.helpers import once

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer

CONTENT = os.urandom(700_000)  # three pieces of 256 KiB


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
