"""Attacks on the running gateway: each is refused, and noted.

The proxy, the login, Dagster's webservers and MLflow are the real ones.
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest

from tests.gateway.real import FORM, eventually, refused

if TYPE_CHECKING:
    from tests.gateway.real import Gateway

pytestmark = pytest.mark.timeout(900)  # the servers need 20 s, and minutes on a busy machine

RELOAD = "mutation { reloadWorkspace { __typename } }"
PERMISSIONS = "{ permissions { permission value } }"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/dagster/server_info"),
        ("POST", "/dagster/graphql"),
        ("POST", "/dagster/report_asset_materialization/detections"),
        ("GET", "/dagster/logs/x"),
        ("GET", "/mlflow/api/2.0/mlflow/experiments/get?experiment_id=0"),
        ("POST", "/mlflow/api/2.0/mlflow/experiments/create"),
        ("DELETE", "/alertmanager/api/v2/silence/1"),
        ("GET", "/prometheus/api/v1/query?query=up"),
        ("POST", "/prometheus/-/reload"),
        ("GET", "/grafana/api/search"),
        ("GET", "/temporal/api/v1/namespaces"),
        ("GET", "/reports"),
        ("GET", "/account"),
    ],
)
def test_nobody_gets_nothing(gateway: Gateway, method: str, path: str) -> None:
    body = "a=b" if method == "POST" else None
    answer = gateway.ask(method, path, body, FORM if body else None)
    refused(gateway, answer, 401, "unknown")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    page = gateway.ask("GET", path, headers={"Accept": "text/html"})
    assert page.status == 303
    assert page.headers["location"].startswith("/login?next=/")


def test_what_is_not_there_is_not_there(gateway: Gateway) -> None:
    ada = gateway.token("ada")
    assert gateway.ask("GET", "/nothing", token=ada).status == 404
    for path in ("/-/check/dagster", "/%2d/graphql", "//-/failed/400"):  # the proxy's own
        answer = gateway.ask("POST", path, "{}", {"Jarvis-Target": "/x"}, token=ada)
        assert refused(gateway, answer, 404, "unknown", "gateway")["object"] == f"POST {path}"


@pytest.mark.parametrize("method", ["FOO", "TRACE", "OPTIONS", "CONNECT"])
def test_a_page_of_ours_takes_no_strange_method(gateway: Gateway, method: str) -> None:
    answer = gateway.ask(method, "/login", token=gateway.token("ada"))
    assert refused(gateway, answer, 405, "unknown", "gateway")["object"] == f"{method} /login"


def test_who_may_sees_and_changes(gateway: Gateway) -> None:
    dev, ops = gateway.token("dev"), gateway.token("ops")
    seen = gateway.ask("GET", "/dagster/server_info", token=dev)
    assert seen.status == 200
    assert seen.headers["x-content-type-options"] == "nosniff"
    assert seen.headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in seen.headers["content-security-policy"]
    assert seen.headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert not {"server", "via", "strict-transport-security"} & set(seen.headers)  # http here
    told = gateway.graphql(PERMISSIONS, token=dev).json["data"]["permissions"]
    assert not any(one["value"] for one in told if one["permission"].startswith("launch"))
    told = gateway.graphql(PERMISSIONS, token=ops).json["data"]["permissions"]
    assert all(one["value"] for one in told if one["permission"].startswith("launch"))
    done = gateway.graphql(RELOAD, token=ops)
    assert done.json["data"]["reloadWorkspace"]["__typename"] == "Workspace"
    entry = gateway.last_entry()
    assert (entry["action"], entry["by"], entry["object"]) == (
        "page.dagster",
        "ops",
        "reloadWorkspace",
    )
    made = gateway.ask(
        "POST",
        "/mlflow/api/2.0/mlflow/experiments/create",
        json.dumps({"name": f"by dev {time.time()}"}),
        {"Content-Type": "application/json"},
        token=dev,
    )
    assert made.status == 200, made.text
    assert gateway.last_entry()["object"] == "POST /api/2.0/mlflow/experiments/create"


@pytest.mark.parametrize("name", ["dev", "ops"])
@pytest.mark.parametrize(
    "path",
    [
        "/dagster/graphql?query={}",
        "/dagster//graphql?query={}",
        "/dagster/%67raphql?query={}",
        "/DAGSTER/graphql?query={}",
        "/dagster/graphql?query=%7Bversion%7D&query={}",
        "/dagster/graphql?variables=%7B%7D&query={}&operationName=x",
    ],
)
def test_a_link_changes_nothing(gateway: Gateway, name: str, path: str) -> None:
    cookie, token = gateway.sign_in(name), gateway.token(name)
    link = path.format(quote(RELOAD, safe=""))
    for proof in ({"cookie": cookie}, {"token": token}):
        answer = gateway.ask("GET", link, headers={"Sec-Fetch-Site": "same-origin"}, **proof)
        assert b"reloadWorkspace" not in answer.body or answer.status >= 400
        if answer.status != 404:  # a path that Dagster does not know
            refused(gateway, answer, 405, name, "page.dagster")


def test_a_link_from_elsewhere_does_not_even_ask(gateway: Gateway) -> None:
    link = f"/dagster/graphql?query={quote('{version}')}"
    answer = gateway.ask(
        "GET", link, headers={"Sec-Fetch-Site": "cross-site"}, cookie=gateway.sign_in("ops")
    )
    refused(gateway, answer, 403, "ops")


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", json.dumps({"query": RELOAD}), 403),
        ("application/graphql", RELOAD, 403),
        (
            "application/json",
            json.dumps({"query": "query A { version } " + RELOAD, "operationName": "A"}),
            403,
        ),
        (
            "application/json",
            json.dumps({"query": "mutation { ...F } fragment F on Mutation {" + RELOAD[10:]}),
            403,
        ),
        ("application/json", json.dumps([{"query": RELOAD}]), 400),
        ("application/json", '{"query": "mutation {', 400),
        ("application/json", '{"query": "mutation {"}', 400),
        ("application/json", "[" * 100_000, 400),
        ("application/json", '{"query": "{' + "a " * 50_000 + '}"}', 400),
        ("text/plain", json.dumps({"query": RELOAD}), 400),
        ("application/x-www-form-urlencoded", urlencode({"query": RELOAD}), 400),
        ("multipart/form-data; boundary=x", "--x--", 400),
    ],
)
def test_who_may_only_look_changes_nothing(
    gateway: Gateway, kind: str, body: str, status: int
) -> None:
    path = f"/dagster/graphql?query={quote(RELOAD)}"
    answer = gateway.ask("POST", path, body, {"Content-Type": kind}, token=gateway.token("dev"))
    entry = refused(gateway, answer, status, "dev", "page.dagster")
    assert "mutation" not in json.dumps(entry)


@pytest.mark.parametrize(
    "path",
    [
        "/dagster/report_asset_materialization/detections",
        "/dagster/report_asset_check/detections",
        "/dagster/report_asset_observation/detections",
        "/dagster/graphql/",
        "/dagster/",
        "/mlflow/api/2.0/mlflow/experiments/delete",
        "/mlflow/ajax-api/2.0/mlflow/experiments/delete",
        "/mlflow/api/2.0/mlflow/runs/searchx",
        "/alertmanager/api/v2/silences",
    ],
)
def test_other_ways_to_change_need_the_right(gateway: Gateway, path: str) -> None:
    name = "ops" if "mlflow" in path else "dev"
    answer = gateway.ask(
        "POST", path, "{}", {"Content-Type": "application/json"}, token=gateway.token(name)
    )
    refused(gateway, answer, 403, name)


def test_a_coach_sees_no_page_that_shows_all_teams(gateway: Gateway) -> None:
    token = gateway.token("kim")
    for site in ("dagster", "mlflow", "temporal", "grafana", "prometheus", "alertmanager"):
        refused(gateway, gateway.ask("GET", f"/{site}/", token=token), 403, "kim", f"page.{site}")


@pytest.mark.parametrize(
    "path",
    [
        "/dagster/../mlflow/health",
        "/mlflow/..%2fdagster/server_info",
        "/mlflow/%2e%2e/dagster/server_info",
        "/mlflow/%252e%252e/x",
        "/mlflow/..\\x",
        "/mlflow/%5c..%5cx",
        "/mlflow/x%00.html",
        "/mlflow/x%0aSet-Cookie:%20a=b",
        "/mlflow/%c0%ae%c0%ae/x",
        "//..%2fmlflow/health",
        "/mlflow/health#/x",
        "/mlflow/health?a=b#&c=d",
    ],
)
def test_no_path_leads_out(gateway: Gateway, path: str) -> None:
    answer = gateway.ask("GET", path, token=gateway.token("ops"))
    entry = refused(gateway, answer, 400, "ops")
    assert "\n" not in entry["object"]


def test_no_path_leads_into_files(gateway: Gateway) -> None:
    token = gateway.token("ada")
    for path in (
        "/reports/..%2f..%2f..%2fetc/passwd",
        "/reports/x/..%2f..%2freport.html",
        "/reports/x/%2e%2e/report.html",
        "/static/..%2f__init__.py",
        "/static/%2e%2e/app.py",
        "/static/../app.py",
        "/reports/x/highlights/../../y.html",
    ):
        before = gateway.last_entry()["n"]
        answer = gateway.ask("GET", path, token=token)
        assert answer.status in (400, 404), (path, answer.status)
        entry = gateway.last_entry()
        assert (entry["n"] > before, entry["allowed"]) == (True, False), path
        assert b"root:" not in answer.body
        assert b"import" not in answer.body


def test_too_much_is_refused_before_it_is_taken(gateway: Gateway) -> None:
    token, cookie = gateway.token("ops"), gateway.sign_in("ops")
    much = b"x" * 1_200_000
    sized = gateway.ask(
        "POST", "/dagster/report_asset_check/x", much, {"Content-Type": "a/b"}, token=token
    )
    refused(gateway, sized, 413, "ops", "page.dagster")
    chunked = (
        b"".join(b"%x\r\n%s\r\n" % (100_000, b"x" * 100_000) for _ in range(12)) + b"0\r\n\r\n"
    )
    for path in ("/dagster/graphql", "/dagster/report_asset_check/x"):
        headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        answer = gateway.ask("POST", path, chunked, headers, token=token)
        assert answer.status == 413, (path, answer.status, answer.text[:300])
        assert not gateway.last_entry()["allowed"]
    form = gateway.ask(
        "POST", "/account/tokens", b"a=" + much, {**FORM, "Origin": gateway.origin}, cookie=cookie
    )
    assert form.status == 413
    entry = gateway.last_entry()
    assert (entry["object"], entry["allowed"]) == ("POST /account/tokens", False)
    lie = gateway.ask(
        "POST", "/dagster/report_asset_check/x", None, {"Content-Length": "-5"}, token=token
    )
    assert lie.status == 400


@pytest.mark.parametrize("path", ["/dagster/graphql", "/mlflow/x", "/login", "/nothing"])
@pytest.mark.parametrize("where", ["header", "path"])
def test_too_much_before_the_body_is_refused(gateway: Gateway, path: str, where: str) -> None:
    much, headers = "b" * 60_000, {}
    if where == "header":
        headers = {"A": much}
    else:
        path += "?" + much
    method, token = "POST" if "graphql" in path else "GET", gateway.token("ops")
    answer = gateway.ask(method, path, None, headers, token=token)
    entry = refused(gateway, answer, 431, "unknown", "gateway")
    assert entry["object"] == f"{method} {path.partition('?')[0]}"


def test_half_a_request_is_none(gateway: Gateway) -> None:
    head = b"POST /dagster/graphql HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % gateway.port
    smuggled = head + (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /dagster/server_info HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    # Read as two requests, of which each is asked about: none gets through on another's back.
    told = re.findall(rb"HTTP/1\.1 (\d+)", gateway.raw(smuggled))
    assert told
    assert all(int(status) >= 400 for status in told), told
    for bad in (
        b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b" folded\r\n\r\n",
        b"A\n: b\r\n\r\n",
    ):
        assert gateway.raw(head + bad).startswith(b"HTTP/1.1 400")
    for bad, status in (
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\r\n\r\n", b"400"),
        (b"GET /\x00 HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", b"505"),
        (head + b"A: " + b"b" * 600_000 + b"\r\n\r\n", b"431"),
    ):
        answer = gateway.raw(bad)
        assert answer.startswith(b"HTTP/1.1 " + status), answer[:100]
        assert b"Connection: close" in answer
    assert gateway.ask("GET", "/login").status == 200


def test_nobody_writes_into_the_log(gateway: Gateway) -> None:
    page = gateway.ask("GET", "/login", headers={"Accept": "text/html"})
    key = page.text.partition('name="form_key" value="')[2].partition('"')[0]
    evil = 'x\n{"n": 1, "allowed": true}\r\x1b[2J\u202e'
    form = urlencode({"form_key": key, "name": evil, "password": "p"})
    answer = gateway.ask(
        "POST",
        "/login",
        form,
        {**FORM, "Origin": gateway.origin, "User-Agent": "a\tb"},
        cookie=page.cookies[0].partition(";")[0],
    )
    assert answer.status == 401
    assert "\x1b" not in answer.text
    entry = gateway.last_entry()
    assert entry["action"] == "sign_in"
    lines = (gateway.data / "security" / "audit.jsonl").read_bytes().splitlines()
    assert all(json.loads(line) for line in lines)
    assert json.loads(lines[-1])["by"].isprintable()
    assert gateway.security.audit.verify() == []


def test_a_program_that_is_down_says_so(gateway: Gateway) -> None:
    answer = gateway.ask(
        "GET", "/temporal/", headers={"Accept": "text/html"}, token=gateway.token("ops")
    )
    assert answer.status == 502
    assert "does not answer" in answer.text
    assert eventually(lambda: gateway.ask("GET", "/login").status == 200)


def test_one_team_never_sees_anothers(gateway: Gateway) -> None:
    kim, ada = gateway.token("kim"), gateway.token("ada")
    listed = gateway.ask("GET", "/reports", token=kim).text
    assert "Bears" in listed
    assert "Sharks" not in listed
    assert "Sharks" in gateway.ask("GET", "/reports", token=ada).text
    own = gateway.ask("GET", "/reports/Bears-111111111111/report.html", token=kim)
    assert own.status == 200
    assert "script-src" not in own.headers["content-security-policy"]
    assert own.headers["content-security-policy"].startswith("default-src 'none'")
    film = gateway.ask(
        "GET",
        "/reports/Bears-111111111111/annotated.mp4",
        headers={"Range": "bytes=2-4"},
        token=kim,
    )
    assert (film.status, film.body) == (206, b"234")
    missing = gateway.ask("GET", "/reports/Nobody-333333333333/report.html", token=kim)
    for file in ("report.html", "report.json", "annotated.mp4", "highlights/1.jpg"):
        answer = gateway.ask("GET", f"/reports/Sharks-222222222222/{file}", token=kim)
        refused(gateway, answer, 404, "kim", "page.reports")
        assert answer.body == missing.body  # whether it is there is not told either
