"""From a metric to a person: Prometheus, Alertmanager, the receiver, a channel."""

from __future__ import annotations

import io
import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import SecretStr
from typer.testing import CliRunner

from jarvis_dagster.monitoring.alerts import AlertGroup, alerts_app, notice_of_group
from jarvis_dagster.services.analytics import AnalyticsConfig, JarvisAnalyticsService, serve_metrics
from jarvis_dagster.services.analytics.endpoint import serve_app
from jarvis_dagster.services.notification import JarvisNotificationService, NotificationConfig
from tests.deploy.project import ROOT
from tests.notification.receivers import hook
from tests.servers import Server, _answers, _environment, find_program, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def notifications(folder: Path, port: int) -> JarvisNotificationService:
    return JarvisNotificationService(
        NotificationConfig.model_validate(
            {"directory": folder, "channels": {"x": {"url": f"json://127.0.0.1:{port}/"}}}
        )
    )


def group(*alerts: dict[str, Any], status: str = "firing") -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="DiskFull"}',
        "status": status,
        "receiver": "people",
        "externalURL": "http://am",
        "alerts": [
            {"status": status, "labels": {"alertname": "DiskFull"}, "annotations": {}, **one}
            for one in alerts
        ],
    }


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Any]:
    """Real servers with the project's own rules and routes, quicker."""
    for name in ("prometheus", "prometheus-alertmanager"):
        if find_program(name) is None:
            pytest.skip(f"{name} is not installed (apt-get install prometheus{name[10:]})")
    config = AnalyticsConfig(directory=tmp_path / "metrics")
    service = JarvisAnalyticsService(config)
    prom_port, am_port = free_ports(2)
    with hook() as channel:
        told = notifications(tmp_path / "outbox", channel.port)
        with (
            serve_metrics(config, "127.0.0.1", 0) as metrics,
            serve_app(alerts_app(told, None), "127.0.0.1", 0) as receiver,
        ):
            alertmanager = _alertmanager(tmp_path / "am", am_port, receiver)
            prometheus = _prometheus(tmp_path / "prom", prom_port, am_port, metrics)
            with alertmanager_and(alertmanager, prometheus):
                yield service, channel, alertmanager
    service.close()


class alertmanager_and:
    def __init__(self, *servers: Server) -> None:
        self._servers = servers

    def __enter__(self) -> None:
        for server in self._servers:
            server.start()

    def __exit__(self, *_: object) -> None:
        for server in reversed(self._servers):
            server.kill()


