"""Prometheus and Alertmanager behind the gateway, and the route to Grafana.

Both are run with the flags of ``docker-compose.yml`` and with everything switched on that changes
something. In Grafana's place stands what tells what it was sent.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import yaml

from tests.gateway.browser import find_chromium, open_browser
from tests.gateway.conftest import PASSWORD
from tests.gateway.real import FORM, Gateway, eventually, refused
from tests.servers import Server, _answers, _environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gateway.conftest import Login

ROOT = Path(__file__).parents[2]
PROGRAMS = {"prometheus": "prometheus", "alertmanager": "prometheus-alertmanager"}
JSON = {"Content-Type": "application/json"}
CHANGES = (
    "/prometheus/-/reload",
    "/prometheus/-/quit",
    "/prometheus/%2d/quit",
    "/prometheus//-//quit",
    "/prometheus/api/v1/admin/tsdb/snapshot",
    "/prometheus/api/v1/admin/tsdb/clean_tombstones",
    "/prometheus/api/v1/admin/tsdb/delete_series?match[]=up",
    "/prometheus/api/v1/write",
    "/prometheus/api/v1/read",
    "/prometheus/api/v1/query/x",
    "/alertmanager/-/reload",
    "/alertmanager/api/v2/silences",
    "/alertmanager/api/v2/alerts",
)


@pytest.fixture(scope="module")
def pages(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway, with both programs behind it."""
    found = {name: shutil.which(program) for name, program in PROGRAMS.items()}
    if not all(found.values()):
        pytest.skip("apt-get install prometheus prometheus-alertmanager")
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "1s"},
                "scrape_configs": [
                    {
                        "job_name": "prometheus",
                        "static_configs": [
                            {"targets": [f"127.0.0.1:{gateway.ports['prometheus']}"]}
                        ],
                    }
                ],
            }
        )
    )
    shutil.copy(ROOT / "deploy/alertmanager/alertmanager.yml", folder)
    own = {
        "prometheus": (
            f"--storage.tsdb.path={folder / 'tsdb'}",
            "--web.enable-lifecycle",
            "--web.enable-admin-api",
            "--web.enable-remote-write-receiver",
        ),
        "alertmanager": (f"--storage.path={folder / 'am'}", "--cluster.listen-address="),
    }
    servers = []
    for name, program in found.items():
        url = f"http://127.0.0.1:{gateway.ports[name]}"
        command = [
            program or "",
            f"--config.file={folder / name}.yml",
            f"--web.listen-address={url.removeprefix('http://')}",
            f"--web.external-url={gateway.origin}/{name}/",
            "--web.route-prefix=/",
            *own[name],
        ]
        servers.append(Server(url, command, folder, _environment(), _answers(f"{url}/-/ready")))
    try:
        for server in servers:
            server.start()
        yield gateway
    finally:
        for server in servers:
            server.stop()


def test_who_may_look_asks_prometheus(pages: Gateway) -> None:
    for name in ("ada", "ops", "dev"):
        token = pages.token(name)
        first = pages.ask("GET", "/prometheus/", token=token)
        assert first.status == 200 or first.headers["location"].startswith("/prometheus/")
        asked = pages.ask("GET", "/prometheus/api/v1/query?query=1%2B1", token=token)
        assert asked.json["data"]["result"][1] == "2"
        posted = urlencode({"query": "1+1"})
        asked = pages.ask("POST", "/prometheus/api/v1/query", posted, FORM, token=token)
        assert asked.json["status"] == "success"


@pytest.mark.parametrize("path", CHANGES)
def test_who_may_only_look_changes_nothing(pages: Gateway, path: str) -> None:
    dev, method = pages.token("dev"), "POST"
    for method in ("POST", "PUT"):
        answer = pages.ask(method, path, "{}", JSON, token=dev)
        refused(pages, answer, 403, "dev", f"page.{path.split('/')[1]}")
    if "prometheus" in path:  # of which operators look after the alerts alone
        refused(pages, pages.ask("POST", path, "{}", JSON, token=pages.token("ops")), 403, "ops")
    # What reads cannot be made to write.
    for way in ({"X-HTTP-Method-Override": "POST"}, {"X-Method-Override": "PUT"}):
        answer = pages.ask("GET", path, headers=way, token=dev)
        assert answer.status in (200, 301, 302, 404, 405), answer.text[:300]
    for way_out in ("api/v1/query/../../../-/quit", "api/v1/query/%2e%2e/%2e%2e/%2e%2e/-/quit"):
        answer = pages.ask("POST", f"/prometheus/{way_out}", "{}", JSON, token=dev)
        refused(pages, answer, 400, "dev")
    for name in PROGRAMS:
        assert pages.ask("GET", f"/{name}/-/ready", token=dev).status == 200


