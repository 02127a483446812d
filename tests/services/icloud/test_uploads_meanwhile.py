"""What changes while an upload is under way: folders, old files, names, the file itself."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError, ConflictError
from tests.fakes.icloud.tree import ROOT
from tests.services.icloud.conftest import NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive
    from tests.fakes.icloud import ICloudServer


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
