"""With one file more, each run of the production stack has a container of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.deploy.project import ROOT, compose, production_stack

FILE = "deploy/docker/isolated-runs.yml"
CONTEXT = "DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT"


@pytest.fixture(scope="module")
def stack() -> dict[str, Any]:
    given = {"DOCKER_GROUP": "999", "ANALYSIS_MEMORY": "6g"}
    return production_stack(FILE, environment=given)


@pytest.fixture(scope="module")
def told(stack: dict[str, Any]) -> dict[str, Any]:
    """What the code location tells of the containers of runs."""
    content: dict[str, Any] = json.loads(stack["services"]["dagster-code"]["environment"][CONTEXT])[
        "docker"
    ]
    return content


def test_a_run_has_what_its_code_location_has(stack: dict[str, Any], told: dict[str, Any]) -> None:
    code = stack["services"]["dagster-code"]
    own = {CONTEXT, "DAGSTER_CURRENT_IMAGE"}
    assert set(told["env_vars"]) == set(code["environment"]) - own
    # The daemon fills in the values: it has to have them all, and no secret is written down.
    assert set(told["env_vars"]) <= set(stack["services"]["dagster-daemon"]["environment"])
    assert not any("=" in name for name in told["env_vars"])
    assert code["environment"]["DAGSTER_CURRENT_IMAGE"] == code["image"]
    mounted = {
        f"{stack['volumes'][mount['source']]['name']}:{mount['target']}"
        for mount in code["volumes"]
        if mount["type"] == "volume"
    }
    assert set(told["container_kwargs"]["volumes"]) == mounted
    assert told["networks"] == [stack["networks"]["default"]["name"]]
    assert told["container_kwargs"]["mem_limit"] == "6g"


def test_a_folder_as_drive_is_a_runs_drive_too() -> None:
    given = {"DOCKER_GROUP": "999", "DRIVE_FOLDER": "/srv/games"}
    code = production_stack(FILE, environment=given)["services"]["dagster-code"]
    volumes = json.loads(code["environment"][CONTEXT])["docker"]["container_kwargs"]["volumes"]
    assert "/srv/games:/var/lib/jarvis/drive" in volumes


def test_the_launcher_takes_it(told: dict[str, Any]) -> None:
    docker = pytest.importorskip(
        "dagster_docker", reason="pip install 'jarvis-dagster[production]'"
    )
    from dagster._config import process_config, resolve_to_config_type
    from dagster_docker.container_context import DockerContainerContext

    launcher = isolated()["run_launcher"]
    assert (launcher["module"], launcher["class"]) == ("dagster_docker", "DockerRunLauncher")
    schema = resolve_to_config_type(docker.DockerRunLauncher.config_type())
    assert process_config(schema, launcher["config"]).success
    context = DockerContainerContext.create_from_config({"docker": told})
    assert context.networks == told["networks"]


def test_everything_but_the_launcher_is_as_without_it() -> None:
    usual = yaml.safe_load((ROOT / "deploy/dagster/dagster.yaml").read_text("utf-8"))
    other = isolated()
    del usual["run_launcher"], other["run_launcher"]
    assert usual == other


def test_only_who_starts_and_ends_runs_speaks_to_the_engine(stack: dict[str, Any]) -> None:
    speaking = {
        name
        for name, service in stack["services"].items()
        for mount in service.get("volumes") or []
        if mount["target"] == "/var/run/docker.sock"
    }
    assert speaking == {"dagster-daemon", "dagster-webserver"}
    for name in speaking:
        assert stack["services"][name]["group_add"] == ["999"]
    homes = {
        name
        for name, service in stack["services"].items()
        for mount in service.get("volumes") or []
        if mount["target"] == "/opt/dagster/dagster.yaml" and mount["read_only"]
    }
    assert homes == {name for name in stack["services"] if name.startswith("dagster-")}


def test_the_group_has_to_be_named() -> None:
    files = ("-f", str(ROOT / FILE), "--env-file", str(ROOT / ".env.example"))
    done = compose(*files, "config")
    assert done.returncode != 0
    assert "DOCKER_GROUP" in done.stderr


def isolated() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(
        (ROOT / "deploy/dagster/isolated-runs.yaml").read_text("utf-8")
    )
    return content
