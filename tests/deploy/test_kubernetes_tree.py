"""What `kubectl apply -k deploy/kubernetes` sends: whole, right by its schemas, and closed."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from jarvis_dagster.settings import load_settings
from tests.deploy.project import ROOT, production_stack

FOLDER = ROOT / "deploy/kubernetes"
OTHERS = {"dagster-values.yaml", "keda.yaml", "monitoring.yaml", "kustomization.yaml"}
"""For Dagster's chart, and for kinds that a cluster may not have."""


@pytest.fixture(scope="module")
def sent() -> list[dict[str, Any]]:
    """As kubectl itself puts it together; no server is asked."""
    program = Path(sysconfig.get_path("scripts")) / "kubectl"
    told = subprocess.run(
        [str(program), "kustomize", str(FOLDER)], capture_output=True, text=True, check=True
    )
    return list(yaml.safe_load_all(told.stdout))


def of_kind(sent: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in sent if one["kind"] == kind}


def pods(sent: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]
        for one in sent
        if one["kind"] in ("Deployment", "Job")
    }


def test_every_manifest_is_sent_and_known(sent: list[dict[str, Any]]) -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))["resources"]
    there = {path.name for path in FOLDER.glob("*.yaml")}
    assert {*listed, *OTHERS} == there
    told = (ROOT / "docs/kubernetes.md").read_text("utf-8")
    assert {name for name in there if f"`{name}`" not in told} == {"kustomization.yaml"}
    for one in sent:
        assert one["metadata"]["namespace"] == "jarvis"
        kubernetes_validate.validate(one, "1.37", strict=True)
    wrong = {**sent[0], "specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_no_pod_has_rights_that_it_does_not_need(sent: list[dict[str, Any]]) -> None:
    """As the profile `restricted` of the Pod Security Standards asks, and without a token."""
    for name, template in pods(sent).items():
        pod = template["spec"]
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["securityContext"]["runAsUser"] > 0
        for container in pod["containers"]:
            given = container["securityContext"]
            assert given["runAsNonRoot"] is True
            assert given["allowPrivilegeEscalation"] is False
            assert given["capabilities"] == {"drop": ["ALL"]}
            assert {"secretRef": {"name": "jarvis"}} in container["envFrom"]
            assert container["resources"]["limits"]["memory"]


def test_each_service_and_policy_names_pods_and_ports_that_are_there(
    sent: list[dict[str, Any]],
) -> None:
    charts = {
        # What the chart calls its pods and the port of the webservers.
        "webserver": {"app.kubernetes.io/name": "dagster", "component": "dagster-webserver"},
        "viewer": {"app.kubernetes.io/name": "dagster", "component": "dagster-webserver-read-only"},
        "code": {"app.kubernetes.io/name": "dagster-user-deployments"},
    }
    known = [
        (one.get("metadata", {}).get("labels", {}), _ports(one)) for one in pods(sent).values()
    ]
    known += [(labels, {"http", 4000}) for labels in charts.values()]

    def meant(wanted: dict[str, str]) -> set[str | int]:
        found = [ports for labels, ports in known if wanted.items() <= labels.items()]
        assert found, wanted
        return set().union(*found)

    for service in of_kind(sent, "Service").values():
        (port,) = service["spec"]["ports"]
        assert port["targetPort"] in meant(service["spec"]["selector"])
    for policy in of_kind(sent, "NetworkPolicy").values():
        there = meant(policy["spec"]["podSelector"]["matchLabels"])
        for rule in policy["spec"]["ingress"]:
            assert {port["port"] for port in rule["ports"]} <= there
            for who in rule.get("from", []):
                meant(who["podSelector"]["matchLabels"])


def test_what_runs_code_unasked_is_reached_by_few(sent: list[dict[str, Any]]) -> None:
    policies = of_kind(sent, "NetworkPolicy")
    for name in ("jarvis-dagster-pages", "jarvis-code-location"):
        assert policies[name]["spec"]["policyTypes"] == ["Ingress"]
        assert all(rule["from"] for rule in policies[name]["spec"]["ingress"])
    login = [rule for rule in policies["jarvis-pages"]["spec"]["ingress"] if "from" in rule]
    assert [port["port"] for rule in login for port in rule["ports"]] == ["login"]


def test_the_gateway_finds_its_pages_by_the_names_of_the_settings(
    sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("JARVIS_S3_ENDPOINT", "JARVIS_S3_ACCESS_KEY", "JARVIS_S3_SECRET_KEY")
    databases = ("DAGSTER_POSTGRES_PASSWORD", "MLFLOW_DB_PASSWORD", "TEMPORAL_DB_PASSWORD")
    for name in (*secrets, *databases, "JARVIS_MLFLOW_URI", "JARVIS_TEMPORAL_ADDRESS"):
        monkeypatch.setenv(name, "http://there:1" if name.endswith("URI") else "there:1")
    settings = load_settings(ROOT / "config/jarvis-core.yaml", environment="production")
    services = {
        f"http://{name}:{one['spec']['ports'][0]['port']}"
        for name, one in of_kind(sent, "Service").items()
    }
    upstreams = settings.gateway.upstreams
    assert upstreams is not None
    assert {upstreams.login, upstreams.dagster, upstreams.dagster_viewer} <= services


def test_the_pages_are_those_of_the_stack(sent: list[dict[str, Any]]) -> None:
    """The same programs, asked for the same thing before they count as well."""
    services = production_stack()["services"]
    containers = {one["name"]: one for one in pods(sent)["jarvis-pages"]["spec"]["containers"]}
    assert containers.keys() == {"login", "gateway", "metrics"}
    for name, container in containers.items():
        assert container["command"] == services[name]["command"]
        (port,) = container["ports"]
        _, _, asked = services[name]["healthcheck"]["test"]
        probe = container["startupProbe"]
        path = probe["httpGet"]["path"] if "httpGet" in probe else ""
        assert asked.endswith(f":{port['containerPort']}{path}")
    job = pods(sent)["jarvis-buckets"]["spec"]["containers"][0]
    assert job["command"] == services["buckets"]["command"]


def test_what_the_pages_measure_is_read(sent: list[dict[str, Any]]) -> None:
    _, monitor = yaml.safe_load_all((FOLDER / "monitoring.yaml").read_text("utf-8"))
    template = pods(sent)["jarvis-pages"]
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= template["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in _ports(template)
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    (label,) = endpoint["relabelings"]
    assert label["replacement"] in [job["job_name"] for job in prometheus["scrape_configs"]]


def _ports(template: dict[str, Any]) -> set[str | int]:
    return {
        port["name"]
        for container in template["spec"]["containers"]
        for port in container.get("ports", [])
    }
