"""TSAIComponent and Spotlight over real services."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jarvis_dagster.components import Spotlight, TSAIComponent
from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.analytics import AnalyticsConfig, serve_metrics
from jarvis_dagster.services.client_storage import ClientStorageConfig, LocalDriveConfig
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.storage import StorageConfig
from jarvis_dagster.services.workflow import WorkflowConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server


@pytest.fixture
def queue() -> str:
    return f"test-{uuid.uuid4()}"


@pytest.fixture
def core(
    object_store: Server, temporal_server: Server, tmp_path: Path, queue: str
) -> Iterator[JarvisCoreServices]:
    made = JarvisCoreServices(
        storage=StorageConfig.model_validate(
            {
                "endpoint": object_store.address,
                "access_key": object_store.access_key,
                "secret_key": object_store.secret_key,
            }
        ),
        client_storage=ClientStorageConfig(
            drives={"club": LocalDriveConfig(root=tmp_path / "club")},
            import_dir=tmp_path / "imports",
        ),
        workflow=WorkflowConfig(address=temporal_server.address, task_queue=queue),
        analytics=AnalyticsConfig(directory=tmp_path / "metrics"),
    )
    made.storage_service.ensure_buckets()
    with made:
        yield made


def test_every_call_bears_the_component(core: JarvisCoreServices, tmp_path: Path) -> None:
    component = TSAIComponent("holmes", core)
    report = tmp_path / "report.html"
    report.write_text(str(uuid.uuid4()))
    artifact = component.store_artifact(report, {"n": 1}, "e1")
    found = core.storage_service.find_artifact(artifact)
    assert found is not None
    assert (found["component"], found["experiment_id"]) == ("holmes", "e1")
    assert component.retrieve_artifact(artifact, tmp_path / "back")
    assert (tmp_path / "back").read_text() == report.read_text()

    assert component.export_results([report], "club") == ["report.html"]
    (imported,) = component.import_user_media("club", file_types=[".html"])
    assert (tmp_path / "imports" / "holmes") in imported.parents

    component.log_metric("reports_open", 3)
    import urllib.request

    with serve_metrics(AnalyticsConfig(directory=tmp_path / "metrics"), "127.0.0.1", 0) as port:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert 'reports_open{component="holmes"} 3.0' in answer.read().decode()

    workflow_id = component.start_workflow("computer-vision", {"video_key": "x"})
    assert component.get_workflow_status(workflow_id)["status"] == "running"
    assert core.workflow_service.cancel_workflow(workflow_id)


class _Recorded:
    """An experiment service that only remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def start_experiment(self, *given: Any) -> str:
        self.calls.append(("start", *given))
        return "run"

    def log_metrics(self, *given: Any) -> None:
        self.calls.append(("metrics", *given))

    def close(self) -> None:
        self.calls.append(("close",))


def test_experiments_bear_the_component_too() -> None:
    core, recorded = JarvisCoreServices(), _Recorded()
    core.__dict__["experiment_service"] = recorded
    component = TSAIComponent("toolchain", core)
    assert component.start_experiment("detector", {"lr": 1}) == "run"
    component.log_metrics({"map": 0.5}, 3, "run")
    core.close()
    assert recorded.calls == [
        ("start", "detector", {"lr": 1}, "toolchain"),
        ("metrics", {"map": 0.5}, 3, "run"),
        ("close",),
    ]
    with pytest.raises(BadInputError, match="name"):
        TSAIComponent(" ", core)


@pytest.fixture
def worker(
    core: JarvisCoreServices, object_store: Server, temporal_server: Server, tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """The worker as it is run: a process with settings from a file."""
    settings = {
        "storage": {
            "endpoint": object_store.address,
            "access_key": object_store.access_key,
            "secret_key": object_store.secret_key,
        },
        "workflow": {
            "address": temporal_server.address,
            "task_queue": core.workflow_service.config.task_queue,
            "graceful_stop_s": 5,
            "metrics_address": "127.0.0.1:0",
        },
    }
    config = tmp_path / "jarvis-core.yaml"
    config.write_text(yaml.safe_dump(settings))
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "JARVIS_CONFIG": str(config), "PYTHONPATH": root}
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jarvis_dagster.workflows.worker"],
            cwd=tmp_path,
            env=env,
            stdout=log,
            stderr=log,
        )
    yield process
    process.kill()
    process.wait()


def metrics_of(pid: int) -> str:
    """What a process serves at the one port that it listens on."""
    import psutil

    (port,) = {
        link.laddr.port
        for link in psutil.Process(pid).net_connections("tcp")
        if link.status == psutil.CONN_LISTEN
    }
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return str(answer.read().decode())


def test_spotlight_analyses_a_video(
    core: JarvisCoreServices, worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    from jarvis_dagster.hockey.synthetic import GameSpec, render_game
    from jarvis_dagster.hockey.tables import EVENTS, SCAN, TRACKS, read_provenance, read_table

    spec = GameSpec(duration_s=2.0, width_px=640, height_px=360)
    video = render_game(tmp_path / "game", spec).video
    spotlight = Spotlight(core)
    got = spotlight.analyze_hockey_video(video, timeout_s=240)
    assert set(got["outputs"]) == {"scan", "detections", "kit", "tracks", "events"}
    assert got["summary"]["people"] > 0
    tables = {}
    for name, schema in (("scan", SCAN), ("tracks", TRACKS), ("events", EVENTS)):
        path = tmp_path / f"{name}.parquet"
        core.storage_service.get_file(got["outputs"][name], path)
        tables[name] = read_table(path, schema)
    assert len(tables["scan"]) == spec.frame_count
    artifact = core.storage_service.find_artifact(got["artifact_id"])
    assert artifact is not None
    assert read_provenance(tmp_path / "tracks.parquet").video_sha256 == artifact["sha256"]
    status = spotlight.get_workflow_status(got["workflow_id"])
    assert (status["status"], status["metrics"]["frames"]) == ("completed", spec.frame_count)
    assert status["performance"]["frames_per_second"] > 0
    # what Prometheus finds at the worker itself
    told = metrics_of(worker.pid)
    assert "temporal_activity_execution_latency_count{" in told
    assert "temporal_resource_slots_mem_usage{" in told  # by which it takes steps or leaves them
    # the same video again is answered from what is known
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(240) == 0, (tmp_path / "worker.log").read_text()
    assert spotlight.analyze_hockey_video(video, timeout_s=60) == got
    # another model is other work
    newer = Spotlight(core, revision="another model")
    with pytest.raises(TransientError, match="within"):
        newer.analyze_hockey_video(video, timeout_s=0.5)  # nobody serves the queue any more


def test_a_file_that_is_no_video_fails_with_its_reason(
    core: JarvisCoreServices, worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    text = tmp_path / f"{uuid.uuid4()}.mp4"
    text.write_text("this is no video")
    with pytest.raises(PermanentError, match="did not complete"):
        Spotlight(core).analyze_hockey_video(text, timeout_s=120)
    with pytest.raises(BadInputError):
        Spotlight(core).analyze_hockey_video(tmp_path / "none.mp4")
    assert worker.poll() is None
