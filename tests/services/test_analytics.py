"""JarvisAnalyticsService, its endpoint, and real Prometheus and Alertmanager."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from jarvis_dagster.errors import (
    BadInputError,
    ConfigError,
    NotSupportedError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.analytics import (
    AnalyticsConfig,
    JarvisAnalyticsService,
    serve_metrics,
)
from jarvis_dagster.services.analytics.dashboards import Dashboard, Panel
from tests.fakes.grafana import grafana
from tests.servers import Server, free_ports


@pytest.fixture
def config(tmp_path: Path) -> AnalyticsConfig:
    return AnalyticsConfig(directory=tmp_path / "metrics")


@pytest.fixture
def service(config: AnalyticsConfig) -> Any:
    made = JarvisAnalyticsService(config)
    yield made
    made.close()


def fetch(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return str(answer.read().decode())


def samples(config: AnalyticsConfig) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What the endpoint serves, by name and labels."""
    with serve_metrics(config, "127.0.0.1", 0) as port:
        text = fetch(f"http://127.0.0.1:{port}/metrics")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_kinds_and_second_calls(service: JarvisAnalyticsService, config: AnalyticsConfig) -> None:
    for value in (3, 7.5):
        service.log_metric("queue_length", value, {"queue": "uploads"})
    service.log_counter("videos")
    service.log_counter("videos_total", 2)
    service.log_counter("videos", component=None)
    for value in (0.3, 0.3, 700.0, 1e9):
        service.log_histogram("video_seconds", value, {"queue": 'a "quoted"\nname'})
    got = samples(config)
    assert got["queue_length", (("queue", "uploads"),)] == 7.5
    assert got["videos_total", ()] == 4
    labels = (("queue", 'a "quoted"\nname'),)
    assert got["video_seconds_count", labels] == 4
    assert got["video_seconds_sum", labels] == pytest.approx(1e9 + 700.6)

    def bucket(le: str) -> float:
        return got["video_seconds_bucket", (("le", le), *labels)]

    assert [bucket(le) for le in ("0.25", "0.5", "500.0", "1000.0", "+Inf")] == [0, 2, 2, 3, 4]
    assert 0 <= got["jarvis_system_disk_used_ratio", ()] <= 1
    assert got["jarvis_metrics_read_timestamp_seconds", ()] == pytest.approx(time.time(), abs=60)


def test_components_are_a_label(service: JarvisAnalyticsService, config: AnalyticsConfig) -> None:
    service.log_counter("reports", component="holmes")
    service.log_counter("reports", component="spotlight")
    got = samples(config)
    assert got["reports_total", (("component", "holmes"),)] == 1
    with pytest.raises(BadInputError, match="component"):
        service.log_counter("reports", labels={"component": "x"}, component="holmes")


def test_another_kind_or_other_labels_are_an_error(service: JarvisAnalyticsService) -> None:
    service.log_metric("speed", 1, {"team": "A"})
    with pytest.raises(BadInputError, match="is a gauge, not a counter"):
        service.log_counter("speed", labels={"team": "A"})
    with pytest.raises(BadInputError, match=r"labels \['team'\], not \['player'\]"):
        service.log_metric("speed", 1, {"player": "9"})
    with pytest.raises(BadInputError, match="labels"):
        service.log_metric("speed", 1)


@pytest.mark.parametrize(
    ("name", "served"), [("frames/s", "frames_s"), ("9to5", "_9to5"), ("größe", "gr__e")]
)
def test_names_are_made_safe(
    service: JarvisAnalyticsService, config: AnalyticsConfig, name: str, served: str
) -> None:
    service.log_metric(name, 1)
    assert samples(config)[served, ()] == 1


def test_what_cannot_be_a_metric_is_refused(service: JarvisAnalyticsService) -> None:
    for call in (
        lambda: service.log_metric("", 1),
        lambda: service.log_metric("***", 1),
        lambda: service.log_metric("x", float("nan")),
        lambda: service.log_metric("x", "many"),  # type: ignore[arg-type]
        lambda: service.log_counter("x", -1),
        lambda: service.log_counter("x", float("inf")),
        lambda: service.log_histogram("x", float("inf")),
        lambda: service.log_histogram("x", 1, {"le": "1"}),
        lambda: service.log_metric("x", 1, {"a-b": "1"}),
        lambda: service.log_metric("x", 1, {"__name__": "1"}),
    ):
        with pytest.raises(BadInputError):
            call()


def _count(directory: Path, times: int) -> None:
    service = JarvisAnalyticsService(AnalyticsConfig(directory=directory))
    for _ in range(times):
        service.log_counter("work", labels={"kind": "a"})
    os.kill(os.getpid(), signal.SIGKILL)  # no exit handler runs


