"""Every request of every call fails once, in every way; the call succeeds, and only once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import (
    JarvisError,
    PermanentError,
    TokenExpiredError,
    TransientError,
)
from tests.services.google.scene import CALLS, Scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer

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


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("RATE_LIMIT_EXCEEDED", TransientError), ("SERVICE_DISABLED", PermanentError)],
)
def test_a_refusal_in_the_form_of_newer_services(reason: str, kind: type[JarvisError]) -> None:
    import httplib2
    from googleapiclient.errors import HttpError

    from jarvis_dagster.services.client_storage.google.faults import translated

    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
    said = {"code": 403, "message": "no", "status": "PERMISSION_DENIED", "details": [detail]}
    refused = HttpError(httplib2.Response({"status": 403}), json.dumps({"error": said}).encode())
    with pytest.raises(kind, match=reason), translated("It cannot be listed", ""):
        raise refused
