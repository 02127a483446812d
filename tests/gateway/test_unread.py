"""What the proxy writes of broken TLS is noted: each address once a time, nothing twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.gateway.unread import LOG_NAME, Unread

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gateway.conftest import Login

BROKEN = "tls: first record does not look like a TLS handshake"
PLAIN = "client sent an HTTP request to an HTTPS server"


def line(address: str, reason: str) -> str:
    """As Caddy writes it."""
    message = f"http: TLS handshake error from {address}:48154: {reason}"
    return json.dumps({"level": "debug", "logger": "http.stdlib", "msg": message}) + "\n"


@pytest.fixture
def unread(login: Login, tmp_path: Path) -> Unread:
    return Unread(tmp_path, login.security)


def noted(login: Login) -> list[tuple[str, str, int]]:
    entries = [one for one in login.audit() if one["object"] == "TLS handshake"]
    assert all((one["allowed"], one["by"]) == (False, "unknown") for one in entries)
    return [(one.get("from", ""), one["reason"], one["times"]) for one in entries]


def test_of_a_flood_one_entry_is_noted(login: Login, unread: Unread, tmp_path: Path) -> None:
    assert not unread.note()
    lines = [line("192.0.2.9", BROKEN)] * 1000 + [line("[2001:db8::1]", PLAIN)]
    (tmp_path / LOG_NAME).write_text("".join(lines))
    assert unread.note()
    expected = [("192.0.2.9", BROKEN.removeprefix("tls: "), 1000), ("2001:db8::1", PLAIN, 1)]
    assert noted(login) == expected
    assert not unread.note()
    assert not Unread(tmp_path, login.security).note()  # nor after a restart
    assert noted(login) == expected


def test_of_many_addresses_the_rest_is_counted(
    login: Login, unread: Unread, tmp_path: Path
) -> None:
    lines = [line(f"192.0.2.{one}", BROKEN) for one in range(150)]
    (tmp_path / LOG_NAME).write_text("".join(lines))
    assert unread.note()
    assert len(noted(login)) == 101
    assert noted(login)[-1] == ("", "of 50 more addresses", 50)


def test_a_file_that_is_full_loses_nothing(login: Login, unread: Unread, tmp_path: Path) -> None:
    log = tmp_path / LOG_NAME
    whole = line("192.0.2.1", BROKEN)
    log.write_text(whole + whole[:30])
    assert unread.note()
    log.write_text(whole * 2)
    log.rename(log.with_name("unread-2026-12-01T00-00-00.000.log"))
    log.write_text(line("192.0.2.2", BROKEN))
    assert unread.note()
    assert [(address, times) for address, _, times in noted(login)] == [
        ("192.0.2.1", 1),
        ("192.0.2.1", 1),
        ("192.0.2.2", 1),
    ]


def test_who_went_away_was_not_refused(login: Login, unread: Unread, tmp_path: Path) -> None:
    gone = (
        "EOF",
        "remote error: tls: unknown certificate",
        "read tcp a->b: connection reset by peer",
    )
    lines = [line("192.0.2.1", reason) for reason in gone]
    lines += ["not JSON\n", '{"msg": 5}\n', "[]\n", line("192.0.2.3", "read tcp a->b: i/o timeout")]
    (tmp_path / LOG_NAME).write_text("".join(lines))
    assert unread.note()
    assert noted(login) == [("192.0.2.3", "not finished in time", 1)]
