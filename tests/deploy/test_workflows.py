"""Continuous integration does what README says, with pinned actions and least permissions."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.deploy.project import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def load(name: str) -> dict[str, Any]:
    # BaseLoader: in YAML 1.1, `on` is the word for true.
    workflow: dict[str, Any] = yaml.load(
        (ROOT / ".github" / "workflows" / name).read_text("utf-8"), Loader=yaml.BaseLoader
    )
    return workflow


def commands(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_there_are_two() -> None:
    assert [file.name for file in FILES] == ["ci.yml", "release.yml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_actions_are_pinned_by_content(file: Any) -> None:
    used = re.findall(r"uses:\s*(\S+)(.*)", file.read_text("utf-8"))
    assert used
    for action, rest in used:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
            assert re.match(r"\s+# v\d+\.\d+", rest), action


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_permissions_are_the_least(file: Any) -> None:
    workflow = load(file.name)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        granted = {key for key, value in job.get("permissions", {}).items() if value == "write"}
        allowed = {"pypi": {"id-token"}, "image": {"packages"}} if "release" in file.name else {}
        assert granted <= allowed.get(name, set()), name
        if "steps" in job:
            assert int(job["timeout-minutes"]) <= 60
            for step in job["steps"]:
                if "checkout" in step.get("uses", ""):
                    assert step["with"]["persist-credentials"] == "false"


def test_ci_does_what_the_readme_says() -> None:
    jobs = load("ci.yml")["jobs"]
    assert ".ci/run" in commands(jobs["test"])
    assert "make check" in commands(jobs["check"])
    assert "dagster definitions validate -w workspace.yaml" in commands(jobs["check"])
    assert "deploy/materialise-sample.sh" in commands(jobs["clip"])
    assert jobs["stack"]["env"] == {"JARVIS_TEST_DOCKER": "1"}
    assert "pytest tests/deploy/test_image.py" in commands(jobs["stack"])
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_packages_secrets_and_the_image_are_scanned() -> None:
    jobs = load("ci.yml")["jobs"]
    scans = commands(jobs["scan"])
    assert "deploy/scan.sh secrets" in scans
    assert "deploy/scan.sh packages" in scans
    assert re.search(r"aquasec/trivy:[\d.]+ image --exit-code 1", commands(jobs["image"]))


def test_a_partition_is_added_before_it_is_materialised() -> None:
    script = (ROOT / "deploy" / "materialise-sample.sh").read_text("utf-8")
    assert script.index(" register ") < script.index("asset materialize")


def test_a_release_waits_for_everything_and_has_no_password() -> None:
    workflow = load("release.yml")
    assert list(workflow["on"]) == ["push"]
    assert list(workflow["on"]["push"]) == ["tags"]
    jobs = workflow["jobs"]
    assert jobs["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert jobs["wheel"]["needs"] == "ci"
    assert jobs["pypi"]["needs"] == jobs["image"]["needs"] == "wheel"
    secrets = re.findall(r"secrets\.(\w+)", (FILES[1]).read_text("utf-8"))
    assert set(secrets) == {"GITHUB_TOKEN"}


def test_checked_images_are_those_of_the_stack() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    stack = (ROOT / "docker-compose.yml").read_text("utf-8")
    for image in re.findall(r"prom/\w+:v[\d.]+", text):
        assert f"image: {image}" in stack


def test_scripts_can_be_run() -> None:
    scripts = [*(ROOT / "deploy").rglob("*.sh"), *(ROOT / "deploy" / "docker" / "bin").iterdir()]
    for script in scripts:
        assert script.read_text("utf-8").startswith("#!"), script
        assert script.stat().st_mode & 0o111, script
