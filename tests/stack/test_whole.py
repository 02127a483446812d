"""All programs at once: Dagster, MLflow and the worker find the servers beside them."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import tenacity
import yaml

from jarvis_dagster.stack import PROGRAM_NAMES, StackConfig, ensure_up, stack_status, stop
from jarvis_dagster.stack.processes import marked_processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as reply:
        text = reply.read().decode()
    return json.loads(text) if reply.headers.get_content_type() == "application/json" else text


LOCATIONS = """{
  workspaceOrError { ... on Workspace { locationEntries {
    name loadStatus locationOrLoadError { __typename } } } }
  instance { daemonHealth { allDaemonStatuses { daemonType healthy required } } }
}"""


@tenacity.retry(stop=tenacity.stop_after_delay(120), wait=tenacity.wait_fixed(0.5))
def daemons_are_healthy(url: str) -> None:
    told = ask(f"{url}/graphql", {"query": LOCATIONS})["data"]
    statuses = told["instance"]["daemonHealth"]["allDaemonStatuses"]
    assert statuses
    assert all(status["healthy"] for status in statuses if status["required"])
    (location,) = told["workspaceOrError"]["locationEntries"]
    assert location["name"] == "jarvis"
    assert location["locationOrLoadError"]["__typename"] == "RepositoryLocation"


@tenacity.retry(stop=tenacity.stop_after_delay(150), wait=tenacity.wait_fixed(0.5))
def is_back(config: StackConfig, name: str, old: int) -> None:
    now = next(row for row in stack_status(config) if row.program == name)
    assert now.state == "ready"
    assert now.pid != old


@pytest.mark.timeout(900)  # the servers need 30 s, and minutes on a busy machine
def test_everything_runs_and_comes_back(
    make_config: Callable[..., StackConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(start_timeout_s=400.0)
    settings = {"stack": json.loads(config.model_dump_json())}
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "jarvis-core.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("JARVIS_CONFIG", str(tmp_path / "config" / "jarvis-core.yaml"))
    monkeypatch.setenv("JARVIS_ENV", "development")
    monkeypatch.delenv("JARVIS_DATA_DIR", raising=False)

    at = ensure_up(config)
    rows = {row.program: row for row in stack_status(config)}
    assert {name: row.state for name, row in rows.items()} == dict.fromkeys(PROGRAM_NAMES, "ready")
    daemons_are_healthy(at.dagster_url)
    assert "jarvis_system_disk_used_ratio" in ask(f"http://127.0.0.1:{at.metrics_port}/metrics")
    made = ask(f"{at.mlflow_uri}/api/2.0/mlflow/experiments/create", {"name": "kept"})

    # MLflow's server is a child of its command: both must go, or the port stays taken.
    head = psutil.Process(rows["mlflow"].pid)
    os.kill(head.pid, signal.SIGKILL)
    code = rows["dagster-code"].pid or 0
    os.kill(code, signal.SIGKILL)
    is_back(config, "mlflow", head.pid)
    is_back(config, "dagster-code", code)
    kept = ask(f"{at.mlflow_uri}/api/2.0/mlflow/experiments/get-by-name?experiment_name=kept")
    assert kept["experiment"]["experiment_id"] == made["experiment_id"]
    daemons_are_healthy(at.dagster_url)

    beyond = [
        connection.laddr
        for process in marked_processes(str(config.data_dir))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr.ip.removeprefix("::ffff:") not in ("127.0.0.1", "::1")
    ]
    assert beyond == []
    stop(config)
    assert marked_processes(str(config.data_dir)) == {}
