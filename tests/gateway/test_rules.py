"""Settings, limits, and telling reading from writing, without any server."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pydantic
import pytest
from typer.testing import CliRunner

from jarvis_dagster.cli import app
from jarvis_dagster.gateway.config import GatewayConfig, Upstreams
from jarvis_dagster.gateway.graphql import may_change, question
from jarvis_dagster.gateway.sites import site_of
from jarvis_dagster.services.security.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gateway.conftest import Login


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "http://jarvis.example.org"},
        {"listen": "0.0.0.0"},
        {"url": "http://127.0.0.1:8600", "listen": "0.0.0.0"},
        {"url": "https://jarvis.example.org/path"},
        {"url": "jarvis.example.org"},
        {"url": "https://user@jarvis.example.org"},
        {"url": "https://jarvis.example.org", "certificate": "a.pem"},
        {"certificate": "a.pem", "certificate_key": "b.pem"},
        {"upstreams": {"mlflow": "https://mlflow.example.org"}},
        {"upstreams": {"mlflow": "http://mlflow:5000/path"}},
        {"upstreams": {"other": "http://other"}},
    ],
)
def test_what_would_leave_a_door_open_is_no_setting(settings: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        GatewayConfig.model_validate(settings)


def test_http_on_a_network_has_to_be_meant() -> None:
    assert GatewayConfig(listen="0.0.0.0", insecure_http=True).scheme == "http"
    assert GatewayConfig(url="https://Jarvis.example.org/").url == "https://jarvis.example.org"


@pytest.mark.parametrize(
    ("site", "method", "path", "need"),
    [
        ("dagster", "GET", "/runs", "read"),
        ("dagster", "POST", "/graphql", "read"),  # what is in it is looked into
        ("dagster", "POST", "/graphql/", "write"),
        ("dagster", "POST", "/report_asset_materialization/x", "write"),
        ("mlflow", "POST", "/api/2.0/mlflow/runs/search", "read"),
        ("mlflow", "POST", "/ajax-api/2.0/mlflow/experiments/search", "read"),
        ("mlflow", "POST", "/ajax-api/2.0/mlflow/model-versions/search", "read"),
        ("mlflow", "POST", "/api/2.0/mlflow/runs/delete", "write"),
        ("mlflow", "POST", "/api/2.0/mlflow/runs/search/x", "write"),
        ("mlflow", "PUT", "/api/2.0/mlflow-artifacts/artifacts/0/x", "write"),
        ("prometheus", "POST", "/api/v1/query_range", "read"),
        ("prometheus", "POST", "/-/reload", "write"),
        ("prometheus", "POST", "/api/v1/admin/tsdb/delete_series", "write"),
        ("grafana", "POST", "/api/ds/query", "read"),
        ("grafana", "POST", "/api/dashboards/db", "write"),
        ("alertmanager", "DELETE", "/api/v2/silence/x", "write"),
        ("temporal", "POST", "/api/v1/namespaces/default/workflows/x/terminate", "write"),
    ],
)
def test_what_is_not_known_to_read_writes(site: str, method: str, path: str, need: str) -> None:
    found = site_of(site)
    assert found is not None
    assert found.need(method, path) == need


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ("query={version}", False),
        ("query=query A {version}", False),
        ("query=mutation {x}", True),
        ("QUERY=mutation {x}", True),
        ("query=subscription {x}", True),
        ("query={version}&query=mutation{x}", True),
        ("query=query A{a} mutation B{b}&operationName=A", True),
        ("query=#comment%0amutation{x}", True),
        ("query=%EF%BB%BFmutation{x}", True),
        ("query=", True),
        ("query={", True),
        ("", False),
        ("variables=mutation", False),
    ],
)
def test_a_query_string_that_changes_something_is_seen(query: str, changes: bool) -> None:
    assert may_change(query) == changes


def test_what_is_sent_on_is_what_was_looked_into() -> None:
    twice = b'{"query": "{version}", "query": "mutation {a {b}}", "extensions": {"x": 1}}'
    found = question("application/json; charset=utf-8", twice)
    assert found.changes == ("a",)
    assert found.body == b'{"query": "mutation {a {b}}"}'


def test_the_packaged_policy_keeps_coaches_from_pages_of_all_teams() -> None:
    policy = Policy()
    for name in Upstreams.model_fields:
        assert not policy.allows("user", f"page.{name}", "read")
    assert policy.allows("user", "page.reports", "read")
    assert policy.allows("developer", "page.dagster", "read")
    assert not policy.allows("developer", "page.dagster", "write")
    assert policy.allows("operator", "page.dagster", "write")


def test_floods_are_answered_with_a_time_to_wait_and_noted_once(
    make_login: Callable[..., Login], monkeypatch: pytest.MonkeyPatch
) -> None:
    second = time.time() // 60 * 60 + 1  # all in one minute, however slow the machine
    monkeypatch.setattr(time, "time", lambda: second)
    login = make_login(refusals_per_minute=3, requests_per_minute=5)
    login.add("kim")

    async def flood() -> tuple[list[int], list[int]]:
        async with login.signed_in("kim") as kim, login.browser() as nobody:
            program = {"Accept": "application/json"}
            strangers = [await nobody.get("/reports", headers=program) for _ in range(8)]
            own = [await kim.get("/account") for _ in range(8)]
            assert int(strangers[-1].headers["retry-after"]) > 0
            return [a.status_code for a in strangers], [a.status_code for a in own]

    strangers, own = asyncio.run(flood())
    assert strangers == [401] * 3 + [429] * 5
    assert own == [200] * 5 + [429] * 3  # whoever is signed in is not held up by strangers
    noted = [(one["by"], one["reason"]) for one in login.audit() if not one["allowed"]]
    assert noted.count(("unknown", "Too many requests.")) == 1
    assert noted.count(("kim", "Too many requests.")) == 1


@pytest.mark.parametrize(
    ("path", "status"), [("/-/failed/413", 413), ("/static/..%2f__init__.py", 404)]
)
def test_a_flood_of_nonsense_does_not_fill_the_log(
    make_login: Callable[..., Login], monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    second = time.time() // 60 * 60 + 1
    monkeypatch.setattr(time, "time", lambda: second)
    login = make_login(refusals_per_minute=3)

    async def flood() -> list[int]:
        async with login.browser() as nobody:
            asked = {"Accept": "application/json", "Jarvis-Target": path}
            return [(await nobody.get(path, headers=asked)).status_code for _ in range(8)]

    assert asyncio.run(flood()) == [status] * 3 + [429] * 5
    noted = [one["reason"] for one in login.audit() if not one["allowed"]]
    assert (len(noted), noted.count("Too many requests.")) == (4, 1)


def test_the_command_line_shows_who_sees_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jarvis-core.yaml"
    path.write_text("{}")
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    told = CliRunner().invoke(app, ["gateway", "show"])
    assert told.exit_code == 0, told.output
    assert "http://127.0.0.1:8600" in told.output
    assert "jarvis account add" in told.output
    (row,) = [line for line in told.output.splitlines() if "/dagster/" in line]
    assert row.replace("│", " ").split() == ["Dagster", "/dagster/", "full", "full", "look", "-"]
