"""Prometheus, Alertmanager and Grafana accept what they are given, and it asks for real metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jarvis_dagster.monitoring.watching import SERVICES
from jarvis_dagster.services.analytics.dashboards import grafana_json, own_dashboards
from tests.deploy.project import ROOT, production_stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEPLOY = ROOT / "deploy"


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (apt-get install prometheus prometheus-alertmanager)")
    return found


def check(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus/rules/jarvis.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboards() -> dict[str, dict[str, Any]]:
    return {
        path.stem: json.loads(path.read_text("utf-8"))
        for path in sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
    }


def panels() -> list[dict[str, Any]]:
    return [panel for dashboard in dashboards().values() for panel in dashboard["panels"]]


def questions() -> list[str]:
    return [rule["expr"] for rule in rules()] + [
        target["expr"] for panel in panels() for target in panel["targets"]
    ]


def test_prometheus_reads_its_settings_and_rules() -> None:
    check(tool("promtool"), "check", "config", str(DEPLOY / "prometheus/prometheus.yml"))


def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "prometheus/rules/jarvis.yml", tmp_path)
    shutil.copy(ROOT / "tests/deploy/alerts_test.yml", tmp_path)
    told = check(tool("promtool"), "test", "rules", "alerts_test.yml", cwd=tmp_path)
    assert "SUCCESS" in told


def test_each_alert_has_a_test_a_severity_and_a_remedy() -> None:
    tested = (ROOT / "tests/deploy/alerts_test.yml").read_text("utf-8")
    for rule in rules():
        assert f"alertname: {rule['alert']}" in tested, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "remedy", "runbook_url"}


def test_alertmanager_reads_its_settings() -> None:
    check(tool("amtool"), "check-config", str(DEPLOY / "alertmanager/alertmanager.yml"))


def test_alertmanager_silences_only_alerts_that_exist() -> None:
    settings = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text("utf-8"))
    known = {rule["alert"] for rule in rules()}
    for rule in settings["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            label, value = re.split(r"\s*=~?\s*", matcher, maxsplit=1)
            if label == "alertname":
                assert set(value.strip('"').split("|")) <= known


def test_what_an_alert_needs_is_a_service_that_quiets_it() -> None:
    settings = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text("utf-8"))
    quieted = set()
    for rule in settings["inhibit_rules"]:
        for matcher in rule["target_matchers"]:
            found = re.search(r"needs =~ .*?\)\?(\w+)\(", matcher)
            quieted |= {found[1]} if found else set()
    needed = {name for rule in rules() for name in rule["labels"].get("needs", "").split()}
    assert needed <= quieted <= set(SERVICES)


def test_every_question_of_dashboard_and_rules_is_promql(tmp_path: Path) -> None:
    group = {
        "name": "all",
        "rules": [{"record": f"q{n}", "expr": text} for n, text in enumerate(questions())],
    }
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [group]}))
    told = check(tool("promtool"), "check", "rules", str(tmp_path / "rules.yml"))
    assert f"{len(questions())} rules found" in told


def test_jarvis_own_metrics_in_questions_exist(tmp_path: Path) -> None:
    from jarvis_dagster.services.analytics.config import AnalyticsConfig
    from jarvis_dagster.services.analytics.endpoint import metrics_registry

    asked = {
        re.sub(r"_(total|bucket|count|sum)$", "", name)
        for text in questions()
        for name in re.findall(r"\bjarvis_\w+", text)
    }
    assert asked
    registry = metrics_registry(AnalyticsConfig(directory=tmp_path))
    served = {metric.name for metric in registry.collect()}
    logged = "".join(path.read_text("utf-8") for path in (ROOT / "jarvis_dagster").rglob("*.py"))
    assert [name for name in asked if name not in served and f'"{name}' not in logged] == []


def test_dashboards_are_those_that_the_code_makes() -> None:
    made = {name: grafana_json(one) for name, one in own_dashboards().items()}
    assert dashboards() == made, "run `jarvis dashboards write deploy/grafana/dashboards`"
    assert set(made) == {"system", "pipeline", "vision", "workflow", "business"}


@pytest.mark.parametrize("name", sorted(own_dashboards()))
def test_a_dashboard_is_grafanas_and_names_sources_that_exist(name: str) -> None:
    dashboard = dashboards()[name]
    sources = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8")
    )["datasources"]
    known = {source["uid"] for source in sources}
    assert 0 < len(dashboard["uid"]) <= 40
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)) >= 6
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["description"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} <= known
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", sorted(own_dashboards()))
def test_grafanas_own_types_keep_every_field(name: str) -> None:
    """What Grafana does not know it drops without a word: a panel without its unit, say."""
    dashboard = dashboards()[name]
    assert _dropped_by_grafana(dashboard) == []
    (panel, *_) = dashboard["panels"]
    panel["fieldConfig"]["defaults"]["unitt"] = "s"
    panel["targets"][0]["exprr"] = "up"
    assert _dropped_by_grafana(dashboard) == [
        ".panels[0].fieldConfig.defaults.unitt",
        ".panels[0].targets[0].exprr",
    ]


def _dropped_by_grafana(dashboard: dict[str, Any]) -> list[str]:
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    kept = json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))
    return sorted(_lost(dashboard, kept))


def _lost(given: Any, kept: Any, at: str = "") -> Iterator[str]:
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            yield from _lost(value, kept.get(key), f"{at}.{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (value, other) in enumerate(zip(given, kept, strict=True)):
            yield from _lost(value, other, f"{at}[{number}]")
    elif given != kept:
        yield at


def test_addresses_are_services_of_the_stack() -> None:
    services = production_stack()["services"]
    prometheus = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))
    groups = [config.get("static_configs", ()) for config in prometheus["scrape_configs"]]
    groups += [manager["static_configs"] for manager in prometheus["alerting"]["alertmanagers"]]
    hosts = {
        target.partition(":")[0] for group in groups for one in group for target in one["targets"]
    }
    found_by_name = [
        one for config in prometheus["scrape_configs"] for one in config.get("dns_sd_configs", ())
    ]
    assert [one["names"] for one in found_by_name] == [["worker"]]  # of which there may be many
    hosts |= {name for one in found_by_name for name in one["names"]}
    sources = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8")
    )["datasources"]
    hosts |= {re.match(r"http://([^:/]+)", source["url"])[1] for source in sources}  # type: ignore[index]
    assert hosts - {"127.0.0.1"} <= set(services)