def test_an_admin_may_and_it_is_noted(pages: Gateway) -> None:
    assert pages.ask("POST", "/prometheus/-/reload", token=pages.token("ada")).status == 200
    entry = pages.last_entry()
    assert (entry["by"], entry["action"], entry["allowed"]) == ("ada", "page.prometheus", True)
    assert entry["object"] == "POST /-/reload"


def test_silences_are_made_and_ended_by_operators(pages: Gateway) -> None:
    now = datetime.datetime.now(datetime.UTC)
    silence = {
        "matchers": [{"name": "alertname", "value": "DiskFull", "isRegex": False}],
        "startsAt": now.isoformat(),
        "endsAt": (now + datetime.timedelta(hours=1)).isoformat(),
        "createdBy": "ops",
        "comment": "The disk is being changed.",
    }
    body, silences = json.dumps(silence), "/alertmanager/api/v2/silences"
    dev, ops = pages.token("dev"), pages.token("ops")
    made = pages.ask("POST", silences, body, JSON, token=ops)
    assert made.status == 200, made.text
    entry = pages.last_entry()
    assert (entry["by"], entry["object"]) == ("ops", "POST /api/v2/silences")
    one = f"/alertmanager/api/v2/silence/{made.json['silenceID']}"
    assert pages.ask("GET", one, token=dev).json["status"]["state"] == "active"
    refused(pages, pages.ask("DELETE", one, token=dev), 403, "dev", "page.alertmanager")
    refused(pages, pages.ask("GET", one, token=pages.token("kim")), 403, "kim")
    # A page of somebody else cannot have the browser of an operator do it.
    foreign = {**JSON, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    cookie = pages.sign_in("ops")
    refused(pages, pages.ask("DELETE", one, headers=foreign, cookie=cookie), 403, "ops")
    assert pages.ask("GET", one, token=dev).json["status"]["state"] == "active"
    assert pages.ask("DELETE", one, token=ops).status == 200
    assert pages.ask("GET", one, token=dev).json["status"]["state"] == "expired"


@pytest.mark.parametrize(("name", "role"), [("dev", "Viewer"), ("ops", "Editor")])
def test_grafana_is_told_who_looks_and_what_they_may(
    gateway: Gateway, name: str, role: str
) -> None:
    token = gateway.token(name)
    told = gateway.ask("GET", "/grafana/d/system?orgId=1", token=token)
    assert told.json["path"] == "/grafana/d/system?orgId=1"
    sent = {key.lower(): value for key, value in told.json["headers"].items()}
    assert (sent["jarvis-user"], sent["jarvis-grafana-role"]) == (name, role)
    assert gateway.ask("POST", "/grafana/api/ds/query", "{}", JSON, token=token).status == 200
    saved = gateway.ask("POST", "/grafana/api/dashboards/db", "{}", JSON, token=token)
    if role == "Viewer":
        refused(gateway, saved, 403, name, "page.grafana")
    else:
        assert saved.status == 200


def test_a_page_that_is_not_installed_is_not_there(login: Login) -> None:
    async def opened() -> int:
        async with login.signed_in("ada") as browser:
            asked = {"Jarvis-Target": "/grafana/", "Jarvis-Method": "GET"}
            return (await browser.get("/-/check/grafana", headers=asked)).status_code

    assert asyncio.run(opened()) == 404


@pytest.mark.timeout(900)
@pytest.mark.skipif(find_chromium() is None, reason="no Chromium (apt-get install chromium)")
def test_both_are_seen_in_a_browser(pages: Gateway, tmp_path: Path) -> None:
    asked, token = "/prometheus/api/v1/query?query=up", pages.token("dev")
    eventually(lambda: pages.ask("GET", asked, token=token).json["data"]["result"])
    with open_browser(tmp_path) as browser:
        browser.size(1280, 800)
        browser.open(f"{pages.origin}/prometheus/classic/targets")
        assert "Sign in" in browser.text()
        browser.fill_in("#name", "dev")
        browser.fill_in("#password", PASSWORD)
        browser.press("form[action='/login'] button")
        browser.wait_for("location.pathname === '/prometheus/classic/targets'")
        browser.wait_for("document.body.innerText.includes('Targets')")
        # By the page's own scripts, which ask below the gateway's path.
        browser.open(f"{pages.origin}/prometheus/classic/graph?g0.expr=up&g0.tab=1")
        browser.wait_for("document.body.innerText.includes('up{instance=')")
        browser.open(f"{pages.origin}/alertmanager/")
        assert "Alertmanager" in browser.text()
        assert not [one for one in browser.said if "Content Security Policy" in one], browser.said
