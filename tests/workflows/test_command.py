"""``jarvis workflow`` on a real Temporal server."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from jarvis_dagster.cli import app
from jarvis_dagster.errors import BadInputError, PermanentError
from tests.services.storage_tools import service_of
from tests.workflows.steps import Steps, working

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")


@pytest.fixture
def run(
    tmp_path: Path,
    temporal_server: Server,
    object_store: Server,
    queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Any]:
    """Run the command with settings of one's own; its result."""
    config = tmp_path / "jarvis-core.yaml"
    storage = service_of(object_store, "wfcommand").config
    buckets = {f"{kind}_bucket" for kind in ("artifacts", "models", "datasets", "logs")}
    kept = {"endpoint", "access_key", *buckets}
    settings = {
        "stack": {"data_dir": str(tmp_path / "data")},
        "storage": {
            **storage.model_dump(mode="json", include=kept),
            "secret_key": storage.secret_key.get_secret_value(),
        },
        "workflow": {
            "address": temporal_server.address,
            "task_queue": queue,
            "payload_kib": 1,
            "triggers": [
                {"event": "taken", "workflow": "computer-vision", "input": {"video_key": "{key}"}}
            ],
        },
    }
    config.write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("JARVIS_CONFIG", str(config))
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["workflow", *words], catch_exceptions=False)

    return run


def test_a_workflow_by_hand(
    run: Callable[..., Any], temporal_server: Server, queue: str, tmp_path: Path
) -> None:
    # an input that is kept in the object store, because Temporal is told of it by its key
    given = json.dumps({"video_key": f"a/{queue}.mp4", "revision": "r" * 3000})
    (tmp_path / "input.json").write_text(given)
    done = run("start", "computer-vision", "-i", f"@{tmp_path / 'input.json'}", "--json")
    workflow_id = json.loads(done.stdout)["id"]
    assert run("start", "computer-vision", "-i", given).stdout.strip() == workflow_id
    exported = tmp_path / "history.json"
    assert run("history", workflow_id, "--export", str(exported)).exit_code == 0
    assert "rrrrrrrr" not in exported.read_text()
    assert run("cancel", workflow_id, "--now").exit_code == 0
    assert run("cancel", workflow_id).exit_code == 1
    done = run("status", workflow_id)
    assert done.exit_code == 1
    assert "terminated" in done.stdout
    assert run("status", "no-such").exit_code == 1
    history = run("history", workflow_id).stdout
    assert "terminated" in history

    with working(temporal_server.address, queue, Steps()):
        small = json.dumps({"video_key": f"a/{queue}.mp4"})
        done = run("start", "computer-vision", "-i", small, "--wait", "--json", "--component", "me")
        assert done.exit_code == 0
        found = json.loads(done.stdout)
        assert found["status"] == "completed"
        assert found["result"]["outputs"]["inference"]
    assert "completed" in run("status", found["id"]).stdout
    rows = json.loads(run("queues", "--json").stdout)
    assert [row["kind"] for row in rows] == ["workflows", "vision", "training", "io"]
    assert "waiting" in run("queues").stdout
    assert run("list", "--limit", "5").exit_code == 0
    assert json.loads(run("list", "--component", "nobody-at-all", "--json").stdout) == []


def test_schedules_and_events_by_hand(run: Callable[..., Any], queue: str) -> None:
    name = f"nightly-{queue[-8:]}"
    words = ["create", name, "computer-vision", "--cron", "0 3 * * *", "-i", '{"video_key": "x"}']
    assert name in run("schedule", *words).stdout
    assert run("schedule", "pause", name, "--note", "holidays").exit_code == 0
    (row,) = [
        row
        for row in json.loads(run("schedule", "list", "--json").stdout or "[]")
        if row["name"] == name
    ] or [{"paused": True}]  # the list is a little behind
    assert row["paused"] is True
    assert run("schedule", "resume", name).exit_code == 0
    assert run("schedule", "delete", name).exit_code == 0
    assert run("schedule", "delete", name).exit_code == 1

    started = json.loads(run("event", "taken", "-d", json.dumps({"key": queue}), "--json").stdout)
    assert len(started) == 1
    assert "No trigger" in run("event", "nothing").stderr
    assert run("cancel", started[0], "--now").exit_code == 0


def test_what_makes_no_sense_is_told(run: Callable[..., Any]) -> None:
    for words, error, named in (
        (("start", "computer-vision", "-i", "{"), BadInputError, "not JSON"),
        (("start", "computer-vision", "-i", "[1]"), BadInputError, "names and values"),
        (("start", "computer-vision", "-i", "@/not/there"), BadInputError, "cannot be read"),
        (("signal", "no-such", "say"), PermanentError, "no-such"),
        (("query", "no-such", "said"), PermanentError, "no-such"),
    ):
        with pytest.raises(error, match=named):
            run(*words)


def test_the_process_ends_well(run: Callable[..., Any]) -> None:
    """The SDK's threads must not crash the interpreter at its end."""
    assert run("list").exit_code == 0
    command = [sys.executable, "-W", "ignore", "-m", "jarvis_dagster.cli", "workflow", "queues"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
