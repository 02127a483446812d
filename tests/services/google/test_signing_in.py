"""Credentials of Google: service accounts, people, and what can be wrong with them."""

from __future__ import annotations

import json
import queue
import re
import stat
import subprocess
import sys
import threading
import urllib.request
from typing import TYPE_CHECKING, Any

import pydantic
import pytest

from jarvis_dagster.errors import ConfigError, JarvisError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.config import ClientStorageConfig
from jarvis_dagster.services.client_storage.google.auth import sign_in
from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig
from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
from jarvis_dagster.services.client_storage.service import JarvisClientStorageService

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.google import GoogleServer


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_a_service_account(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive], tmp_path: Path
) -> None:
    key = write(tmp_path / "key.json", server.oauth.service_account())
    open_drive(credentials_file=key).check()
    open_drive(credentials_file=key, subject="coach@example.org").check()
    assert server.oauth.subjects == ["robot@project.example", "coach@example.org"]


def test_one_token_serves_many_threads(server: GoogleServer, drive: GoogleDrive) -> None:
    drive.check()
    server.oauth.access_tokens.clear()
    threads = [threading.Thread(target=drive.check) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 2 <= server.oauth.issued <= 8  # at least one thread took that of another


def test_a_person_signs_in_once(
    server: GoogleServer,
    open_drive: Callable[..., GoogleDrive],
    tmp_path: Path,
) -> None:
    app = write(tmp_path / "app.json", server.oauth.client_secrets())
    with pytest.raises(PermanentError, match="jarvis drive login state"):
        open_drive(credentials_file=app).check()
    config = GoogleDriveConfig(kind="google", credentials_file=app, api_endpoint=server.address)
    state = tmp_path / "state"
    said: queue.Queue[str] = queue.Queue()
    options = {"show": said.put, "open_browser": False}
    person = threading.Thread(target=sign_in, args=(config, state), kwargs=options)
    person.start()
    (address,) = re.findall(r"http\S+", said.get(timeout=240))
    with urllib.request.urlopen(address) as page:
        assert page.status == 200
    person.join()
    token = state / "token.json"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    token.chmod(0o644)
    drive = open_drive(credentials_file=app)
    drive.check()
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    before = token.read_text()
    server.oauth.access_tokens.clear()
    drive.check()
    assert token.read_text() != before  # the new access token is kept
    issued = server.oauth.issued
    open_drive(credentials_file=app).check()
    assert server.oauth.issued == issued
    assert [path.name for path in state.iterdir()] == ["token.json"]


def test_a_person_who_took_it_back(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path, waits: list[float]
) -> None:
    drive.check()
    server.oauth.refresh_tokens.clear()
    server.oauth.access_tokens.clear()
    with pytest.raises(PermanentError, match="jarvis drive login state"):
        drive.check()
    assert waits == []


def test_tokens_that_are_refused_right_away(server: GoogleServer, drive: GoogleDrive) -> None:
    server.faults.add("expire", match="files/root", times=1000)
    with pytest.raises(PermanentError, match="login"):
        drive.check()


def test_a_token_server_that_is_down(
    server: GoogleServer,
    drive: GoogleDrive,
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", waits.append)
    server.faults.add("status", match="/token", status=503, times=3)
    server.faults.add("drop", match="/token", times=2)
    drive.check()
    server.oauth.access_tokens.clear()
    server.faults.add("status", match="/token", status=503, times=1000)
    with pytest.raises(TransientError, match="does not answer"):
        drive.check()


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        "{}",
        '{"type": "service_account"}',
        '{"type": "service_account", "client_email": "a", "private_key": "SECRET"}',
        '{"type": "authorized_user", "refresh_token": "SECRET"}',
    ],
)
def test_files_that_are_no_credentials(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    config = GoogleDriveConfig(kind="google", credentials_file=path)
    with pytest.raises(ConfigError, match=r"key\.json") as caught:
        GoogleDrive(config, tmp_path).check()
    assert "SECRET" not in "".join(_chain(caught.value))
    path.unlink()
    with pytest.raises(ConfigError, match=r"key\.json"):
        GoogleDrive(config, tmp_path).check()


def test_a_token_file_that_is_damaged(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive], tmp_path: Path
) -> None:
    app = write(tmp_path / "app.json", server.oauth.client_secrets())
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "token.json").write_text('{"refresh_token": "SECRET"')
    with pytest.raises(ConfigError, match="token") as caught:
        open_drive(credentials_file=app).check()
    assert "SECRET" not in "".join(_chain(caught.value))


