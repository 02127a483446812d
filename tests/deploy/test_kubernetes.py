"""The workers' manifests: they serve what the code has, are scaled by it, and are measured."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import yaml

from jarvis_dagster.services.workflow import WorkflowConfig
from jarvis_dagster.services.workflow.names import queue_of
from jarvis_dagster.workflows.registry import SERVED

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"


def documents(name: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all((FOLDER / name).read_text("utf-8")) if one]


WORKERS = {
    one["metadata"]["name"]: one for one in documents("workers.yaml") if one["kind"] == "Deployment"
}
SCALED = {one["metadata"]["name"]: one for one in documents("keda.yaml")}


def command(deployment: dict[str, Any]) -> list[str]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return list(container["command"])


def kinds(deployment: dict[str, Any]) -> list[str]:
    words = command(deployment)
    return [word for before, word in itertools.pairwise(words) if before == "--kind"]


def test_every_kind_of_work_is_served_by_one_deployment() -> None:
    served = [kind for deployment in WORKERS.values() for kind in kinds(deployment)]
    assert sorted(served) == sorted(SERVED)
    for deployment in WORKERS.values():
        assert command(deployment)[:2] == ["jarvis", "worker"]
        pods = deployment["spec"]["template"]
        assert deployment["spec"]["selector"]["matchLabels"] == pods["metadata"]["labels"]
        (container,) = pods["spec"]["containers"]
        port = command(deployment)[-1].rpartition(":")[2]
        assert container["ports"][0]["containerPort"] == int(port)
        assert pods["metadata"]["annotations"]["prometheus.io/port"] == port


def test_whatever_workers_measure_is_read() -> None:
    """By annotations, and by the operator: every worker, at the port that it serves."""
    monitor, _ = documents("monitoring.yaml")
    assert (monitor["apiVersion"], monitor["kind"]) == ("monitoring.coreos.com/v1", "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    wanted = monitor["spec"]["selector"]["matchLabels"]
    for deployment in WORKERS.values():
        pods = deployment["spec"]["template"]
        assert wanted.items() <= pods["metadata"]["labels"].items()
        assert pods["metadata"]["annotations"]["prometheus.io/scrape"] == "true"
        (container,) = pods["spec"]["containers"]
        assert endpoint["port"] in [port["name"] for port in container["ports"]]
    prometheus = yaml.safe_load((FOLDER.parent / "prometheus/prometheus.yml").read_text("utf-8"))
    (job,) = (one["replacement"] for one in endpoint["relabelings"] if one["targetLabel"] == "job")
    assert job in [one["job_name"] for one in prometheus["scrape_configs"]]


def test_a_stopping_worker_gets_more_time_than_it_asks_for() -> None:
    asked = WorkflowConfig().graceful_stop_s
    for deployment in WORKERS.values():
        given = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert given > asked + 30


def test_keda_scales_by_the_queues_that_workers_serve() -> None:
    config = WorkflowConfig()
    for name, scaled in SCALED.items():
        assert scaled["kind"] == "ScaledObject"
        spec = scaled["spec"]
        assert spec["scaleTargetRef"]["name"] == name
        assert "replicas" not in WORKERS[name]["spec"], "KEDA and the manifest would fight"
        (trigger,) = spec["triggers"]
        (kind,) = kinds(WORKERS[name])
        metadata = trigger["metadata"]
        assert trigger["type"] == "temporal"
        assert metadata["taskQueue"] == queue_of(config.task_queue, kind)
        assert metadata["namespace"] == config.namespace
        assert all(isinstance(value, str) for value in metadata.values())
        most = 1 if kind == "training" else config.max_concurrent_activities
        assert metadata["targetQueueSize"] == str(most)


def test_keda_does_not_take_busy_workers_for_idle_ones() -> None:
    """It sees the backlog alone: one worker stays, and the number falls slowly."""
    for name, scaled in SCALED.items():
        spec = scaled["spec"]
        assert spec["minReplicaCount"] >= 1
        down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        assert down["stabilizationWindowSeconds"] >= 300
        assert [policy["value"] for policy in down["policies"]] == [1]
        pods = WORKERS[name]["spec"]["template"]["spec"]
        assert down["stabilizationWindowSeconds"] >= pods["terminationGracePeriodSeconds"]
