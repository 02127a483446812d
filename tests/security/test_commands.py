"""Accounts, tokens and the audit log from the command line."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_cli import jarvis as run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("a long walk on thin ice\n")
    return str(path)


@pytest.fixture
def jarvis(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    return functools.partial(run, capsys=capsys)


def test_from_the_first_account_to_a_verified_log(
    jarvis: Callable[..., tuple[int, str, str]], password: str
) -> None:
    added = jarvis("account", "add", "ada", "--role", "admin", "--password-file", password)
    assert added[0] == 0, added
    jarvis("account", "add", "kim", "--team", "u18", "--password-file", password)
    listed = json.loads(jarvis("account", "list", "--json")[1])
    assert [(one["name"], one["role"], one["teams"]) for one in listed] == [
        ("ada", "admin", []),
        ("kim", "user", ["u18"]),
    ]
    token = jarvis("token", "create", "kim", "--label", "laptop")[1].strip()
    assert token.startswith("jarvis_")
    (known,) = json.loads(jarvis("token", "list", "--json")[1])
    assert jarvis("token", "revoke", known["id"])[0] == 0
    verified = jarvis("audit", "verify")
    assert verified[0] == 0
    head = verified[1].split()[-1]
    assert jarvis("audit", "verify", "--head", head)[0] == 0
    assert jarvis("audit", "verify", "--head", f"99:{'0' * 64}")[0] == 1
    entries = json.loads(jarvis("audit", "list", "--json")[1])
    assert [entry["action"] for entry in entries] == [
        "account.add",
        "account.add",
        "token.create",
        "token.revoke",
    ]
    assert token not in jarvis("audit", "list", "--json")[1]


def test_mistakes_are_one_line(jarvis: Callable[..., tuple[int, str, str]], password: str) -> None:
    wrong = jarvis("account", "add", "kim", "--role", "root")  # no password is asked for
    assert wrong[0] == 2
    assert "no role 'root'" in wrong[2]
    assert "cannot be read" in jarvis("account", "add", "kim", "--password-file", "nowhere")[2]
    assert jarvis("token", "revoke", "0" * 16)[0] == 2
    assert jarvis("audit", "verify", "--head", "x")[0] == 2