def _alertmanager(folder: Path, port: int, receiver: int) -> Server:
    settings = yaml.safe_load((ROOT / "deploy/alertmanager/alertmanager.yml").read_text("utf-8"))
    route = settings["route"]
    for one in (route, *route["routes"]):
        one |= {"group_wait": "1s", "group_interval": "1s"}
    (hook_config,) = settings["receivers"][0]["webhook_configs"]
    hook_config["url"] = f"http://127.0.0.1:{receiver}/alerts"
    folder.mkdir()
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(settings))
    url = f"http://127.0.0.1:{port}"
    command = [
        find_program("prometheus-alertmanager") or "",
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    return Server(url, command, folder, _environment(), _answers(f"{url}/-/ready"))


def _prometheus(folder: Path, port: int, am_port: int, metrics: int) -> Server:
    folder.mkdir()
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules/jarvis.yml").read_text("utf-8"))
    for one in rules["groups"]:
        for rule in one["rules"]:
            rule.pop("for", None)  # how long is tested by promtool
    (folder / "rules.yml").write_text(yaml.safe_dump(rules))
    settings = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    settings["global"] = {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "1s",
    }
    settings["rule_files"] = ["rules.yml"]
    (manager,) = settings["alerting"]["alertmanagers"]
    manager["static_configs"][0]["targets"] = [f"127.0.0.1:{am_port}"]
    settings["scrape_configs"] = [
        {"job_name": "jarvis", "static_configs": [{"targets": [f"127.0.0.1:{metrics}"]}]},
        # Something that is there, or their absence would be told.
        {"job_name": "worker", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]},
    ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    url = f"http://127.0.0.1:{port}"
    command = [
        shutil.which("prometheus") or "",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return Server(url, command, folder, _environment(), _answers(f"{url}/-/ready"))


def wait(what: Any, limit_s: float = 240) -> Any:
    deadline = time.monotonic() + limit_s
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)
    return found


def test_one_cause_is_one_message_and_its_end_another(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, channel, alertmanager = chain
    service.log_metric("jarvis_service_healthy", 0, {"service": "storage"})
    service.log_metric("jarvis_service_healthy", 1, {"service": "workflow"})
    service.log_metric("jarvis_backup_timestamp_seconds", 1)
    # A backup needs the store, so its age is no news while that is down.
    post = wait(lambda: next((p for p in channel.posts if "service storage" in p["message"]), None))
    assert "The service storage does not answer" in post["message"]
    assert "jarvis health" in post["message"]
    asking = JarvisAnalyticsService(
        AnalyticsConfig(directory=tmp_path / "x", alertmanager_url=alertmanager.url)
    )

    def states() -> dict[str, str]:
        return {one.name: one.state for one in asking.alerts()}

    expected = {"BackupOld": "has a cause", "CoreServiceDown": "told"}
    wait(lambda: expected.items() <= states().items())

    config = tmp_path / "jarvis-core.yaml"
    config.write_text(
        f"analytics: {{directory: '{tmp_path / 'x'}', alertmanager_url: '{alertmanager.url}'}}\n"
    )
    monkeypatch.setenv("JARVIS_CONFIG", str(config))
    from jarvis_dagster.cli import app

    listed = CliRunner().invoke(app, ["alerts", "list", "--all", "--json"])
    assert listed.exit_code == 1
    assert {"CoreServiceDown", "BackupOld"} <= {one["name"] for one in json.loads(listed.stdout)}
    silenced = CliRunner().invoke(
        app, ["alerts", "silence", "CoreServiceDown", "service=storage", "--why", "known"]
    )
    assert silenced.exit_code == 0
    held = CliRunner().invoke(app, ["alerts", "silences", "--json"])
    assert json.loads(held.stdout)[0]["matchers"] == {
        "alertname": "CoreServiceDown",
        "service": "storage",
    }
    wait(lambda: states()["CoreServiceDown"] == "silenced")
    ended = CliRunner().invoke(app, ["alerts", "unsilence", silenced.stdout.strip()])
    assert ended.exit_code == 0

    service.log_metric("jarvis_service_healthy", 1, {"service": "storage"})
    wait(lambda: any("The newest backup" in post["message"] for post in channel.posts))
    about = [post["message"] for post in channel.posts]
    assert sum("service storage does not answer" in text for text in about) == 1


def test_a_group_is_one_notice() -> None:
    told = notice_of_group(
        AlertGroup.model_validate(
            group(
                {
                    "labels": {"alertname": "DiskFull", "severity": "warning"},
                    "annotations": {"summary": "95 % is used", "remedy": "Free some."},
                },
                {
                    "labels": {"alertname": "DiskFull", "severity": "critical"},
                    "annotations": {"summary": "99 % is used"},
                },
            )
        )
    )
    assert told.summary == "95 % is used (and 1 more)."
    assert (told.severity, told.remedy) == ("critical", "Free some.")
    assert told.details == {"Alert": "DiskFull", "Alert 2": "99 % is used"}
    over = notice_of_group(AlertGroup.model_validate(group({}, status="resolved")))
    assert (over.event, over.severity, over.summary) == ("alert_over", "info", "Over: DiskFull.")


def ask(app: Any, body: bytes, **more: str) -> str:
    answers: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **more,
    }
    list(app(environ, lambda status, headers: answers.append(status)))
    return answers[0][:3]


def test_what_is_no_alert_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    with hook() as channel:
        told = notifications(tmp_path, channel.port)
        app = alerts_app(told, SecretStr("s3cret"))
        body = json.dumps(group({})).encode()
        shown = {"HTTP_AUTHORIZATION": "Bearer s3cret"}
        assert ask(app, body) == "401"
        assert ask(app, body, HTTP_AUTHORIZATION="Bearer wrong") == "401"
        assert ask(app, body, **shown, REQUEST_METHOD="GET") == "405"
        assert ask(app, b"{}", **shown) == "400"
        assert ask(app, b"[" * 100_000, **shown) == "400"
        assert ask(app, b"x", **shown, CONTENT_LENGTH="9999999") == "413"
        assert ask(app, b"x", **shown, CONTENT_LENGTH="") == "413"
        assert told.messages() == []
        channel.answers = [503]  # the channel is away: the message waits
        assert ask(app, body, **shown) == "200"
        assert [one.state for one in told.messages()] == ["waiting"]
        assert ask(app, body, **shown) == "200"
        assert [one.count for one in told.messages()] == [2]
    blocked = tmp_path / "file"
    blocked.write_text("x")
    away = alerts_app(notifications(blocked / "x", 9), None)
    assert ask(away, body) == "503"  # Alertmanager sends it again
