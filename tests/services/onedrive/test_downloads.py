"""Downloads: changing files, broken transfers, hashes, what cannot be fetched."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import (
    BadInputError,
    NotSupportedError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.client_storage.onedrive.digests import Digests, hashes_of
from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive
from jarvis_dagster.services.client_storage.onedrive.items import Ref
from tests.services.onedrive.conftest import during

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.onedrive import OneDriveServer
    from tests.services.onedrive.conftest import Waits

__all__: list[str] = []


def test_a_file_that_changes_while_it_is_fetched(
    server: OneDriveServer,
    drive: OneDrive,
    large: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = drive.upload(large)
    entry = server.drive.entries[file.id]
    target = tmp_path / "out" / "back"

    def change() -> None:
        server.drive.write(entry, b"z" * len(entry.content))

    with monkeypatch.context() as patch:
        during(server, patch, "/down/", change)
        with pytest.raises(TransientError, match=r"large\.mp4 changed"):
            drive.download(file.id, target)
    server.faults.add("truncate", match="/down/")  # it goes on, and finds another file
    with monkeypatch.context() as patch:
        during(server, patch, "/down/", change, skip=0)
        with pytest.raises(TransientError, match=r"large\.mp4 changed"):
            drive.download(file.id, target)
    assert list(target.parent.iterdir()) == []
    drive.download(file.id, target)
    assert target.read_bytes() == entry.content


def test_a_broken_transfer_goes_on_where_it_broke(
    server: OneDriveServer,
    drive: OneDrive,
    large: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = drive.upload(large)
    ranges: list[str | None] = []
    real = server._content

    def watched(key: str, headers: dict[str, str]) -> Any:
        ranges.append(headers.get("range"))
        return real(key, headers)

    monkeypatch.setattr(server, "_content", watched)
    server.faults.add("truncate", match="/down/", times=2)
    drive.download(file.id, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    starts = [int(str(one).removeprefix("bytes=").split("-")[0]) for one in ranges]
    assert starts[0] == 0
    assert starts == sorted(starts)
    assert len(starts) == 3


def test_a_range_that_is_ignored(
    server: OneDriveServer,
    drive: OneDrive,
    large: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = drive.upload(large)
    real = server._content
    monkeypatch.setattr(server, "_content", lambda key, headers: real(key, {}))
    server.faults.add("truncate", match="/down/", times=2)
    drive.download(file.id, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()


def test_equal_hashes_of_other_contents_are_other_contents(
    server: OneDriveServer, drive: OneDrive, tmp_path: Path
) -> None:
    path = tmp_path / "table.bin"
    path.write_bytes(b"a" * 160 + b"b" * 160)
    first = drive.upload(path)
    path.write_bytes(b"b" * 160 + b"a" * 160)  # QuickXorHash and size are those of the first
    second = drive.upload(path)
    assert (first.name, second.name) == ("table.bin", "table (2).bin")
    assert drive.sha256(first.id) != drive.sha256(second.id)


def test_hashes_are_remembered_by_version(
    server: OneDriveServer, drive: OneDrive, large: Path, config: Any, state_dir: Path, waits: Waits
) -> None:
    file = drive.upload(large)
    server.faults.clear()
    other = OneDrive(config, state_dir, sleep=waits)
    assert other.sha256(file.id) == hashlib.sha256(large.read_bytes()).hexdigest()
    assert not any("/down/" in line for line in server.faults.log)
    server.drive.write(server.drive.entries[file.id], b"new")
    assert other.sha256(file.id) == hashlib.sha256(b"new").hexdigest()


def test_a_hash_that_the_service_tells_is_used(
    server: OneDriveServer, drive: OneDrive, tmp_path: Path
) -> None:
    entry = server.drive.add("clip.mp4", server.drive.root.id, content=b"x")
    entry.sha256 = hashlib.sha256(b"x").hexdigest()
    file = drive.find("clip.mp4")
    assert file is not None
    assert file.sha256 == drive.sha256(file.id) == entry.sha256
    assert not any("/down/" in line for line in server.faults.log)
    entry.sha256 = "0" * 64
    with pytest.raises(TransientError, match="damaged"):
        drive.download(file.id, tmp_path / "x")


def test_hashes_of_every_kind(server: OneDriveServer, drive: OneDrive) -> None:
    content = b"content"
    for told, agrees in (
        ({"sha1Hash": hashlib.sha1(content).hexdigest().upper()}, True),
        ({"sha1Hash": "0" * 40}, False),
        ({"sha256Hash": hashlib.sha256(content).hexdigest().upper()}, True),
        ({"crc32Hash": "00000000"}, None),
        ({"quickXorHash": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}, False),
    ):
        item = {"size": len(content), "file": {"hashes": told}}
        digests = Digests(hashes_of(item))
        digests.update(content)
        assert digests.agree(item) is agrees


def test_notebooks_folders_and_harmful_files_are_not_fetched(
    server: OneDriveServer, drive: OneDrive, tmp_path: Path
) -> None:
    notebook = server.drive.add("Coach", server.drive.root.id, folder=True)
    notebook.package = True
    harmful = server.drive.add("x.exe", server.drive.root.id, content=b"x")
    harmful.malware = True
    with pytest.raises(NotSupportedError, match="notebook"):
        drive.download(notebook.id, tmp_path / "x")
    with pytest.raises(PermanentError, match="harmful"):
        drive.download(harmful.id, tmp_path / "x")
    folder = drive.create_folder("Folder")
    with pytest.raises(BadInputError, match="folder"):
        drive.download(folder.id, tmp_path / "x")
    assert not (tmp_path / "x").exists()
    (file, *_) = [f for f in drive.list_all() if f.name == "Coach"]
    assert (file.is_folder, file.media_type) == (False, "application/msonenote")


def test_ids_of_three_parts_are_of_shortcuts() -> None:
    assert Ref.parse("a@b!c@d") == Ref("a", "b!c", "d")
    assert Ref("a", "b!c", "d").id == "a@b!c@d"
    for hostile in ("a@b", "a@b@c@d", "a@..@b", "a b", "a%2fb", "é"):
        with pytest.raises(BadInputError):
            Ref.parse(hostile)