def test_processes_that_are_killed_lose_nothing(config: AnalyticsConfig) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count, args=(config.directory, 50)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(240)
    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL] * 3
    assert samples(config)["work_total", (("kind", "a"),)] == 150


def test_threads_share_a_service(service: JarvisAnalyticsService, config: AnalyticsConfig) -> None:
    threads = [
        threading.Thread(target=lambda: [service.log_counter("n") for _ in range(50)])
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert samples(config)["n_total", ()] == 300


def test_a_folder_that_cannot_be_used_has_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(PermanentError, match=r"analytics\.directory"):
        JarvisAnalyticsService(AnalyticsConfig(directory=tmp_path / "file" / "x")).check()
    (tmp_path / "metrics.sqlite3").write_bytes(b"not a database" * 100)
    with pytest.raises(PermanentError, match="damaged"):
        JarvisAnalyticsService(AnalyticsConfig(directory=tmp_path)).log_counter("x")


def test_a_taken_port_is_named(config: AnalyticsConfig) -> None:
    with (
        serve_metrics(config, "127.0.0.1", 0) as port,
        pytest.raises(ConfigError, match=str(port)),
        serve_metrics(config, "127.0.0.1", port),
    ):
        pass


def test_the_endpoint_is_a_process_that_stops_when_told(config: AnalyticsConfig) -> None:
    (port,) = free_ports(1)
    JarvisAnalyticsService(config).log_counter("seen")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jarvis_dagster.services.analytics"),
            *("--port", str(port)),
        ],
        cwd=config.directory,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        deadline = time.monotonic() + 240
        while True:
            try:
                text = fetch(f"http://127.0.0.1:{port}/metrics")
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert "seen_total 1.0" in text
        process.terminate()
        assert process.wait(240) == 0
    finally:
        process.kill()
        process.wait()


def test_prometheus_scrapes_what_was_logged(
    service: JarvisAnalyticsService, config: AnalyticsConfig, prometheus: Server
) -> None:
    service.log_counter("goals", 5, {"team": "A"})
    service.log_histogram("shift_seconds", 42)
    targets = prometheus.folder / "targets"
    targets.mkdir(exist_ok=True)

    def query(expression: str) -> list[dict[str, Any]]:
        quoted = urllib.parse.quote(expression)
        answer = json.loads(fetch(f"{prometheus.url}/api/v1/query?query={quoted}"))
        assert answer["status"] == "success"
        return list(answer["data"]["result"])

    with serve_metrics(config, "127.0.0.1", 0) as port:
        (targets / "jarvis.json").write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"]}]))
        deadline = time.monotonic() + 240
        while not (found := query("goals_total")):
            assert time.monotonic() < deadline, "never scraped"
            time.sleep(0.2)
        assert found[0]["value"][1] == "5"
        assert found[0]["metric"]["team"] == "A"
        (quantile,) = query("histogram_quantile(0.5, shift_seconds_bucket)")
        assert 25 < float(quantile["value"][1]) <= 50


def test_a_dashboard_is_a_file_for_grafana(
    service: JarvisAnalyticsService, config: AnalyticsConfig
) -> None:
    board = {
        "title": "Größe & speed 🏒",
        "panels": [
            {"title": "Videos", "expr": "videos_total", "type": "stat"},
            {"title": "Time", "expr": "rate(video_seconds_sum[5m])", "unit": "s"},
            {"title": "Third", "expr": "up"},
        ],
    }
    uid = service.create_dashboard(board)
    assert service.create_dashboard(board) == uid
    (path,) = (config.directory / "dashboards").iterdir()
    assert path.name == f"{uid}.json"
    content = json.loads(path.read_text("utf-8"))
    assert (content["title"], content["uid"]) == (board["title"], uid)
    assert [p["targets"][0]["expr"] for p in content["panels"]] == [
        "videos_total",
        "rate(video_seconds_sum[5m])",
        "up",
    ]
    assert [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in content["panels"]] == [
        (0, 0),
        (12, 0),
        (0, 8),
    ]
    assert len({p["id"] for p in content["panels"]}) == 3


