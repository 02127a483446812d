"""Faults at every request: nothing is lost, nothing is there twice, nothing secret is told."""

from __future__ import annotations

import datetime
import email.utils
import hashlib
import logging
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import (
    ConflictError,
    JarvisError,
    PermanentError,
    TokenExpiredError,
    TransientError,
)
from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive
from jarvis_dagster.services.client_storage.onedrive.faults import fault, retry_after_s
from tests.services.onedrive.conftest import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.onedrive import OneDriveServer
    from tests.services.onedrive.conftest import Waits

__all__: list[str] = []

_FAULTS: dict[str, dict[str, Any]] = {
    "busy": {"kind": "status", "status": 429, "retry_after_s": 7},
    "dropped": {"kind": "drop"},
    "answer lost": {"kind": "drop", "done": True},
    "cut short": {"kind": "truncate"},
    "token expired": {"kind": "expire", "match": "/v1.0/drives"},
}
_LARGE = 1_024_000  # four pieces of 320 KiB


@pytest.fixture
def kind() -> str:
    return "business"  # which needs more requests


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.mp4"
    path.write_bytes(b"small")
    return path


def _at_every_request(
    server: OneDriveServer,
    drive: OneDrive,
    what: dict[str, Any],
    prepare: Callable[[str], Any],
    call: Callable[[Any], None],
) -> int:
    """Do something again and again, with the fault at the first request, the second, ..."""
    for position in range(40):
        folder = drive.create_folder(f"At {position}")
        prepared = prepare(folder.id)
        server.faults.clear()
        server.faults.add(**what, skip=position)
        call(prepared)
        requests = [line for line in server.faults.log if what.get("match", "") in line]
        if len(requests) <= position:
            return position
    raise AssertionError("the call has more requests than it should")


@pytest.mark.parametrize("name", _FAULTS)
def test_uploads_of_small_files(
    server: OneDriveServer, drive: OneDrive, small: Path, name: str
) -> None:
    def call(folder: str) -> None:
        file = drive.upload(small, folder)
        assert [f.id for f in drive.list_all(folder)] == [file.id]
        assert file.name == "small.mp4"
        assert drive.sha256(file.id) == hashlib.sha256(b"small").hexdigest()

    assert _at_every_request(server, drive, _FAULTS[name], lambda f: f, call) > 2


@pytest.mark.parametrize("name", _FAULTS)
def test_uploads_of_large_files(
    server: OneDriveServer, drive: OneDrive, large: Path, name: str
) -> None:
    digest = hashlib.sha256(large.read_bytes()).hexdigest()

    def call(folder: str) -> None:
        file = drive.upload(large, folder)
        assert [(f.id, f.size) for f in drive.list_all(folder)] == [(file.id, _LARGE)]
        assert file.name == "large.mp4"
        entry = server.drive.entries[file.id]
        assert hashlib.sha256(entry.content).hexdigest() == digest

    assert _at_every_request(server, drive, _FAULTS[name], lambda f: f, call) > 4


@pytest.mark.parametrize("name", ["answer lost", "cut short", "token expired"])
def test_replacing(
    server: OneDriveServer, drive: OneDrive, small: Path, large: Path, name: str
) -> None:
    for source in (small, large):

        def prepare(folder: str, source: Path = source) -> Any:
            old = source.with_name("old.mp4")
            old.write_bytes(b"old")
            return folder, drive.upload(old, folder, f"{source.stem}-clip.mp4")

        def call(prepared: Any, source: Path = source) -> None:
            folder, old = prepared
            file = drive.upload(source, folder, old.name, replace=old, exact=True)
            assert file.id == old.id
            found = [f for f in drive.list_all(folder) if not f.is_folder]
            assert [f.id for f in found] == [file.id]
            assert server.drive.entries[file.id].content == source.read_bytes()

        assert _at_every_request(server, drive, _FAULTS[name], prepare, call) > 2
        for entry in list(server.drive.entries.values()):
            entry.deleted = entry.parent == server.drive.root.id


