"""The code location: light to import, complete, valid for both command lines."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from jarvis_dagster.build import build_definitions

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "cv2", "mlflow", "temporalio", "googleapiclient", "av", "openvino", "minio"}


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )


def test_importing_the_code_location_loads_nothing_heavy_and_starts_nothing() -> None:
    code = (
        "import sys, threading, jarvis_dagster.definitions\n"
        "print(' '.join(sorted(m for m in sys.modules if '.' not in m)))\n"
        "print(threading.active_count())"
    )
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    modules, threads = done.stdout.strip().splitlines()
    assert HEAVY.isdisjoint(modules.split())
    assert threads == "1"


def test_the_assets_are_the_way_of_the_data() -> None:
    graph = build_definitions().resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents["spotlight/detections"] == {"footage/video", "footage/preflight"}
    assert parents["spotlight/positions"] == {"spotlight/tracks", "spotlight/calibration"}
    assert "holmes/game_report" in parents["delivery/results"]
    of_all = {
        "drives/search_index",
        "holmes/games",
        "upkeep/backup",
        "upkeep/stored",
        "upkeep/services",
    }
    of_videos = {
        key
        for key in graph.get_all_asset_keys()
        if key.to_user_string() not in of_all
        and key.path[0] not in {"toolchain", "autopilot", "workflows"}
    }
    assert all(graph.get(key).partitions_def for key in of_videos)


def test_every_asset_is_described_and_grouped() -> None:
    graph = build_definitions().resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        assert graph.get(key).description, key
        assert graph.get(key).group_name == key.path[0]


@pytest.mark.parametrize(
    "command",
    [
        ("dagster", "definitions", "validate", "-w", "workspace.yaml"),
        ("dg", "check", "defs"),
    ],
)
def test_the_command_lines_of_dagster_accept_the_project(
    command: tuple[str, ...],
) -> None:
    program = Path(sys.executable).with_name(command[0])
    done = run(str(program), *command[1:], DG_CLI_TELEMETRY="0")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_correction_makes_what_an_earlier_version_did_not_know() -> None:
    from jarvis_dagster.jobs import apply_corrections, recomputed

    repository = build_definitions().get_repository_def()
    graph = repository.asset_graph
    new_since = {dg.AssetKey(["spotlight", "scoreboard"])}
    usual = recomputed({"event_wrong"}, graph)
    now = recomputed({"event_wrong"}, graph, lambda key: key not in new_since)
    assert not new_since & set(usual)
    assert set(now) >= new_since | set(usual)
    job = repository.get_job(apply_corrections.name)
    assert set(now) <= set(job.asset_layer.executable_asset_keys)
    assert dg.AssetKey(["spotlight", "detections"]) not in now
