"""The production stack is complete, pinned, private and without default secrets."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.deploy.project import ROOT, compose, production_stack, runs_once


@pytest.fixture(scope="module")
def stack() -> dict[str, Any]:
    return production_stack()


def test_everything_is_there(stack: dict[str, Any]) -> None:
    assert set(stack["services"]) == {
        *("postgres", "s3", "buckets", "mlflow", "prometheus", "alertmanager", "grafana"),
        *("temporal-schema", "temporal", "temporal-namespace", "temporal-ui"),
        *("dagster-code", "dagster-webserver", "dagster-viewer", "dagster-daemon"),
        *("worker", "metrics", "login", "gateway"),
    }


def test_images_are_pinned(stack: dict[str, Any]) -> None:
    for name, service in stack["services"].items():
        tag = service["image"].rpartition(":")[2]
        assert re.search(r"\d+\.\d+|RELEASE\.\d{4}", tag), (name, service["image"])
        assert "latest" not in tag


def test_every_service_is_watched_and_bounded(stack: dict[str, Any]) -> None:
    for name, service in stack["services"].items():
        assert int(service["mem_limit"]) >= 128 * 2**20, name
        assert service["logging"]["options"]["max-size"], name
        if runs_once(stack, name):
            assert service["restart"].startswith("on-failure"), name
        else:
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped", name


def test_nothing_is_published_beyond_loopback(stack: dict[str, Any]) -> None:
    published = [
        (name, port["host_ip"], port["published"])
        for name, service in stack["services"].items()
        for port in service.get("ports") or []
    ]
    assert {address for _, address, _ in published} == {"127.0.0.1"}
    numbers = [number for _, _, number in published]
    assert len(numbers) == len(set(numbers)) == 4
    # What has a page and no login of its own is reached through the gateway alone.
    assert {name for name, _, _ in published} == {"s3", "temporal", "gateway"}


def test_waiting_is_for_services_that_can_be_waited_for(stack: dict[str, Any]) -> None:
    for name, service in stack["services"].items():
        for needed, how in (service.get("depends_on") or {}).items():
            wanted = (
                "service_completed_successfully" if runs_once(stack, needed) else "service_healthy"
            )
            assert how["condition"] == wanted, (name, needed)


def test_mounted_files_exist(stack: dict[str, Any]) -> None:
    mounts = [
        mount
        for service in stack["services"].values()
        for mount in service.get("volumes") or []
        if mount["type"] == "bind"
    ]
    assert mounts
    for mount in mounts:
        assert mount["read_only"], mount
        assert (ROOT / mount["source"]).exists(), mount


def test_named_volumes_are_declared_and_used(stack: dict[str, Any]) -> None:
    used = {
        mount["source"]
        for service in stack["services"].values()
        for mount in service.get("volumes") or []
        if mount["type"] == "volume"
    }
    assert used == set(stack["volumes"])


def test_secrets_have_no_default() -> None:
    done = compose("--env-file", "/dev/null", "config")
    assert done.returncode != 0
    assert "set it in .env" in done.stderr
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    for name, rest in re.findall(
        r"\$\{([A-Z0-9_]*(?:PASSWORD|SECRET|_KEY)[A-Z0-9_]*)([^}]*)\}", text
    ):
        # Either it has to be set, or without it nothing is encrypted or backed up.
        assert rest.startswith(":?") or rest == ":-", f"{name} has a default: {rest}"
    for line in text.splitlines():
        setting = re.match(r"\s+([A-Z0-9_]*(?:PASSWORD|SECRET|_PWD|_KEY))\s*:\s*(.+)", line)
        assert setting is None or setting[2].startswith("${"), line


def test_each_required_secret_is_in_the_example_and_not_real() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    required = set(re.findall(r"\$\{([A-Z0-9_]+):\?", text))
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text("utf-8").splitlines()
        if re.match(r"[A-Z]", line)
    )
    assert set(example) == required
    assert all(value.startswith("change-me") or value == "jarvis" for value in example.values())
    more = (ROOT / "deploy/docker/isolated-runs.yml").read_text("utf-8")
    known = {*re.findall(r"\$\{([A-Z0-9_]+)", text + more), "COMPOSE_FILE"}
    optional = re.findall(r"^#([A-Z0-9_]+)=", (ROOT / ".env.example").read_text("utf-8"), re.M)
    assert set(optional) <= known


def test_s3_image_is_behind_one_variable(stack: dict[str, Any]) -> None:
    example = str(ROOT / ".env.example")
    done = compose("--env-file", example, "config", environment={"S3_IMAGE": "other/minio:1.2.3"})
    assert yaml.safe_load(done.stdout)["services"]["s3"]["image"] == "other/minio:1.2.3"
    assert stack["services"]["s3"]["image"].startswith("pgsty/silo:RELEASE.")


def test_the_settings_for_production_are_all_given(stack: dict[str, Any]) -> None:
    text = (ROOT / "config" / "production.yaml").read_text("utf-8")
    needed = {name for name, default in re.findall(r"\$\{([A-Z0-9_]+)(:-)?", text) if not default}
    for name in ("dagster-code", "dagster-webserver", "dagster-daemon", "worker", "metrics"):
        assert needed <= set(stack["services"][name]["environment"]), name


def test_one_image_serves_all_that_is_jarvis(stack: dict[str, Any]) -> None:
    own = {name: s for name, s in stack["services"].items() if "build" in s}
    assert set(own) == {
        *("dagster-code", "dagster-webserver", "dagster-viewer", "dagster-daemon"),
        *("worker", "metrics", "mlflow", "login", "gateway", "buckets"),
    }
    assert len({service["image"] for service in own.values()}) == 1
    # All of Dagster must move together.
    assert len({str(service["build"]) for service in own.values()}) == 1


def test_the_backup_holds_what_mlflow_keeps() -> None:
    server = (ROOT / "deploy/docker/bin/mlflow-server").read_text("utf-8")
    (bucket,) = re.findall(r"^bucket=(\S+)$", server, re.M)
    settings = yaml.safe_load((ROOT / "config" / "production.yaml").read_text("utf-8"))
    assert bucket in settings["backup"]["buckets"]
