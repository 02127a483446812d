"""Uploads while other things happen."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    PermanentError,
    TransientError,
)
from tests.fakes.google import GoogleServer
from tests.services.google.helpers import names, once, signed_in

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


def test_a_server_that_gives_no_ids_beforehand_gets_no_file_twice(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    server.faults.add("status", match="generateIds", status=404, reason="notFound", times=1000)
    server.faults.add("drop", match="upload_id", method="PUT", skip=2, done=True, times=2)
    file = drive.upload(source)
    assert server.world.files[file.id].content == CONTENT
    server.faults.add("drop", match="/files?", method="POST", done=True)
    folder = drive.create_folder("Games")
    assert names(server) == ["Games", "clip.mp4"]
    assert drive.create_folder("Games").id == folder.id
    assert sum("generateIds" in line for line in server.faults.log) == 1
