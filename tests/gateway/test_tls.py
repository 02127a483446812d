"""The gateway on https: its own authority, a given certificate, and what cookies are then."""

from __future__ import annotations

import http.client
import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from jarvis_dagster.cli import app
from jarvis_dagster.services.security.audit import AuditLog
from tests.certificates import make_certificate
from tests.gateway.real import eventually
from tests.servers import Server, _accepts, _answers, _environment, free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., int]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """A function that starts the login and the proxy, and returns the port of the proxy."""
    started: list[Server] = []

    def go(**gateway: Any) -> int:
        port, login = free_ports(2)
        content = {
            "stack": {
                "data_dir": str(tmp_path / "data"),
                "ports": {"gateway": port, "login": login},
            },
            "gateway": {"url": f"https://localhost:{port}", "upstreams": {}, **gateway},
        }
        path = tmp_path / "jarvis-core.yaml"
        path.write_text(yaml.safe_dump(content))
        monkeypatch.setenv("JARVIS_CONFIG", str(path))
        env = _environment(JARVIS_CONFIG=str(path))
        state = str(tmp_path / "data" / "gateway")
        for url, ready, words in (
            (
                "http://login",
                _answers(f"http://127.0.0.1:{login}/-/health"),
                ("login", "--port", str(login)),
            ),
            ("http://proxy", _accepts(port), ("proxy", "--state", state)),
        ):
            command = [sys.executable, "-m", "jarvis_dagster.gateway", *words]
            server = Server(url, command, tmp_path, env, ready)
            started.append(server)
            server.start()
        return port

    yield go
    for server in reversed(started):
        server.kill()


def ask(port: int, trusted: str | None = None, host: str = "localhost") -> Any:
    """The login page, by one who trusts that authority alone."""
    context = ssl.create_default_context(cadata=trusted)
    link = http.client.HTTPSConnection("localhost", port, timeout=60, context=context)
    try:
        link.request("GET", "/login", headers={"Accept": "text/html", "Host": f"{host}:{port}"})
        answer = link.getresponse()
        answer.read()
        return answer
    finally:
        link.close()


def test_without_a_certificate_it_has_an_authority_of_its_own(start: Start, tmp_path: Path) -> None:
    port = start()
    root = CliRunner().invoke(app, ["gateway", "authority"]).output
    assert root.startswith("-----BEGIN CERTIFICATE-----")
    answer = ask(port, root)
    assert answer.status == 200
    cookie = answer.getheader("Set-Cookie")
    assert cookie.startswith("jarvis_page=")
    assert "secure" in cookie.lower()
    assert ask(port, root, "evil.example").status == 421
    plain = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    plain.request("GET", "/login")
    assert plain.getresponse().status == 400
    plain.close()
    log = AuditLog(tmp_path / "data" / "security" / "audit.jsonl")
    (noted,) = eventually(lambda: [e for e in log.entries() if e["object"] == "TLS handshake"])
    assert (noted["action"], noted["allowed"], noted["from"]) == ("gateway", False, "127.0.0.1")
    assert "client sent an HTTP request to an HTTPS server" in noted["reason"]
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(port)


def test_a_given_certificate_is_used(start: Start, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    port = start(certificate=str(certificate), certificate_key=str(key))
    answer = ask(port, certificate.read_text())
    assert answer.status == 200
    assert answer.getheader("Strict-Transport-Security")
    told = CliRunner().invoke(app, ["gateway", "authority"])
    assert "no authority of its own" in str(told.exception)
