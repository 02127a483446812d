"""Every request of every call fails once, in every way; the call succeeds, and only once."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import (
    JarvisError,
    PermanentError,
    TokenExpiredError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer

CONTENT = b"frames" * 100_000  # three pieces of 256 KiB
FAULTS: dict[str, dict[str, Any]] = {
    "503": {"kind": "status", "status": 503},
    "429": {"kind": "status", "status": 429, "reason": "rateLimitExceeded", "retry_after_s": 7},
    "403 busy": {"kind": "status", "status": 403, "reason": "userRateLimitExceeded"},
    "dropped before": {"kind": "drop", "times": 2},  # the client library tries once by itself
    "dropped after": {"kind": "drop", "done": True, "times": 2},
    "cut off": {"kind": "truncate"},
    "corrupt": {"kind": "corrupt"},
    "expired": {"kind": "expire"},
}


class Scene:
    """A drive with a folder and a file, and what can be done with them."""

    def __init__(self, server: GoogleServer, drive: GoogleDrive, tmp_path: Path) -> None:
        self.server, self.drive, self.path = server, drive, tmp_path / "clip.mp4"
        self.path.write_bytes(CONTENT)
        self.folder = server.world.add_folder("Team")
        self.file = server.world.add_file("old.mp4", b"old" * 200_000, self.folder)
        self.token = drive.start_token()
        server.world.add_file("new.mp4", b"new", self.folder)
        drive._ids.take()
        self.known = set(server.world.files)

    def new_files(self) -> list[str]:
        """The names of what there is now and was not."""
        files = self.server.world.files
        return [
            files[key].name for key in files if key not in self.known and not files[key].trashed
        ]

    def upload(self) -> None:
        file = self.drive.upload(self.path, self.folder)
        assert self.server.world.files[file.id].content == CONTENT
        assert self.new_files() == ["clip.mp4"]

    def replace(self) -> None:
        before = self.drive.stat(self.file)
        file = self.drive.upload(self.path, self.folder, "old.mp4", replace=before)
        assert self.server.world.files[self.file].content == CONTENT
        assert (file.id, self.new_files()) == (self.file, [])

    def download(self) -> None:
        target = self.path.with_name("back.mp4")
        self.drive.download(self.file, target)
        assert target.read_bytes() == b"old" * 200_000
        assert sorted(p.name for p in target.parent.glob("*.mp4*")) == ["back.mp4", "clip.mp4"]

    def list(self) -> None:
        self.server.files.page_size = 1
        paths = [file.path for file in self.drive.list_all(recursive=True)]
        assert sorted(paths) == ["Team", "Team/new.mp4", "Team/old.mp4"]

    def changes(self) -> None:
        page = self.drive.changes(self.token)
        assert [file.path for file in page.files] == ["Team/new.mp4"]

    def create_folder(self) -> None:
        self.drive.create_folder("Results", self.folder)
        assert self.new_files() == ["Results"]

    def move(self) -> None:
        assert self.drive.move(self.file, None, "moved.mp4").path == "moved.mp4"
        assert self.server.world.files[self.file].name == "moved.mp4"

    def trash(self) -> None:
        self.drive.trash(self.file)
        assert self.server.world.files[self.file].trashed

    def share(self) -> None:
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)
        (given,) = self.drive.share(self.file, ["coach@example.org"], expires=end)
        assert given.who == "coach@example.org"
        assert len(self.server.world.files[self.file].permissions) == 2

    def unshare(self) -> None:
        permission = self.server.world.grant(
            self.server.world.files[self.file], "user", "reader", "coach@example.org"
        )
        self.drive.unshare(self.file, permission["id"])
        assert len(self.server.world.files[self.file].permissions) == 1

    def search(self) -> None:
        assert [file.path for file in self.drive.search("old")] == ["Team/old.mp4"]

    def quota(self) -> None:
        assert self.drive.quota().used == self.server.world.used()


CALLS = [name for name in vars(Scene) if not name.startswith("_") and name != "new_files"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_survives_any_one_failure(
    server: GoogleServer,
    drive: GoogleDrive,
    waits: list[float],
    tmp_path: Path,
    call: str,
    fault: str,
) -> None:
    for skip in range(20):
        server.faults.clear()
        scene = Scene(server, drive, tmp_path)
        server.faults.clear()
        waits.clear()
        server.faults.add(**FAULTS[fault], skip=skip)
        if (call, fault) == ("changes", "expired") and skip == 0:
            with pytest.raises(TokenExpiredError):  # only the caller can list everything
                scene.changes()
        else:
            getattr(scene, call)()
        reached = len(server.faults.log) > skip
        if reached and fault == "429":
            assert max(waits) >= 7
        for item in list(server.world.files.values()):
            if item.parent == server.world.root:
                server.world.remove(item.id)
        if not reached:
            break
    else:
        pytest.fail("the call made more requests than expected")
    assert skip >= 1


@pytest.mark.parametrize("call", CALLS)
def test_an_outage_is_transient_and_bounded(
    server: GoogleServer, drive: GoogleDrive, waits: list[float], tmp_path: Path, call: str
) -> None:
    scene = Scene(server, drive, tmp_path)
    server.faults.clear()
    server.faults.add("status", status=503, times=1000)
    with pytest.raises(TransientError, match="503"):
        getattr(scene, call)()
    assert 5 <= len(server.faults.log) <= 6
    assert scene.new_files() == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, "storageQuotaExceeded"),
        (403, "dailyLimitExceeded"),
        (403, "insufficientFilePermissions"),
        (403, "teamDriveFileLimitExceeded"),
        (400, "badRequest"),
    ],
)
def test_a_refusal_is_tried_once_and_named(
    server: GoogleServer,
    drive: GoogleDrive,
    waits: list[float],
    tmp_path: Path,
    status: int,
    reason: str,
) -> None:
    scene = Scene(server, drive, tmp_path)
    server.faults.add("status", match="/upload/", status=status, reason=reason, times=1000)
    with pytest.raises(PermanentError, match=reason):
        scene.upload()
    assert sum("/upload/" in line for line in server.faults.log) == 1
    assert waits == []


def test_a_long_wait_is_left_to_the_caller(
    server: GoogleServer, drive: GoogleDrive, waits: list[float]
) -> None:
    server.faults.add("status", match="files/root", status=429, retry_after_s=3600)
    with pytest.raises(TransientError) as caught:
        drive.check()
    assert caught.value.retry_after_s == 3600
    assert waits == []


def test_a_server_that_says_nothing_is_given_up(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive]
) -> None:
    server.faults.add("stall", match="files/root")
    drive = open_drive(timeout_s=0.2)
    drive.check()
    assert sum("files/root" in line for line in server.faults.log) == 2


def test_a_partial_listing_is_never_taken_for_all(
    server: GoogleServer, drive: GoogleDrive, waits: list[float]
) -> None:
    for number in range(4):
        server.world.add_file(f"{number}.txt")
    server.faults.add("partial", match="files?", times=2)
    assert len(list(drive.list_all())) == 4
    assert len(waits) == 2
    server.faults.add("partial", match="files?", times=1000)
    with pytest.raises(TransientError, match="everywhere"):
        list(drive.list_all())


def test_nobody_listens(tmp_path: Path, waits: list[float]) -> None:
    from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig
    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive

    config = GoogleDriveConfig(kind="google", api_endpoint="http://127.0.0.1:9")
    with pytest.raises(JarvisError, match="does not answer") as caught:
        GoogleDrive(config, tmp_path, sleep=waits.append).check()
    assert isinstance(caught.value, TransientError)
    assert len(waits) == 4


@pytest.mark.parametrize("call", ["upload", "replace", "move", "share", "download"])
@pytest.mark.parametrize("skip", range(1, 9))
def test_an_outage_that_begins_midway_is_bounded_too(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path, call: str, skip: int
) -> None:
    scene = Scene(server, drive, tmp_path)
    server.faults.clear()
    server.faults.add("status", status=503, skip=skip, times=1000)
    try:
        getattr(scene, call)()
    except TransientError:
        # A piece of an upload may first ask whether the file has arrived.
        assert skip + 5 <= len(server.faults.log) <= skip + 6
    assert len(server.faults.log) <= skip + 6
