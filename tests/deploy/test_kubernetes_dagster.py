"""Dagster on Kubernetes: the production instance, of which each run is a Job of its own."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config_schema

from tests.deploy.project import ROOT

VALUES: dict[str, Any] = yaml.safe_load(
    (ROOT / "deploy/kubernetes/dagster-values.yaml").read_text("utf-8")
)
PRODUCTION: dict[str, Any] = yaml.safe_load(
    (ROOT / "deploy/dagster/dagster.yaml").read_text("utf-8")
)
DATA: dict[str, Any] = yaml.safe_load((ROOT / "deploy/kubernetes/data.yaml").read_text("utf-8"))
LAUNCHER = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
(LOCATION,) = VALUES["dagster-user-deployments"]["deployments"]


WRITTEN_BY_THE_CHART = {
    *("scheduler", "schedule_storage", "run_launcher", "run_storage", "event_log_storage"),
    *("run_coordinator", "compute_logs", "sensors", "schedules", "telemetry"),
}
"""Sections of dagster.yaml that the chart writes whatever the values say."""


def test_it_is_the_production_instance() -> None:
    own = VALUES["additionalInstanceConfig"]
    for section in ("concurrency", "run_monitoring", "run_retries", "retention"):
        assert own[section] == PRODUCTION[section], section
    daemon = VALUES["dagsterDaemon"]
    assert not any(daemon[name]["enabled"] for name in ("runMonitoring", "runRetries"))
    # What stands there twice is read in an order that nobody promised.
    assert not own.keys() & WRITTEN_BY_THE_CHART
    # Disabled, the chart writes a coordinator that starts every run at once; its own form of the
    # queue adds a `max_concurrent_runs` beside ours.
    coordinator = daemon["runCoordinator"]
    assert (coordinator["enabled"], coordinator["type"]) == (True, "CustomRunCoordinator")
    assert coordinator["config"]["customRunCoordinator"] == PRODUCTION["run_coordinator"]
    for section in ("sensors", "schedules"):
        given = {_snake(name): value for name, value in daemon[section].items()}
        assert given == PRODUCTION[section]
    logs = PRODUCTION["compute_logs"]["config"]
    given = VALUES["computeLogManager"]["config"]["s3ComputeLogManager"]
    snake = {re.sub("([A-Z])", r"_\1", name).lower(): value for name, value in given.items()}
    assert snake == logs
    assert VALUES["telemetry"] == PRODUCTION["telemetry"]


def test_dagster_takes_it() -> None:
    known = {name: field.config_type for name, field in dagster_instance_config_schema().items()}
    for name, section in VALUES["additionalInstanceConfig"].items():
        assert process_config(known[name], section).success, name


def test_programs_are_one_image_without_root() -> None:
    pods = (VALUES["dagsterWebserver"], VALUES["dagsterDaemon"], LOCATION)
    assert len({yaml.safe_dump(pod["image"]) for pod in pods}) == 1
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text("utf-8")
    # A name would not do: Kubernetes refuses what it cannot see to be another than root.
    (user, group) = re.search(r"^USER (\d+):(\d+)$", dockerfile, re.M).groups()  # type: ignore[union-attr]
    for pod in pods:
        assert pod["podSecurityContext"] == {
            "runAsUser": int(user),
            "runAsGroup": int(group),
            "fsGroup": int(group),
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["envSecrets"] == [{"name": "jarvis"}]
        assert pod["resources"]["limits"]["memory"]
    text = (ROOT / "deploy/kubernetes/dagster-values.yaml").read_text("utf-8")
    assert "postgresqlPassword:" not in text  # it is in a Secret


def test_the_gateway_finds_two_webservers() -> None:
    web = VALUES["dagsterWebserver"]
    assert (web["pathPrefix"], web["enableReadOnly"]) == ("/dagster", True)
    assert web["readinessProbe"]["httpGet"]["path"].startswith("/dagster/")
    assert "ingress" not in VALUES


def test_each_run_is_a_job_of_its_own() -> None:
    """As the launcher itself would make it from these values, by Kubernetes' own schema."""
    k8s = pytest.importorskip("dagster_k8s", reason="pip install 'jarvis-dagster[production]'")
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job
    from kubernetes.client import ApiClient

    chosen = LAUNCHER["runK8sConfig"]
    given = {
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": VALUES["global"]["postgresqlSecretName"],
        "dagster_home": VALUES["global"]["dagsterHome"],
        "image_pull_policy": LAUNCHER["imagePullPolicy"],
        "fail_pod_on_run_failure": LAUNCHER["failPodOnRunFailure"],
        "env_secrets": [one["name"] for one in LAUNCHER["envSecrets"]],
        "volumes": LAUNCHER["volumes"],
        "volume_mounts": LAUNCHER["volumeMounts"],
        "run_k8s_config": {_snake(name): value for name, value in chosen.items()},
    }
    schema = resolve_to_config_type(k8s.K8sRunLauncher.config_type())
    taken = process_config(schema, given)
    assert taken.success, taken.errors
    # What the code location passes on wins over the launcher: its 2 GiB, too.
    assert LOCATION["includeConfigInLaunchedRuns"] == {"enabled": False}
    taken_by_runs = ("env_secrets", "volumes", "volume_mounts", "run_k8s_config")
    merged = K8sContainerContext.create_from_config(
        {"k8s": {name: given[name] for name in taken_by_runs}}
    )
    image = "{repository}:{tag}".format(**LOCATION["image"])
    job = construct_dagster_k8s_job(
        DagsterK8sJobConfig(
            job_image=image,
            dagster_home=given["dagster_home"],
            instance_config_map=given["instance_config_map"],
            postgres_password_secret=given["postgres_password_secret"],
        ),
        ["dagster", "api", "execute_run"],
        "dagster-run-1",
        user_defined_k8s_config=merged.run_k8s_config,
    )
    manifest = ApiClient().sanitize_for_serialization(job)
    _valid(manifest)
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == image
    assert container["resources"]["limits"] == {"memory": "8Gi"}
    assert {"secretRef": {"name": "jarvis"}} in container["envFrom"]
    assert "/var/lib/jarvis" in {mount["mountPath"] for mount in container["volumeMounts"]}
    claims = {
        v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "data" in v["name"]
    }
    assert claims == {DATA["metadata"]["name"]}
    assert pod["affinity"]["podAffinity"]
    assert pod["automountServiceAccountToken"] is False


def test_whoever_shares_the_disk_is_where_it_is() -> None:
    assert DATA["spec"]["accessModes"] == ["ReadWriteOnce"]
    _valid(DATA)
    run = LAUNCHER["runK8sConfig"]["podSpecConfig"]
    assert LAUNCHER["volumes"] == LOCATION["volumes"]
    for name in ("workers.yaml", "pages.yaml"):
        text = (ROOT / "deploy/kubernetes" / name).read_text("utf-8")
        pods = next(iter(yaml.safe_load_all(text)))["spec"]["template"]
        assert pods["spec"]["affinity"] == run["affinity"]
        assert pods["spec"]["securityContext"] == run["securityContext"]
        assert LOCATION["volumes"][0] in pods["spec"]["volumes"]
    # Two code locations at once may be on two machines, and the disk is on one.
    assert LOCATION["deploymentStrategy"] == {"type": "Recreate"}
    (rule,) = run["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    wanted = rule["labelSelector"]["matchLabels"]
    assert wanted == {**LOCATION["labels"], "component": "user-deployments"}


def _valid(manifest: dict[str, Any]) -> None:
    import kubernetes_validate

    kubernetes_validate.validate(manifest, "1.37", strict=True)


def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()
