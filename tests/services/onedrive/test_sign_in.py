"""Signing in: people and apps, files that nobody else may read, sessions that end."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pydantic
import pytest

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.client_storage.onedrive.auth import Tokens, sign_in
from jarvis_dagster.services.client_storage.onedrive.config import OneDriveConfig
from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive
from jarvis_dagster.services.client_storage.providers import open_drive
from tests.services.onedrive.conftest import settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.onedrive import OneDriveServer
    from tests.services.onedrive.conftest import Waits

__all__: list[str] = []


@pytest.fixture
def kind() -> str:
    return "personal"


@pytest.fixture
def app(server: OneDriveServer) -> OneDriveConfig:
    return settings_of(
        server, tenant="example.org", client_secret=server.login.client_secret, user="x@y.org"
    )


def test_a_person_signs_in_with_a_code(
    server: OneDriveServer, config: OneDriveConfig, state_dir: Path
) -> None:
    shown: list[str] = []
    server.login.pending = 2
    sign_in(config, state_dir, show=shown.append)
    assert len(shown) == 1
    assert "ABCD1234" in shown[0]
    assert "https://login.example/device" in shown[0]
    open_drive(config, state_dir).check()
    assert server.login.asked[-1] != "refresh_token"  # what was signed in is still good
    file = state_dir / "token.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700
    assert [path.name for path in state_dir.iterdir()] == ["token.json"]


def test_signing_in_again_replaces_the_session(
    server: OneDriveServer, config: OneDriveConfig, state_dir: Path
) -> None:
    sign_in(config, state_dir, show=lambda _: None)
    server.login.revoke(session=True)
    sign_in(config, state_dir, show=lambda _: None)
    OneDrive(config, state_dir).check()


def test_nobody_is_signed_in(config: OneDriveConfig, state_dir: Path) -> None:
    with pytest.raises(PermanentError, match="jarvis drive login my-onedrive"):
        OneDrive(config, state_dir).check()


def test_a_person_who_refuses(
    server: OneDriveServer, config: OneDriveConfig, state_dir: Path
) -> None:
    server.login.approves = False
    with pytest.raises(PermanentError, match="authorization_declined"):
        sign_in(config, state_dir, show=lambda _: None)
    with pytest.raises(PermanentError, match="login"):
        OneDrive(config, state_dir).check()


def test_an_access_token_that_is_no_longer_good_is_renewed_once(
    server: OneDriveServer, drive: OneDrive
) -> None:
    drive.check()
    server.login.revoke()
    drive.check()
    assert server.login.asked.count("refresh_token") == 1
    server.login.revoke(session=True)
    server.faults.clear()
    with pytest.raises(PermanentError, match="jarvis drive login my-onedrive"):
        drive.check()
    assert len([line for line in server.faults.log if "/v1.0/" in line]) == 1


def test_a_token_that_is_always_refused_is_not_asked_for_again_and_again(
    server: OneDriveServer, drive: OneDrive
) -> None:
    drive.check()
    server.faults.clear()
    server.faults.add("status", match="/v1.0/", status=401, times=100)
    with pytest.raises(PermanentError, match="jarvis drive login my-onedrive"):
        drive.check()
    assert len([line for line in server.faults.log if "/v1.0/" in line]) == 2


def test_another_process_uses_the_session(
    server: OneDriveServer, drive: OneDrive, config: OneDriveConfig, state_dir: Path
) -> None:
    server.login.revoke()
    drive.check()  # and keeps the new session
    asked = len(server.login.asked)
    OneDrive(config, state_dir).check()
    assert len(server.login.asked) == asked


def test_an_app_signs_in_by_itself(
    server: OneDriveServer, app: OneDriveConfig, state_dir: Path
) -> None:
    shown: list[str] = []
    sign_in(app, state_dir, show=shown.append)
    assert "by itself" in shown[0]
    drive = OneDrive(app, state_dir)
    drive.check()
    server.login.revoke()
    drive.check()
    assert set(server.login.asked) == {"client_credentials"}


def test_an_app_with_a_wrong_secret(
    server: OneDriveServer, app: OneDriveConfig, state_dir: Path
) -> None:
    server.login.client_secret = "another"
    with pytest.raises(PermanentError, match="client_secret") as raised:
        OneDrive(app, state_dir).check()
    assert "the app's secret" not in f"{raised.value!r} {app!r}"


def test_an_unknown_tenant(server: OneDriveServer, state_dir: Path) -> None:
    with pytest.raises(PermanentError, match="tenant"):
        sign_in(settings_of(server, tenant="unknown"), state_dir, show=lambda _: None)


@pytest.mark.parametrize("kind_of_fault", ["drop", "status", "truncate"])
def test_a_sign_in_that_is_away(
    server: OneDriveServer, app: OneDriveConfig, state_dir: Path, waits: Waits, kind_of_fault: Any
) -> None:
    for part in ("/token", "openid-configuration"):
        waits.clear()
        server.faults.add(kind_of_fault, match=part, times=3)
        OneDrive(app, state_dir, sleep=waits).check()
        assert waits
        (state_dir / "token.json").unlink()
    server.login.revoke()
    server.faults.add(kind_of_fault, match="/token", times=1000)
    with pytest.raises(TransientError, match="sign-in"):
        OneDrive(app, state_dir / "other", sleep=waits).check()


@pytest.mark.parametrize("content", ["", "{", "\0", "[1]"])
def test_a_damaged_session_file(config: OneDriveConfig, state_dir: Path, content: str) -> None:
    state_dir.mkdir(parents=True)
    (state_dir / "token.json").write_text(content)
    with pytest.raises(PermanentError, match="jarvis drive login my-onedrive"):
        OneDrive(config, state_dir).check()
    sign_in(config, state_dir, show=lambda _: None)
    OneDrive(config, state_dir).check()


def test_a_server_that_nobody_vouches_for(
    server: OneDriveServer, drive: OneDrive, monkeypatch: pytest.MonkeyPatch, waits: Waits
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(PermanentError, match="certificate"):
        drive._graph.send("GET", f"{server.authority}/x", "a file")


def test_addresses_that_are_not_encrypted_are_not_used(
    server: OneDriveServer, state_dir: Path
) -> None:
    config = settings_of(server, api_endpoint="https://graph.microsoft.com/v1.0")
    graph = OneDrive(config, state_dir)._graph
    local = OneDrive(settings_of(server), state_dir)._graph
    for client, url in (
        (graph, f"{server.address}/up/x"),
        (local, "http://elsewhere.example/up/x"),
        (local, "file:///etc/passwd"),
        (local, "None"),
    ):
        with pytest.raises(PermanentError, match="not encrypted"):
            client.send("PUT", url, "a file", content=b"x")


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"api_endpoint": "http://graph.microsoft.com/v1.0"}, "https"),
        ({"api_endpoint": "ftp://127.0.0.1/v1.0"}, "https"),
        ({"authority": "http://127.0.0.1"}, "https"),
        ({"authority": "https://"}, "https"),
        ({"tenant": "a/b"}, "pattern"),
        ({"client_id": ""}, "client_id"),
        ({"chunk_kib": 500}, "320"),
        ({"chunk_kib": 61_440}, "chunk_kib"),
        ({"folder": "../x"}, "without"),
        ({"client_secret": "x"}, "drive_id"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], wrong: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=wrong):
        OneDriveConfig(**{"kind": "onedrive", "client_id": "x", **settings})


def test_settings_that_can_be(tmp_path: Path) -> None:
    config = OneDriveConfig(
        kind="onedrive",
        client_id="x",
        client_secret=pydantic.SecretStr("hidden"),
        drive_id="b!x",
        folder="/Hockey//Games/",
        api_endpoint="https://graph.microsoft.us/v1.0/",
    )
    assert config.folder == "Hockey/Games"
    assert config.api_endpoint == "https://graph.microsoft.us/v1.0"
    assert "hidden" not in repr(config)
    assert Tokens(config, tmp_path)._scopes == ["https://graph.microsoft.us/.default"]