@pytest.mark.parametrize("name", _FAULTS)
def test_downloads(
    server: OneDriveServer, drive: OneDrive, large: Path, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "back.mp4"

    def call(file: Any) -> None:
        assert drive.download(file.id, target) == file
        assert target.read_bytes() == large.read_bytes()
        assert sorted(path.name for path in tmp_path.glob("*.part")) == []

    count = _at_every_request(
        server, drive, _FAULTS[name], lambda folder: drive.upload(large, folder), call
    )
    assert count >= 2


@pytest.mark.parametrize("name", ["busy", "answer lost", "token expired"])
def test_folders_moves_and_the_trash(
    server: OneDriveServer, drive: OneDrive, small: Path, name: str
) -> None:
    def call(folder: str) -> None:
        inner = drive.create_folder("Inner", folder)
        file = drive.upload(small, folder)
        moved = drive.move(file.id, inner.id, "moved.mp4")
        assert moved.path.endswith("/Inner/moved.mp4")
        assert [f.name for f in drive.list_all(folder)] == ["Inner"]
        assert [f.id for f in drive.list_all(inner.id)] == [file.id]
        drive.trash(file.id, version=moved.version)
        assert list(drive.list_all(inner.id)) == []

    assert _at_every_request(server, drive, _FAULTS[name], lambda f: f, call) > 10


@pytest.mark.parametrize("name", ["answer lost", "token expired"])
def test_looking_sharing_and_searching(
    server: OneDriveServer, drive: OneDrive, small: Path, name: str
) -> None:
    def call(folder: str) -> None:
        token = drive.start_token()
        file = drive.upload(small, folder, f"{folder[-4:]}.mp4")
        assert file in list(drive.list_all(folder, recursive=True))
        if name != "token expired":
            assert file in drive.changes(token).files
        assert drive.find(file.path) == file
        (given,) = drive.share(file.id, ["coach@example.org"])
        assert [p.who for p in drive.permissions(file.id) if p.role == "reader"] == [given.who]
        link = drive.share_link(file.id)
        drive.unshare(file.id, link.id)
        drive.unshare(file.id, given.id)
        assert [p.role for p in drive.permissions(file.id)] == ["owner"]
        assert file in drive.search(file.name)
        assert drive.quota().used > 0
        drive.check()

    what = dict(_FAULTS[name])
    if name == "token expired":  # that of the feed is another matter
        what["match"] = "/items/"
    assert _at_every_request(server, drive, what, lambda f: f, call) > 15


@pytest.mark.parametrize("name", ["busy", "dropped", "cut short"])
def test_an_outage_ends_the_call_with_a_transient_error(
    server: OneDriveServer, drive: OneDrive, small: Path, waits: Waits, name: str
) -> None:
    drive.check()
    server.faults.add(**_FAULTS[name], times=1000)
    for call in (
        lambda: list(drive.list_all()),
        lambda: drive.upload(small),
        drive.start_token,
        drive.quota,
        lambda: drive.search("small"),
    ):
        waits.clear()
        server.faults.log.clear()
        with pytest.raises(TransientError):
            call()
        assert len(server.faults.log) == 5
        assert len(waits) == 4
        if name == "busy":
            assert min(waits) >= 7
        else:
            assert waits[0] < waits[1] < waits[2]
    server.faults.clear()
    assert list(drive.list_all()) == []


def test_who_asks_for_a_long_wait_is_not_asked_again(
    server: OneDriveServer, drive: OneDrive, waits: Waits
) -> None:
    drive.check()
    server.faults.clear()
    server.faults.add("status", status=429, retry_after_s=3600, times=100)
    with pytest.raises(TransientError) as raised:
        drive.quota()
    assert raised.value.retry_after_s == 3600
    assert len(server.faults.log) == 1
    assert waits == []


@pytest.mark.parametrize("status", [400, 403, 405, 413, 507])
def test_a_refusal_is_tried_once(server: OneDriveServer, drive: OneDrive, status: int) -> None:
    drive.check()
    server.faults.clear()
    server.faults.add("status", status=status, times=100, reason="accessDenied")
    with pytest.raises(PermanentError):
        drive.quota()
    assert len(server.faults.log) == 1


def test_silence_is_not_waited_out(
    server: OneDriveServer, drive: OneDrive, state_dir: Path, waits: Waits
) -> None:
    drive.check()
    impatient = OneDrive(settings_of(server, timeout_s=0.2, attempts=2), state_dir, sleep=waits)
    server.faults.add("stall", match="quota")
    assert impatient.quota().total is not None
    server.faults.add("stall", match="quota", times=2)
    with pytest.raises(TransientError, match="did not answer"):
        impatient.quota()


def test_a_flipped_byte_on_the_way_is_noticed(
    server: OneDriveServer, drive: OneDrive, small: Path, tmp_path: Path
) -> None:
    file = drive.upload(small)
    server.faults.add("corrupt", match="/down/")
    with pytest.raises(TransientError, match=r"small\.mp4 came damaged"):
        drive.download(file.id, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    drive.download(file.id, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"small"


def test_damaged_answers_are_errors(server: OneDriveServer, drive: OneDrive) -> None:
    drive.check()
    graph = drive._graph
    for url in ("https://elsewhere.example/v1.0/drives/x", f"{server.address}/beta/drives/x"):
        with pytest.raises(TransientError, match="not its own"):
            graph.below(url)


def test_nothing_secret_is_told(
    server: OneDriveServer,
    drive: OneDrive,
    large: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    file = drive.upload(large)
    told: list[str] = []
    for kind in ("drop", "truncate"):
        for match in ("/up/", "/down/", "/v1.0/"):
            server.faults.clear()
            server.faults.add(kind, match=match, times=1000)  # type: ignore[arg-type]
            for call in (
                lambda: drive.upload(large, name="other.mp4"),
                lambda: drive.download(file.id, tmp_path / "back"),
            ):
                try:
                    call()
                except JarvisError as error:
                    told.append(f"{error!r} {error.__cause__!r} {error.__suppress_context__}")
            server.faults.clear()
            for entry in list(server.drive.entries.values()):
                entry.deleted = entry.name == "other.mp4"
    told += [record.getMessage() for record in caplog.records if "urllib3" not in record.name]
    told += [repr(vars(drive)), repr(drive._graph), repr(drive._graph._tokens)]
    tokens = server.login._access | server.login._refresh | {server.login.client_secret}
    assert len(told) > 10
    assert [s for s in {*tokens, *server.secrets} for text in told if s in text] == []


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, None, TransientError),
        (500, "not even an object", TransientError),
        (509, {"error": {"code": "activityLimitReached"}}, TransientError),
        (423, {"error": {"code": "resourceLocked"}}, TransientError),
        (403, {"error": {"code": "quotaLimitReached"}}, PermanentError),
        (403, {"error": {"innerError": {"code": "throttledRequest"}}}, TransientError),
        (410, {"error": {"code": "resyncRequired"}}, TokenExpiredError),
        (409, {"error": {"code": "nameAlreadyExists"}}, ConflictError),
        (418, {"error": {"code": {"no": "text"}}}, PermanentError),
        (403, {"error": {"code": "virusSuspicious"}}, PermanentError),
    ],
)
def test_refusals_by_status_and_code(status: int, body: Any, kind: type[JarvisError]) -> None:
    error = fault(status, {}, body, "a file")
    assert isinstance(error, kind)
    assert "a file" in error.what


def test_waits_are_seconds_or_dates() -> None:
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
    asked = retry_after_s(email.utils.format_datetime(later, usegmt=True))
    assert asked is not None
    assert 80 < asked <= 90
    assert (retry_after_s("12"), retry_after_s("soon"), retry_after_s(None)) == (12, None, None)
