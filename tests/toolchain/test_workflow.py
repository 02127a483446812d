"""The workflow ``hockey-detection`` over a real Temporal server and a worker process."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

pytest.importorskip("torch")

from jarvis_dagster.components import Toolchain
from jarvis_dagster.errors import BadInputError, PermanentError
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.experiment import ExperimentConfig
from jarvis_dagster.services.workflow import WorkflowConfig
from tests.services.storage_tools import service_of
from tests.toolchain.conftest import TINY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Server


@pytest.fixture
def working_core(
    object_store: Server, temporal_server: Server, mlflow_server: Server, prefix: str
) -> Iterator[JarvisCoreServices]:
    made = JarvisCoreServices(
        storage=service_of(object_store, prefix).config,
        experiment=ExperimentConfig(tracking_uri=mlflow_server.url),
        workflow=WorkflowConfig(
            address=temporal_server.address, task_queue=f"test-{uuid.uuid4()}", graceful_stop_s=1
        ),
    )
    with made:
        yield made


@pytest.fixture
def start_worker(
    working_core: JarvisCoreServices, tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts the worker as it is run: a process with settings from a file."""
    storage = working_core.storage_service.config
    settings = {
        "stack": {"data_dir": str(tmp_path / "data")},
        "storage": {
            **storage.model_dump(
                mode="json",
                include={
                    "endpoint", "access_key", "artifacts_bucket", "models_bucket",
                    "datasets_bucket", "logs_bucket",
                },
            ),
            "secret_key": storage.secret_key.get_secret_value(),
        },
        "experiment": working_core.experiment_service.config.model_dump(mode="json"),
        "workflow": working_core.workflow_service.config.model_dump(mode="json"),
    }  # fmt: skip
    config = tmp_path / "jarvis-core.yaml"
    config.write_text(yaml.safe_dump(settings))
    root = str(Path(__file__).parents[2])
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / "worker.log").open("ab") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "jarvis_dagster.workflows.worker"],
                    cwd=tmp_path,
                    env={**os.environ, "JARVIS_CONFIG": str(config), "PYTHONPATH": root},
                    stdout=log,
                    stderr=log,
                )
            )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("ref")
def test_the_component_trains_by_a_workflow(
    working_core: JarvisCoreServices, start_worker: Callable[[], subprocess.Popen[bytes]]
) -> None:
    toolchain = Toolchain(working_core)
    with pytest.raises(BadInputError, match="no dataset 'none'"):
        toolchain.run_hockey_detection_pipeline({"dataset": "none"})
    with pytest.raises(BadInputError, match="colour"):
        toolchain.run_hockey_detection_pipeline({"dataset": "rendered", "colour": 1})
    request = {"dataset": "rendered", "test": ["game_0"], "options": {**TINY, "seed": 10}}
    workflow_id = toolchain.run_hockey_detection_pipeline(request)
    assert toolchain.run_hockey_detection_pipeline(request) == workflow_id

    start_worker()
    result = working_core.workflow_service.wait_for_result(workflow_id, timeout_s=240)
    assert result["alias"] == "challenger"
    assert result["job"]["split"]["test"] == ["game_0"]
    status = toolchain.get_workflow_status(workflow_id)
    assert (status["status"], status["progress"]) == ("completed", 1.0)
    assert set(status["performance"]["step_seconds"]) == {
        "data_preparation", "training", "evaluation", "deployment",
    }  # fmt: skip

    wrong = toolchain.run_hockey_detection_pipeline(
        {"dataset": "rendered", "options": {"steps": "many"}}
    )
    with pytest.raises(PermanentError, match="steps of hockey-detection cannot be 'many'"):
        working_core.workflow_service.wait_for_result(wrong, timeout_s=120)
