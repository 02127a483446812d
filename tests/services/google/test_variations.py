"""What Google may answer too: less than it could, in another form, or nonsense."""

from __future__ import annotations

import datetime
import email.utils
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.client_storage.google import faults
from tests.fakes.google.media import Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer

CONTENT = b"frames" * 100_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def edit(server: GoogleServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets a function change every file that the server tells of."""
    from tests.fakes.google import feed_api, files_api

    def install(change: Callable[[dict[str, Any]], None]) -> None:
        original = files_api.file_json

        def changed(world: Any, item: Any) -> dict[str, Any]:
            file = original(world, item)
            change(file)
            return file

        monkeypatch.setattr(files_api, "file_json", changed)
        monkeypatch.setattr(feed_api, "file_json", changed)

    return install


@pytest.mark.parametrize(
    "missing",
    [["headRevisionId"], ["sha256Checksum"], ["headRevisionId", "sha256Checksum", "md5Checksum"]],
)
def test_files_of_which_less_is_told(
    server: GoogleServer, drive: GoogleDrive, edit: Any, source: Path, missing: list[str]
) -> None:
    edit(lambda file: [file.pop(name, None) for name in missing])
    file = drive.upload(source)
    assert drive.download(file.id, source.with_name("back.mp4")) == file
    assert source.with_name("back.mp4").read_bytes() == CONTENT
    assert len(drive.sha256(file.id)) == 64
    source.write_bytes(b"new")
    newer = drive.upload(source, replace=file)
    assert (newer.id, newer.version != file.version) == (file.id, True)


def test_a_file_without_any_hash_that_changes_while_it_is_fetched(
    server: GoogleServer, drive: GoogleDrive, edit: Any, source: Path
) -> None:
    names = ["headRevisionId", "sha256Checksum", "md5Checksum"]
    edit(lambda file: [file.pop(name, None) for name in names])
    key = server.world.add_file("clip.mp4", b"old")
    with pytest.raises(TransientError, match="changed"):
        drive.download(key, source, progress=lambda *_: server.world.change(key, b"new"))
    assert source.read_bytes() == CONTENT


def test_the_root_by_another_name(
    server: GoogleServer, drive: GoogleDrive, edit: Any, source: Path
) -> None:
    def rename(file: dict[str, Any]) -> None:
        if file.get("parents") == [server.world.root]:
            file["parents"] = ["root"]

    edit(rename)
    file = drive.upload(source, drive.create_folder("Team").id)
    assert file.path == "Team/clip.mp4"
    assert drive.find("Team/clip.mp4") is None or drive.stat(file.id) == file


def test_pieces_that_arrive_in_part(server: GoogleServer, drive: GoogleDrive, source: Path) -> None:
    original = server.media.proceed
    cut: list[int] = []

    def partial(key: str, headers: Any, piece: bytes) -> Answer:
        session = server.media.sessions[key]
        if not cut and len(piece) > 200_000 and not session.received:
            cut.append(1)
            session.received += piece[:1000]
            return Answer(308, b"", {"Range": "bytes=0-999"})
        return original(key, headers, piece)

    server.media.proceed = partial  # type: ignore[method-assign]
    drive.upload(source)
    assert [item.content for item in server.world.files.values() if item.revisions] == [CONTENT]


def test_an_upload_that_never_gets_further(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    server.media.proceed = lambda *_: Answer(308)  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="nothing arrives"):
        drive.upload(source)


def test_an_upload_that_is_begun_nowhere(
    server: GoogleServer, drive: GoogleDrive, source: Path
) -> None:
    server.media.start = lambda *_: Answer(200)  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="damaged"):
        drive.upload(source)


def test_a_download_without_ranges(server: GoogleServer, drive: GoogleDrive, source: Path) -> None:
    key = server.world.add_file("clip.mp4", CONTENT)
    original = server.media.download
    server.media.download = lambda call, _: original(call, {})  # type: ignore[method-assign]
    drive.download(key, source.with_name("back.mp4"))
    assert source.with_name("back.mp4").read_bytes() == CONTENT


def test_a_download_that_never_ends(server: GoogleServer, drive: GoogleDrive, source: Path) -> None:
    key = server.world.add_file("clip.mp4", CONTENT)
    empty = Answer(206, b"", {"Content-Range": f"bytes 0-0/{len(CONTENT)}"})
    server.media.download = lambda *_: empty  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="nothing comes"):
        drive.download(key, source)


def test_feeds_with_empty_pages_and_news_of_the_drive_itself(
    server: GoogleServer, drive: GoogleDrive
) -> None:
    token = drive.start_token()
    key = server.world.add_file("clip.mp4")
    original = server.feed.list
    pages: list[Any] = [
        {"changes": [], "nextPageToken": token},
        {"changes": [{"changeType": "drive", "driveId": "x"}], "nextPageToken": token},
    ]
    server.feed.list = lambda call: pages.pop(0) if pages else original(call)  # type: ignore[method-assign]
    seen = []
    for _ in range(3):
        page = drive.changes(token)
        seen.append(([file.id for file in page.files], page.more))
        token = page.token
    assert seen == [([], True), ([], True), ([key], False)]


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'"text"', b"<html>", b'{"files": null}'])
def test_answers_that_make_no_sense(
    server: GoogleServer, drive: GoogleDrive, answer: bytes
) -> None:
    drive.check()
    server._dispatch = lambda *_: Answer(200, answer, {"Content-Type": "application/json"})  # type: ignore[method-assign]
    token = "1000"
    for call in (
        lambda: list(drive.list_all()),
        lambda: drive.changes(token),
        drive.start_token,
        lambda: drive.create_folder("x"),
        drive.check,
        drive.quota,
    ):
        with pytest.raises(TransientError, match="damaged"):
            call()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, b"<html>Bad Gateway</html>", TransientError),
        (403, b"", PermanentError),
        (403, b"<html>", PermanentError),
        (403, b'{"error": "text"}', PermanentError),
        (403, b'{"error": {"errors": [], "status": "PERMISSION_DENIED"}}', PermanentError),
        (403, b'{"error": {"errors": [{"reason": "rateLimitExceeded"}]}}', TransientError),
        (429, b'{"error": {"status": "RESOURCE_EXHAUSTED"}}', TransientError),
        (408, b"", TransientError),
        (501, b"", PermanentError),
    ],
)
def test_refusals_in_other_forms(
    server: GoogleServer, drive: GoogleDrive, status: int, body: bytes, kind: type[Exception]
) -> None:
    drive.check()
    server._dispatch = lambda *_: Answer(status, body)  # type: ignore[method-assign]
    with pytest.raises(kind, match=str(status)):
        drive.check()


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [("7", 7, 7), ("0.5", 0.5, 0.5), ("-3", 0, 0), ("soon", None, None), ("", None, None)],
)
def test_how_long_to_wait(value: str, least: float | None, most: float | None) -> None:
    assert faults._retry_after_s({"retry-after": value}) == least == most


def test_when_to_come_back() -> None:
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    waits = faults._retry_after_s({"retry-after": email.utils.format_datetime(then)})
    assert waits is not None
    assert 90 < waits <= 100