def test_only_apps_can_be_signed_in_to(server: GoogleServer, tmp_path: Path) -> None:
    key = write(tmp_path / "key.json", server.oauth.service_account())
    config = GoogleDriveConfig(kind="google", credentials_file=key, api_endpoint=server.address)
    with pytest.raises(ConfigError, match="desktop app"):
        sign_in(config, tmp_path)


def test_tokens_never_go_unencrypted_to_another_machine(tmp_path: Path) -> None:
    content = {
        "type": "authorized_user",
        "client_id": "a",
        "client_secret": "b",
        "refresh_token": "c",
        "token_uri": "http://tokens.example.org/token",
    }
    key = write(tmp_path / "user.json", content)
    with pytest.raises(ConfigError, match="not encrypted"):
        GoogleDrive(GoogleDriveConfig(kind="google", credentials_file=key), tmp_path).check()
    for address in ("http://drive.example.org", "ftp://127.0.0.1", "https://", "drive.example.org"):
        for setting in ("api_endpoint", "token_endpoint"):
            with pytest.raises(pydantic.ValidationError):
                GoogleDriveConfig(kind="google", credentials_file=key, **{setting: address})
    with pytest.raises(pydantic.ValidationError, match="credentials_file"):
        GoogleDriveConfig(kind="google")
    with pytest.raises(pydantic.ValidationError, match="256"):
        GoogleDriveConfig(kind="google", credentials_file=key, chunk_kib=1000)


def test_no_secret_is_in_any_message(
    server: GoogleServer, drive: GoogleDrive, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    secrets = [server.oauth.client_secret, *server.oauth.refresh_tokens]
    said = [repr(drive), repr(drive._config)]
    for fault in ("503", "400", "401"):
        server.faults.add("status", match="files/root", status=int(fault), times=1000)
        with pytest.raises(JarvisError) as caught:
            drive.check()
        said += _chain(caught.value)
        server.faults.clear()
    drive.check()
    secrets += server.oauth.access_tokens
    text = "\n".join([*said, *(record.getMessage() for record in caplog.records)])
    assert [secret for secret in secrets if secret in text] == []


def test_settings_open_a_drive(server: GoogleServer, tmp_path: Path) -> None:
    section = {
        "kind": "google",
        "credentials_file": str(write(tmp_path / "user.json", server.oauth.authorized_user())),
        "api_endpoint": f"{server.address}/drive/v3/",
    }
    config = ClientStorageConfig.model_validate(
        {"drives": {"team": section}, "import_dir": str(tmp_path / "in")}
    )
    drive = JarvisClientStorageService(config).drive("team")
    assert isinstance(drive, GoogleDrive)
    server.world.add_file("clip.mp4")
    assert [file.path for file in drive.list_all()] == ["clip.mp4"]
    drive.close()


def test_a_local_server_needs_no_credentials(
    server: GoogleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.oauth, "check", lambda _: None)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    drive = GoogleDrive(GoogleDriveConfig(kind="google", api_endpoint=server.address), tmp_path)
    drive.check()
    drive.close()


def test_the_client_library_is_not_loaded_before_it_is_used() -> None:
    code = (
        "import sys, jarvis_dagster.services.client_storage.google.drive\n"
        "heavy = {'googleapiclient', 'httplib2', 'google.auth'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _chain(error: BaseException | None) -> list[str]:
    said = []
    while error is not None:
        said.append(f"{error} {error!r}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return said
