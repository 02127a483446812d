"""Uploads: large and changing files, full drives, lost sessions, names that are one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive
from tests.services.onedrive.conftest import during, settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.onedrive import OneDriveServer
    from tests.services.onedrive.conftest import Waits

__all__: list[str] = []

_UNIT = 327_680


@pytest.mark.parametrize(
    "size", [0, 1, _UNIT - 1, _UNIT, _UNIT + 1, 2 * _UNIT, 2 * _UNIT + 1, 5 * _UNIT - 1]
)
def test_files_around_the_size_of_a_piece(
    server: OneDriveServer, drive: OneDrive, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x" * size)
    seen: list[tuple[int, int]] = []
    file = drive.upload(path, progress=lambda done, total: seen.append((done, total)))
    assert file.size == size
    assert server.drive.entries[file.id].content == path.read_bytes()
    assert seen[-1] == (size, size)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert server.uploads.sessions == {}
    drive.download(file.id, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_no_token_is_sent_to_upload_and_download_addresses(
    server: OneDriveServer,
    drive: OneDrive,
    large: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The server refuses one; a .netrc would bring another.
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    file = drive.upload(large)
    assert drive.download(file.id, tmp_path / "back") == file


def test_a_token_that_expires_in_the_middle(
    server: OneDriveServer,
    drive: OneDrive,
    large: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    during(server, monkeypatch, "/up/", server.login.revoke, skip=2)
    file = drive.upload(large)
    assert server.drive.entries[file.id].content == large.read_bytes()
    during(server, monkeypatch, "/down/", server.login.revoke)
    assert drive.download(file.id, tmp_path / "back") == file


def test_a_session_that_ends_in_the_middle_says_who_can_help(
    server: OneDriveServer, drive: OneDrive, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        server.login.revoke(session=True)
        server.login.client_secret = "another"

    during(server, monkeypatch, "/up/", refuse, skip=2)
    with pytest.raises(PermanentError, match=r"login my-onedrive|client_secret"):
        drive.upload(large)


def test_a_drive_that_is_full(server: OneDriveServer, drive: OneDrive, large: Path) -> None:
    server.drive.total = server.drive.used + 100
    with pytest.raises(PermanentError, match="full"):
        drive.upload(large)
    small = large.with_name("small.mp4")
    small.write_bytes(b"x" * 101)
    with pytest.raises(PermanentError, match="full"):
        drive.upload(small)
    assert list(drive.list_all()) == []
    assert server.uploads.sessions == {}


def test_a_drive_that_is_full_in_the_middle(
    server: OneDriveServer, drive: OneDrive, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill() -> None:
        server.drive.total = 600_000

    during(server, monkeypatch, "/up/", fill, skip=1)
    with pytest.raises(PermanentError, match=r"full.*large\.mp4"):
        drive.upload(large)
    assert list(drive.list_all()) == []
    assert server.uploads.sessions == {}  # let go, so that its bytes do not count


def test_a_session_that_is_forgotten_begins_anew(
    server: OneDriveServer, drive: OneDrive, large: Path
) -> None:
    server.faults.add("expire", match="/up/", method="PUT", skip=2)
    file = drive.upload(large)
    assert [f.id for f in drive.list_all()] == [file.id]
    assert server.drive.entries[file.id].content == large.read_bytes()
    assert sum("createUploadSession" in line for line in server.faults.log) == 2


def test_a_session_that_is_always_forgotten_is_given_up(
    server: OneDriveServer, drive: OneDrive, large: Path
) -> None:
    server.faults.add("expire", match="/up/", method="PUT", times=100)
    with pytest.raises(TransientError, match=r"forgets.*large\.mp4"):
        drive.upload(large)
    assert list(drive.list_all()) == []


def test_a_piece_that_arrived_already_is_not_sent_twice(
    server: OneDriveServer, drive: OneDrive, large: Path
) -> None:
    server.faults.add("drop", match="/up/", method="PUT", skip=1, done=True)
    file = drive.upload(large)
    assert server.drive.entries[file.id].content == large.read_bytes()
    puts = [line for line in server.faults.log if line.startswith("PUT /up/")]
    assert len(puts) == 4  # and one question where to go on


def test_ranges_that_have_an_end(
    server: OneDriveServer, drive: OneDrive, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = server.uploads._state

    def closed(session: Any) -> dict[str, Any]:
        state = real(session)
        state["nextExpectedRanges"] = [f"{len(session.received)}-{large.stat().st_size - 1}"]
        return state

    monkeypatch.setattr(server.uploads, "_state", closed)
    file = drive.upload(large)
    assert server.drive.entries[file.id].content == large.read_bytes()


def test_a_name_that_is_taken_at_the_last_byte(
    server: OneDriveServer, drive: OneDrive, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take() -> None:
        server.drive.add("LARGE.MP4", server.drive.root.id, content=b"somebody else's")

    during(server, monkeypatch, "/up/", take, skip=3, method="PUT")
    assert drive.upload(large).name == "large (2).mp4"
    assert sorted(f.name for f in drive.list_all()) == ["LARGE.MP4", "large (2).mp4"]
    with pytest.raises(ConflictError, match=r"large\.mp4"):
        drive.upload(large, exact=True)


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_a_file_that_somebody_changes_while_it_is_replaced(
    server: OneDriveServer,
    drive: OneDrive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"old")
    old = drive.upload(path)
    path.write_bytes(b"n" * size)

    def change() -> None:
        server.drive.write(server.drive.entries[old.id], b"theirs")

    with monkeypatch.context() as patch:
        part = "/up/" if size > _UNIT else "/content"
        during(server, patch, part, change, skip=1 if size > _UNIT else 0)
        with pytest.raises(ConflictError, match=r"clip\.mp4"):
            drive.upload(path, replace=old, exact=True)
    assert server.drive.entries[old.id].content == b"theirs"
    kept = drive.upload(path, replace=old)
    assert kept.name == "clip (2).mp4"
    assert server.drive.entries[old.id].content == b"theirs"


def test_a_new_reader_meanwhile_is_no_conflict(
    server: OneDriveServer, drive: OneDrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"old")
    old = drive.upload(path)
    path.write_bytes(b"new")
    with monkeypatch.context() as patch:
        during(server, patch, "/content", lambda: server.drive.touch(server.drive.entries[old.id]))
        assert drive.upload(path, replace=old, exact=True).id == old.id
    now = drive.stat(old.id)
    assert now is not None
    during(
        server,
        monkeypatch,
        "/items/",
        lambda: server.drive.touch(server.drive.entries[old.id]),
        method="DELETE",
    )
    drive.trash(old.id, version=now.version)
    assert drive.stat(old.id) is None


@pytest.mark.parametrize("when", ["before the last piece", "while it is read"])
def test_a_source_that_changes_while_it_is_sent(
    server: OneDriveServer,
    drive: OneDrive,
    large: Path,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    content = b"y" * 1_024_000 if when == "before the last piece" else b"short"
    during(server, monkeypatch, "/up/", lambda: _write(large, content), skip=1)
    with pytest.raises(BadInputError, match=r"large\.mp4 changed"):
        drive.upload(large)
    assert list(drive.list_all()) == []
    assert server.uploads.sessions == {}


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def test_what_arrives_damaged_is_taken_away_again(
    server: OneDriveServer, drive: OneDrive, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = server.uploads._store

    def damaged(*args: Any) -> Any:
        *others, content = args
        return real(*others, content[:-1] + b"!")

    monkeypatch.setattr(server.uploads, "_store", damaged)
    for size in (100, 1_000_000):
        large.write_bytes(b"x" * size)
        with pytest.raises(TransientError, match=r"large\.mp4 arrived damaged"):
            drive.upload(large)
        assert list(drive.list_all()) == []


def test_content_without_a_hash_is_compared_by_fetching_it(
    server: OneDriveServer, drive: OneDrive, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fakes.onedrive.world.quick_xor_hash", lambda _: "")
    file = drive.upload(large)
    assert any("/down/" in line for line in server.faults.log)
    assert drive.upload(large) == file


def test_names_that_differ_in_case_are_one_name(
    server: OneDriveServer, drive: OneDrive, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"one")
    first = drive.upload(path, name="Clip.MP4")
    assert drive.upload(path, name="clip.mp4") == first
    path.write_bytes(b"two")
    assert drive.upload(path, name="clip.mp4").name == "clip (2).mp4"
    path.write_bytes(b"three")
    assert drive.upload(path, name="CLIP.mp4").name == "CLIP (3).mp4"
    assert drive.find("cLiP.mP4") == first
    assert drive.create_folder("Games") == drive.create_folder("GAMES")
    assert drive.move(first.id, None, "clip.mp4").name == "clip.mp4"  # its case alone
    other = drive.move(first.id, None, "CLIP (2).MP4")
    assert other.name == "CLIP (2) (2).MP4"


def test_office_documents_that_sharepoint_rewrites(
    server: OneDriveServer, drive: OneDrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = server.uploads._store

    def rewritten(*args: Any) -> Any:
        *others, content = args
        return real(*others, content + b"properties")

    monkeypatch.setattr(server.uploads, "_store", rewritten)
    path = tmp_path / "plan.docx"
    path.write_bytes(b"words")
    if server.drive.kind == "personal":
        with pytest.raises(TransientError, match="damaged"):
            drive.upload(path)
    else:
        assert drive.upload(path).size == len(b"wordsproperties")


def test_a_large_piece_at_once(
    server: OneDriveServer, drive: OneDrive, state_dir: Path, large: Path, waits: Waits
) -> None:
    whole = OneDrive(settings_of(server, chunk_kib=10_240), state_dir, sleep=waits)
    big = large.with_name("big.mp4")
    big.write_bytes(large.read_bytes() * 6)
    file = whole.upload(big)
    assert server.drive.entries[file.id].content == big.read_bytes()
    puts = [line for line in server.faults.log if line.startswith("PUT /up/")]
    assert len(puts) == 2  # the second is what is left after the last whole unit
