"""Nobody gets in who should not."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import AccessDeniedError, BadInputError, ConfigError, ConflictError
from jarvis_dagster.services.security import JarvisSecurityService, SecurityConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "a long walk on thin ice"
DAY = 86_400


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def security(tmp_path: Path, clock: Clock) -> Iterator[JarvisSecurityService]:
    service = JarvisSecurityService(SecurityConfig(directory=tmp_path), clock=clock)
    service.add_account("kim", "user", teams=frozenset({"u18"}), password=PASSWORD)
    yield service
    service.close()


def test_the_right_password_signs_in(security: JarvisSecurityService) -> None:
    principal = security.sign_in("kim", PASSWORD)
    assert (principal.name, principal.role, principal.teams) == ("kim", "user", {"u18"})


@pytest.mark.parametrize(
    ("name", "password"),
    [("kim", "a long walk on thick ice"), ("kim", ""), ("nobody", PASSWORD), ("' or 1=1 --", "x")],
)
def test_anything_else_is_refused_in_the_same_words_and_noted(
    security: JarvisSecurityService, name: str, password: str
) -> None:
    with pytest.raises(AccessDeniedError, match="The name or the password is wrong"):
        security.sign_in(name, password)
    *_, last = security.audit.entries()
    assert (last["action"], last["allowed"], last["by"]) == ("sign_in", False, name)


def test_guessing_has_to_wait_ever_longer(security: JarvisSecurityService, clock: Clock) -> None:
    for _ in range(5):
        with pytest.raises(AccessDeniedError, match="is wrong"):
            security.sign_in("kim", "a guess of somebody")
    with pytest.raises(AccessDeniedError, match="Wait 30 seconds"):
        security.sign_in("kim", PASSWORD)
    clock.now += 31
    with pytest.raises(AccessDeniedError, match="is wrong"):
        security.sign_in("kim", "another guess of his")
    with pytest.raises(AccessDeniedError, match="Wait 60 seconds"):
        security.sign_in("kim", PASSWORD)
    clock.now += 61
    assert security.sign_in("kim", PASSWORD).name == "kim"


def test_passwords_are_not_kept(security: JarvisSecurityService, tmp_path: Path) -> None:
    token = security.create_token("kim")
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert PASSWORD.encode() not in kept
    assert token.rpartition("_")[2].encode() not in kept
    assert b"$argon2id$" in kept


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_passwords_that_are_none_are_refused(
    security: JarvisSecurityService, password: str
) -> None:
    with pytest.raises(BadInputError, match="characters"):
        security.add_account("lee", "user", password=password)


@pytest.mark.parametrize("name", ["", "Kim", "../kim", "kim lee", "-kim", "k" * 65, "kim\n"])
def test_names_that_are_none_are_refused(security: JarvisSecurityService, name: str) -> None:
    with pytest.raises(BadInputError, match="cannot be a name"):
        security.add_account(name, "user", password=PASSWORD)


def test_two_of_one_name_are_refused(security: JarvisSecurityService) -> None:
    with pytest.raises(ConflictError, match="an account kim already"):
        security.add_account("kim", "admin", password=PASSWORD)
    assert security.accounts.get("kim").role == "user"


def test_tokens_expire_and_can_be_revoked(security: JarvisSecurityService, clock: Clock) -> None:
    first, second = security.create_token("kim", "laptop", 1), security.create_token("kim")
    assert security.authenticate(first).name == "kim"
    clock.now += 2 * DAY
    with pytest.raises(AccessDeniedError, match="unknown, expired or revoked"):
        security.authenticate(first)
    assert security.authenticate(second).name == "kim"
    newest = next(one for one in security.tokens.all("kim") if one.label == "")
    assert newest.used == clock.now
    security.revoke_token(newest.id)
    with pytest.raises(AccessDeniedError):
        security.authenticate(second)


def test_forged_tokens_are_refused(security: JarvisSecurityService) -> None:
    token = security.create_token("kim")
    other = security.create_token("kim")
    head, _, secret = token.rpartition("_")
    forged = [
        "",
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        f"{head}_{other.rpartition('_')[2]}",
        token.replace("jarvis_", "jarvis_0"),
        f"{token}\n",
        f"jarvis_{'0' * 16}_{secret}",
        "jarvis_' or 1=1 --_" + "x" * 43,
    ]
    for one in forged:
        with pytest.raises(AccessDeniedError):
            security.authenticate(one)
    assert sum(not entry["allowed"] for entry in security.audit.entries()) == len(forged)
    assert not any(secret in str(entry) for entry in security.audit.entries())


def test_a_new_password_and_a_disabled_account_end_its_tokens(
    security: JarvisSecurityService,
) -> None:
    token = security.create_token("kim")
    security.change_account("kim", password="another walk on thin ice")
    with pytest.raises(AccessDeniedError):
        security.authenticate(token)
    token = security.create_token("kim")
    security.change_account("kim", disabled=True)
    with pytest.raises(AccessDeniedError):
        security.authenticate(token)
    with pytest.raises(AccessDeniedError, match="is wrong"):
        security.sign_in("kim", "another walk on thin ice")


def test_the_last_admin_stays(security: JarvisSecurityService) -> None:
    security.add_account("ada", "admin", password=PASSWORD)
    for change in ({"role": "user"}, {"disabled": True}):
        with pytest.raises(BadInputError, match="ada is the only admin"):
            security.change_account("ada", **change)  # type: ignore[arg-type]
    security.add_account("eve", "admin", password=PASSWORD)
    assert security.change_account("ada", role="user").role == "user"


def test_unknown_roles_and_accounts_are_named(
    security: JarvisSecurityService, tmp_path: Path
) -> None:
    with pytest.raises(BadInputError, match=r"no role 'root'.*admin"):
        security.add_account("lee", "root", password=PASSWORD)
    with pytest.raises(BadInputError, match="no account lee"):
        security.create_token("lee")
    broken = tmp_path / "policy.csv"
    broken.write_text("p, user, artifacts, delete\n")
    with pytest.raises(ConfigError, match=r"Line 1 of .*policy\.csv"):
        JarvisSecurityService(SecurityConfig(directory=tmp_path, policy=broken)).check()


def test_nothing_secret_is_logged(
    security: JarvisSecurityService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = security.create_token("kim")
    security.authenticate(token)
    security.sign_in("kim", PASSWORD)
    with pytest.raises(AccessDeniedError) as refused:
        security.sign_in("kim", "a secret that is wrong")
    said = caplog.text + str(refused.value) + "".join(map(str, security.audit.entries()))
    assert not any(text in said for text in (PASSWORD, token, "a secret that is wrong"))