@pytest.mark.parametrize(
    ("board", "message"),
    [
        ({}, "title"),
        ({"title": "x", "panels": []}, "panels"),
        ({"title": "x", "panels": [{"title": "y"}]}, r"panels\.0: .*either expr or queries"),
        ({"title": "x", "panels": [{"title": "y", "expr": "z", "type": "pie"}]}, "type"),
        ({"title": "x", "panels": [{"title": "y", "expr": "z"}], "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_dashboard_is_explained(
    service: JarvisAnalyticsService, board: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        service.create_dashboard(board)


def test_a_dashboard_is_put_into_grafana(config: AnalyticsConfig) -> None:
    board = {"title": "Speed", "panels": [{"title": "Videos", "expr": "videos_total"}]}
    with grafana() as server:
        service = JarvisAnalyticsService(
            config.model_copy(
                update={
                    "grafana_url": server.url,
                    "grafana_token": SecretStr(server.token),
                    "attempts": 2,
                }
            )
        )
        server.answers = [503]  # it starts
        uid = service.create_dashboard(board)
        assert service.create_dashboard(board) == uid
        held = server.dashboards[uid]
        assert (held["dashboard"]["title"], held["dashboard"]["version"]) == ("Speed", 2)
        assert server.folders[held["folder"]] == "Jarvis"
        server.token = "glsa_another"
        with pytest.raises(PermanentError, match="Invalid API key") as caught:
            service.create_dashboard(board)
        assert "glsa_test" not in str(caught.value)
        server.answers = [500, 500]
        with pytest.raises(TransientError, match="HTTP 500"):
            service.create_dashboard(board)
    with pytest.raises(TransientError, match="grafana_url"):
        service.create_dashboard(board)
    service.close()


def test_alerts_are_listed_and_silenced(config: AnalyticsConfig, alertmanager: Server) -> None:
    service = JarvisAnalyticsService(
        config.model_copy(update={"alertmanager_url": alertmanager.url})
    )
    for name, severity in (("Noisy", "warning"), ("Grave", "critical")):
        service.send_alert(
            {"name": name, "summary": f"{name}!", "severity": severity, "labels": {"of": "test"}}
        )
    known = [one for one in service.alerts() if one.labels.get("of") == "test"]
    assert [(one.name, one.state) for one in known] == [("Grave", "told"), ("Noisy", "told")]
    first = service.silence({"alertname": "Noisy"}, 1, by="ada", why="a test")
    assert service.silence({"alertname": "Noisy"}, 2, by="ada", why="longer") == first
    (held,) = service.silences()
    assert (held.matchers, held.by, held.why) == ({"alertname": "Noisy"}, "ada", "longer")
    deadline = time.monotonic() + 240
    while {one.name: one.state for one in service.alerts()}["Noisy"] != "silenced":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    service.end_silence(first)
    assert service.silences() == []
    with pytest.raises(BadInputError, match="no silence"):
        service.end_silence("00000000-0000-0000-0000-000000000000")
    for matchers, hours, why in (({}, 1, "x"), ({"a": "b"}, 0, "x"), ({"a": "b"}, 1, " ")):
        with pytest.raises(BadInputError):
            service.silence(matchers, hours, by="ada", why=why)
    service.close()
    with pytest.raises(NotSupportedError, match="alertmanager_url"):
        JarvisAnalyticsService(config).alerts()


def test_alerts_reach_alertmanager_once(config: AnalyticsConfig, alertmanager: Server) -> None:
    service = JarvisAnalyticsService(
        config.model_copy(update={"alertmanager_url": alertmanager.url})
    )
    service.check()
    alert = {
        "name": "DiskFull",
        "summary": "Größe: 95 %",
        "severity": "critical",
        "labels": {"host": "a"},
    }
    service.send_alert(alert)
    service.send_alert(alert)
    found = [
        a
        for a in json.loads(fetch(f"{alertmanager.url}/api/v2/alerts"))
        if a["labels"]["alertname"] == "DiskFull"
    ]
    assert len(found) == 1
    assert found[0]["labels"] == {"alertname": "DiskFull", "severity": "critical", "host": "a"}
    assert found[0]["annotations"]["summary"] == "Größe: 95 %"
    service.send_alert({**alert, "resolved": True})
    assert "DiskFull" not in fetch(f"{alertmanager.url}/api/v2/alerts")
    service.close()


def test_alerts_need_an_alertmanager(service: JarvisAnalyticsService, tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match="alertmanager_url"):
        service.send_alert({"name": "X", "summary": "y"})
    for bad in ({}, {"name": "X", "summary": "y", "severity": "bad"}, {"name": "X"}):
        with pytest.raises(BadInputError):
            service.send_alert(bad)
    (port,) = free_ports(1)
    away = JarvisAnalyticsService(
        AnalyticsConfig(directory=tmp_path, alertmanager_url=f"http://127.0.0.1:{port}", attempts=2)
    )
    with pytest.raises(TransientError, match="cannot be reached"):
        away.send_alert({"name": "X", "summary": "y"})
    with pytest.raises(TransientError):
        away.check()
    away.close()


def test_config_is_strict_and_documented() -> None:
    for model in (AnalyticsConfig, Dashboard, Panel):
        assert all(field.description for field in model.model_fields.values())
    for url in ("alertmanager:9093", "http://user:secret@host"):
        with pytest.raises(ValueError, match="alertmanager_url") as caught:
            AnalyticsConfig(directory=Path(), alertmanager_url=url)
        assert "secret" not in str(caught.value)
