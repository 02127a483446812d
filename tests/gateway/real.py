"""The whole gateway on loopback: Caddy, the login, two Dagster webservers, MLflow, a store.

Belongs here: starting it once a session, and asking it byte by byte. Does not belong here: what is
asked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import http.server
import json
import secrets
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import yaml

from jarvis_dagster.gateway.caddy import find_caddy
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services, with_embedded
from tests.gateway.conftest import ACCOUNTS, PASSWORD
from tests.servers import Server, _accepts, _answers, _environment, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jarvis_dagster.services.security import JarvisSecurityService
    from jarvis_dagster.services.storage import JarvisStorageService

DEFINITIONS = """
import dagster as dg

@dg.asset
def detections():
    return 1

@dg.asset(deps=[detections])
def tracks():
    return 1

defs = dg.Definitions(assets=[detections, tracks])
"""


@dataclasses.dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


@dataclasses.dataclass
class Gateway:
    """The running gateway."""

    port: int
    security: JarvisSecurityService
    data: Path
    dagster: str
    ports: dict[str, int]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        token: str = "",
        cookie: str = "",
    ) -> Answer:
        """Send exactly this; the path is not tidied up."""
        given = {"Accept": "application/json", **(headers or {})}
        if token:
            given["Authorization"] = f"Bearer {token}"
        if cookie:
            given["Cookie"] = cookie
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.putrequest(method, path, skip_host="Host" in given)
            if isinstance(body, str):
                body = body.encode()
            if body is not None and "Transfer-Encoding" not in given:
                given.setdefault("Content-Length", str(len(body)))
            for name, value in given.items():
                connection.putheader(name, value)
            connection.endheaders()
            if body:
                with contextlib.suppress(OSError):  # it has heard enough
                    connection.send(body)
            got = connection.getresponse()
            cookies = got.headers.get_all("Set-Cookie") or []
            names = {name.lower() for name in got.headers}
            headers_got = {name: ", ".join(got.headers.get_all(name) or []) for name in names}
            return Answer(got.status, headers_got, got.read(), cookies)
        finally:
            connection.close()

    def graphql(self, query: str, **more: Any) -> Answer:
        """A GraphQL request by POST."""
        more.setdefault("headers", {})
        more["headers"] = {"Content-Type": "application/json", **more["headers"]}
        return self.ask("POST", "/dagster/graphql", json.dumps({"query": query}), **more)

    def sign_in(self, name: str) -> str:
        """The cookie of a new session."""
        page = self.ask("GET", "/login", headers={"Accept": "text/html"})
        before = page.cookies[0].partition(";")[0]
        key = page.text.partition('name="form_key" value="')[2].partition('"')[0]
        form = urlencode({"form_key": key, "name": name, "password": PASSWORD, "next": "/"})
        done = self.ask("POST", "/login", form, {**FORM, "Origin": self.origin}, cookie=before)
        assert done.status == 303, done.text
        return next(one for one in done.cookies if one.startswith("jarvis=")).partition(";")[0]

    def token(self, name: str) -> str:
        """A new API token."""
        return self.security.create_token(name, "test")

    def last_entry(self) -> dict[str, Any]:
        """The end of the audit log."""
        return list(self.security.audit.entries())[-1]

    def raw(self, text: bytes) -> bytes:
        """What comes back for bytes that need not be HTTP."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as link:
            link.sendall(text)
            link.shutdown(socket.SHUT_WR)
            parts = []
            while part := link.recv(65536):
                parts.append(part)
        return b"".join(parts)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class _Echo(http.server.BaseHTTPRequestHandler):
    """Stands where Grafana would, and tells what it was sent."""

    def _tell(self) -> None:
        told = json.dumps({"path": self.path, "headers": dict(self.headers.items())}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_DELETE = _tell

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._tell()

    def log_message(self, *_: Any) -> None:
        pass


METRICS = ("prometheus", "alertmanager")
"""Ports on which something answers while ``test_metrics_pages`` has it run."""
_KINDS = ("artifacts", "models", "datasets", "logs")


def _settings(
    folder: Path, store: Server, mlflow: Server, ports: dict[str, int], echo: int
) -> Path:
    here, own = "http://127.0.0.1", f"pages-{secrets.token_hex(4)}"
    content = {
        "stack": {
            "data_dir": str(folder / "data"),
            "ports": {"gateway": ports["gateway"], "login": ports["login"]},
        },
        "storage": {
            "endpoint": store.address,
            "access_key": store.access_key,
            "secret_key": store.secret_key,
            "secure": False,
            **{f"{kind}_bucket": f"{own}-{kind}" for kind in _KINDS},
        },
        "security": {"drive_teams": {"young": "u18", "older": "u20"}},
        "gateway": {
            "largest_request_mb": 1,
            "stream_minutes": 0.05,
            "sign_ins_per_minute": 10_000,
            "refusals_per_minute": 10_000,
            "upstreams": {
                "dagster": f"{here}:{ports['full']}",
                "dagster_viewer": f"{here}:{ports['viewer']}",
                "mlflow": mlflow.url,
                "temporal": f"{here}:{ports['nothing']}",
                "grafana": f"{here}:{echo}",
                "prometheus": f"{here}:{ports['prometheus']}",
                "alertmanager": f"{here}:{ports['alertmanager']}",
            },
        },
    }
    path = folder / "jarvis-core.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="session")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, object_store: Server, mlflow_server: Server
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with running(folder, object_store, mlflow_server) as one:
        yield one


@contextlib.contextmanager
def running(folder: Path, store: Server, mlflow: Server) -> Iterator[Gateway]:
    """The gateway with everything behind it, while it runs."""
    names = ("gateway", "login", "full", "viewer", "code", "nothing", *METRICS)
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    echo = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    path = _settings(folder, store, mlflow, ports, echo.server_address[1])
    settings = with_embedded(load_settings(path))
    core = core_services(settings)
    for name, (role, *teams) in ACCOUNTS.items():
        core.security_service.add_account(name, role, teams=frozenset(teams), password=PASSWORD)
    core.storage_service.ensure_buckets()
    for key, drive in (("Bears-111111111111", "young"), ("Sharks-222222222222", "older")):
        report(core.storage_service, folder / key, key, drive)
    servers = _servers(folder, path, ports)
    try:
        for server in servers:
            server.start()
        yield Gateway(
            ports["gateway"],
            core.security_service,
            folder / "data",
            f"http://127.0.0.1:{ports['full']}/dagster",
            ports,
        )
    finally:
        for server in reversed(servers):
            server.kill()
        echo.shutdown()
        echo.server_close()
        core.close()


def report(storage: JarvisStorageService, folder: Path, key: str, drive: str) -> None:
    """What an analysed video leaves in the store, as far as the pages need it."""
    folder.mkdir()
    name = key.partition("-")[0]
    source = {"drive": drive, "name": f"{name}.mp4", "facts": {"duration_s": 83.0}}
    page = (
        "<!doctype html><title>x</title><style>body { background: rgb(1, 2, 3) }</style>"
        f"<h1>{name}</h1><video src=annotated.mp4></video><script>document.title='run'</script>"
    )
    for asset, file, text in (
        ("footage", "source.json", json.dumps(source)),
        ("game_report", "report.html", page),
        ("game_report", "report.json", "{}"),
        ("annotated_video", "annotated.mp4", "0123456789"),
        ("highlights", "1.jpg", "picture"),
    ):
        path = folder / file
        path.write_text(text)
        storage.put_file(f"artifacts/{key}/{asset}/{file}", path)


def _servers(folder: Path, path: Path, ports: dict[str, int]) -> list[Server]:
    home = folder / "dagster"
    home.mkdir()
    (home / "definitions.py").write_text(DEFINITIONS)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    (home / "workspace.yaml").write_text(
        f"load_from: [{{grpc_server: {{host: 127.0.0.1, port: {ports['code']},"
        " location_name: games}}]\n"
    )
    env = _environment(DAGSTER_HOME=str(home), JARVIS_CONFIG=str(path))
    find_caddy()

    def server(name: str, port: int, ready: Any, *arguments: str) -> Server:
        command = [sys.executable, "-m", *arguments]
        return Server(
            f"http://127.0.0.1:{port}", command, home if "dagster" in name else folder, env, ready
        )

    def webserver(port: int, *more: str) -> Server:
        url = f"http://127.0.0.1:{port}/dagster/server_info"
        return server(
            "dagster",
            port,
            _answers(url),
            "dagster_webserver",
            "-w",
            "workspace.yaml",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--path-prefix",
            "/dagster",
            *more,
        )

    login = f"http://127.0.0.1:{ports['login']}/-/health"
    return [
        server(
            "dagster",
            ports["code"],
            _accepts(ports["code"]),
            "dagster",
            "api",
            "grpc",
            "--python-file",
            "definitions.py",
            "--host",
            "127.0.0.1",
            "--port",
            str(ports["code"]),
            "--location-name",
            "games",
        ),
        webserver(ports["full"]),
        webserver(ports["viewer"], "--read-only"),
        server(
            "login",
            ports["login"],
            _answers(login),
            "jarvis_dagster.gateway",
            "login",
            "--port",
            str(ports["login"]),
        ),
        server(
            "proxy",
            ports["gateway"],
            _accepts(ports["gateway"]),
            "jarvis_dagster.gateway",
            "proxy",
            "--state",
            str(folder / "proxy"),
        ),
    ]


def eventually(told: Any, seconds: float = 240.0) -> Any:
    """The first true value that ``told`` returns."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := told():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def refused(gateway: Gateway, answer: Answer, status: int, by: str, action: str = "") -> dict:
    """See that it was refused, and that the log says whom and what."""
    assert answer.status == status, answer.text[:500]
    entry = gateway.last_entry()
    assert not entry["allowed"], entry
    assert entry["by"] == by, entry
    assert entry["from"] == "127.0.0.1"
    assert not action or entry["action"] == action, entry
    return entry
