"""Signing in: once with a code, afterwards by the session; never in a loop."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import NotSupportedError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive
from jarvis_dagster.services.client_storage.icloud.login import sign_in, stored_password
from tests.fakes.icloud import Account

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig
    from tests.fakes.icloud import ICloudServer

pytestmark = pytest.mark.usefixtures("no_key_ring")


@pytest.fixture
def trusted(trusted: tuple[Account, Path], request: pytest.FixtureRequest) -> tuple[Account, Path]:
    """Nobody has signed in yet where a test does not ask for it."""
    needed = {"signed_in", "drive", "again"} & set(request.fixturenames)
    return trusted if needed else (Account(), trusted[1])


SECRETS = ["correct horse", "123456"]


def _no_code(_prompt: str) -> str:
    raise AssertionError("nobody should be asked for a code")


def _with_password(config: ICloudDriveConfig, password: str) -> ICloudDriveConfig:
    return type(config).model_validate(config.model_dump() | {"password": password})


def _tried(server: ICloudServer, part: str) -> int:
    return len([line for line in server.faults.log if part in line])


def test_a_code_makes_this_machine_trusted(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path
) -> None:
    asked: list[str] = []

    def code(prompt: str) -> str:
        asked.append(prompt)
        return "123 456"

    sign_in(config, state_dir, password="correct horse", ask_code=code)
    assert len(asked) == 1
    assert "phone" in asked[0]
    assert (server.account.codes, server.account.passwords) == (1, 1)
    ICloudDrive(config, state_dir).check()
    server.faults.clear()
    sign_in(config, state_dir, password=pytest.fail, ask_code=_no_code)  # nothing to do
    assert server.faults.log == ["POST /setup/ws/1/validate"]


def test_a_code_may_be_shown_on_a_device(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path
) -> None:
    server.account.second = "device"
    asked: list[str] = []

    def code(prompt: str) -> str:
        asked.append(prompt)
        return "000000" if len(asked) == 1 else "123456"

    sign_in(config, state_dir, password="correct horse", ask_code=code)
    assert "devices" in asked[0]
    ICloudDrive(config, state_dir).check()


def test_accounts_of_mainland_china_have_servers_of_their_own(
    config: ICloudDriveConfig, state_dir: Path
) -> None:
    from jarvis_dagster.services.client_storage.icloud.session import open_account

    changes = {"china_mainland": True, "setup_url": "", "auth_url": ""}
    account = open_account(config.model_copy(update=changes), state_dir)
    assert account._setup_endpoint == "https://setup.icloud.com.cn/setup/ws/1"
    assert account._auth_endpoint.startswith("https://idmsa.apple.com/")


def test_session_files_are_private_and_hold_no_password(
    config: ICloudDriveConfig, state_dir: Path, signed_in: None, drive: ICloudDrive
) -> None:
    drive.check()
    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700
    files = [path for path in state_dir.rglob("*") if path.is_file()]
    assert {".session", ".cookiejar"} <= {path.suffix for path in files}
    for path in files:
        if path.suffix in (".session", ".cookiejar"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not any(secret.encode() in path.read_bytes() for secret in SECRETS)
    assert "correct horse" not in repr(_with_password(config, "correct horse"))


def test_a_wrong_code_can_be_typed_again_twice(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path
) -> None:
    codes = iter(["no digits", "000000", "123456"])
    sign_in(config, state_dir, password=lambda: "correct horse", ask_code=lambda _: next(codes))
    ICloudDrive(config, state_dir).check()
    server.account.forget()
    with pytest.raises(PermanentError, match="did not accept the code"):
        sign_in(config, state_dir, password="correct horse", ask_code=lambda _: "000000")
    assert _tried(server, "securitycode") == 5
    assert server.account.passwords == 2


def test_a_wrong_password_is_tried_once(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path
) -> None:
    with pytest.raises(PermanentError, match="Check the password") as caught:
        sign_in(config, state_dir, password="wrong pony", ask_code=_no_code)
    assert "wrong pony" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert server.account.passwords == 1


def test_without_a_password_nobody_is_asked(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path
) -> None:
    with pytest.raises(PermanentError, match="password of coach"):
        sign_in(config, state_dir, ask_code=_no_code)
    assert server.faults.log == []


def test_the_password_may_come_from_the_settings_or_the_key_ring(
    config: ICloudDriveConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring

    assert stored_password(config) is None
    monkeypatch.setattr(keyring, "get_password", lambda *_: "of the ring")
    assert stored_password(config) == "of the ring"
    assert stored_password(_with_password(config, "of the settings")) == "of the settings"

    def broken(*_: str) -> str:
        raise RuntimeError("no key ring")

    monkeypatch.setattr(keyring, "get_password", broken)
    assert stored_password(config) is None


@pytest.mark.parametrize(
    ("state", "error", "match"),
    [
        ({"second": "key"}, NotSupportedError, "security key"),
        ({"terms": True}, PermanentError, "accept_terms"),
        ({"locked": True}, PermanentError, "iforgot"),
        ({"web_access": False}, PermanentError, "on the web"),
        ({"advanced": True}, PermanentError, "Advanced Data Protection"),
    ],
)
def test_accounts_that_cannot_be_used_say_why(
    server: ICloudServer,
    config: ICloudDriveConfig,
    state_dir: Path,
    state: dict[str, object],
    error: type[Exception],
    match: str,
) -> None:
    vars(server.account).update(state)

    def use() -> None:
        sign_in(config, state_dir, password="correct horse", ask_code=lambda _: "123456")
        ICloudDrive(config, state_dir, sleep=lambda _: None).check()

    with pytest.raises(error, match=match):
        use()


def test_new_terms_are_accepted_where_the_settings_say_so(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path
) -> None:
    server.account.terms = True
    config = config.model_copy(update={"accept_terms": True})
    sign_in(config, state_dir, password="correct horse", ask_code=lambda _: "123456")
    assert not server.account.terms


def test_nobody_signed_in_says_how(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path, waits: list[float]
) -> None:
    with pytest.raises(PermanentError, match="`jarvis drive login family`"):
        ICloudDrive(config, state_dir, sleep=waits.append).check()
    assert (server.faults.log, waits) == ([], [])


def test_a_session_is_renewed_without_a_person(drive: ICloudDrive, server: ICloudServer) -> None:
    drive.check()
    server.account.expire_cookies()
    drive.check()
    assert server.account.passwords == 1


def test_a_session_that_has_ended_asks_for_a_person_once(
    drive: ICloudDrive, server: ICloudServer, waits: list[float]
) -> None:
    drive.check()
    server.account.expire_sessions()
    for _ in range(3):
        with pytest.raises(PermanentError, match="`jarvis drive login family`"):
            drive.check()
    assert (server.account.passwords, server.account.codes, waits) == (1, 1, [])


def test_a_password_of_the_settings_renews_a_trusted_machine(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path, signed_in: None
) -> None:
    drive = ICloudDrive(_with_password(config, "correct horse"), state_dir)
    drive.check()
    server.account.expire_sessions()
    drive.check()
    assert (server.account.passwords, server.account.codes) == (2, 1)


@pytest.mark.parametrize("password", ["correct horse", "wrong pony"])
def test_a_password_is_not_tried_again_until_a_person_was_there(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path, signed_in: None, password: str
) -> None:
    config = _with_password(config, password)
    server.account.forget()
    for _ in range(3):
        with pytest.raises(PermanentError, match="`jarvis drive login family`") as caught:
            ICloudDrive(config, state_dir).check()
        assert password not in str(caught.value)
    assert server.account.passwords == 2  # the person's, and one
    assert server.account.codes <= 2
    sign_in(config, state_dir, password="correct horse", ask_code=lambda _: "123456")
    ICloudDrive(config, state_dir).check()
    (state_dir / "password-pause.json").write_text("{damaged")
    server.account.expire_sessions()
    with pytest.raises(PermanentError, match="login family"):
        ICloudDrive(config, state_dir).check()


def test_a_busy_sign_in_is_left_alone_for_a_while(
    server: ICloudServer,
    config: ICloudDriveConfig,
    state_dir: Path,
    signed_in: None,
    waits: list[float],
) -> None:
    config = _with_password(config, "correct horse")
    server.account.expire_sessions()
    server.faults.clear()
    server.faults.add("status", match="signin/init", status=503, times=1)
    for _ in range(3):
        with pytest.raises(TransientError, match="busy") as caught:
            ICloudDrive(config, state_dir, sleep=waits.append).check()
        assert 800 < (caught.value.retry_after_s or 0) <= 900
    assert _tried(server, "signin/init") == 1
    assert waits == []
    (state_dir / "password-pause.json").write_text(json.dumps({"until": 0}))
    ICloudDrive(config, state_dir).check()


@pytest.mark.parametrize("path", ["setup/ws/1", "appleauth"])
def test_an_outage_is_not_a_wrong_password(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path, path: str, signed_in: None
) -> None:
    server.account.forget()
    for fault in ({"kind": "status", "status": 503}, {"kind": "drop"}):
        server.faults.add(**fault, match=path, times=100)
        with pytest.raises(TransientError):
            sign_in(config, state_dir, password="correct horse", ask_code=_no_code)
        server.faults.clear()
    assert server.account.passwords == 1


def test_an_outage_while_a_code_is_checked_is_not_a_wrong_code(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path
) -> None:
    server.faults.add("status", match="securitycode", status=503)
    with pytest.raises(TransientError):
        sign_in(config, state_dir, password="correct horse", ask_code=lambda _: "123456")


def test_an_outage_of_the_set_up_is_waited_for(
    server: ICloudServer, again: Callable[[], ICloudDrive], waits: list[float]
) -> None:
    server.faults.add("status", match="setup/ws/1", status=503, times=4)
    again().check()
    assert waits
    server.faults.add("drop", match="setup/ws/1", times=1000)
    with pytest.raises(TransientError):
        again().check()
    assert server.account.passwords == 1


def test_a_process_that_was_left_behind_does_not_undo_a_sign_in(
    server: ICloudServer, drive: ICloudDrive, config: ICloudDriveConfig, state_dir: Path
) -> None:
    drive.check()
    server.account.forget()
    sign_in(config, state_dir, password="correct horse", ask_code=lambda _: "123456")
    (session,) = state_dir.glob("*.session")
    new = session.read_text()
    left_behind = drive._client._account.session
    left_behind.data["scnt"] = "another"
    left_behind._save_session_data()
    assert session.read_text() == new
    drive.check()  # with the new session
    session.unlink()  # somebody signs this machine out
    drive._client._account.session.data["scnt"] = "yet another"
    drive.check()
    assert not session.exists()


def test_a_server_that_never_answers_is_not_waited_for(
    server: ICloudServer, config: ICloudDriveConfig, state_dir: Path, signed_in: None
) -> None:
    config = config.model_copy(update={"timeout_s": 0.3, "attempts": 2})
    drive = ICloudDrive(config, state_dir, sleep=lambda _: None)
    server.faults.add("stall", match="retrieveItem", times=2)
    with pytest.raises(TransientError, match="cannot be reached"):
        drive.check()
    drive.check()


def test_damaged_session_files_ask_for_a_person(
    config: ICloudDriveConfig, state_dir: Path, signed_in: None
) -> None:
    (session,) = state_dir.glob("*.session")
    (jar,) = state_dir.glob("*.cookiejar")
    jar.write_text("#LWP-Cookies-2.0\ndamaged")
    ICloudDrive(config, state_dir).check()  # the session enters anew
    session.write_text("{damaged")
    with pytest.raises(PermanentError, match="login family"):
        ICloudDrive(config, state_dir).check()


def test_a_server_of_somebody_else_is_not_trusted(
    config: ICloudDriveConfig, state_dir: Path, signed_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    config = config.model_copy(update={"ca_file": None})
    with pytest.raises(PermanentError, match="certificate is not trusted"):
        ICloudDrive(config, state_dir).check()


def test_the_trusted_certificates_of_the_settings_win(
    drive: ICloudDrive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.pem").write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))
    drive.check()


def test_settings_are_checked() -> None:
    from pydantic import ValidationError

    from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig

    def made(**settings: object) -> ICloudDriveConfig:
        return ICloudDriveConfig.model_validate({"kind": "icloud", "apple_id": "a@b.c"} | settings)

    assert made(root="/Hockey//Games/").root == "Hockey/Games"
    for wrong in ({"root": "a/../b"}, {"setup_url": "http://x"}, {"auth_url": "x"}, {"apple": 1}):
        with pytest.raises(ValidationError):
            made(**wrong)
