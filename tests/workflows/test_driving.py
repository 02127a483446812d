"""Workflows launch runs of a real Dagster, follow them, and end them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.workflows.dagster_activities import DagsterActivities
from jarvis_dagster.workflows.dagster_api import Dagster
from jarvis_dagster.workflows.training import HockeyDetectionTraining
from jarvis_dagster.workflows.vision import ComputerVision
from tests.servers import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.workflow import JarvisWorkflowService
    from tests.servers import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:temporalio.*")
JOBS = """
import time
import dagster as dg

games = dg.DynamicPartitionsDefinition(name="games")


@dg.op
def work(context: dg.OpExecutionContext):
    if context.partition_key == "bad":
        raise dg.Failure("no such game", allow_retries=False)
    time.sleep(600 if context.partition_key == "slow" else 0)


@dg.job(partitions_def=games, executor_def=dg.in_process_executor)
def process_video():
    work()


@dg.op(config_schema={"dataset": str, "options": dict})
def toolchain__hockey_detection_data(context: dg.OpExecutionContext):
    assert context.op_config == {"dataset": "corrected@1", "options": {"steps": 2}}


@dg.op
def judge():
    pass


@dg.job(executor_def=dg.in_process_executor)
def train_hockey_detection():
    toolchain__hockey_detection_data()


@dg.job(executor_def=dg.in_process_executor)
def decide_promotion():
    judge()


defs = dg.Definitions(jobs=[process_video, train_hockey_detection, decide_promotion])
"""


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A webserver with a job like the product's; its address."""
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "jobs.py").write_text(JOBS)
    (folder / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}\n"
    )
    (port,) = free_ports(1)
    # A busy machine takes its time to start a process.
    env = {**os.environ, "DAGSTER_HOME": str(folder), "DAGSTER_GRPC_TIMEOUT_SECONDS": "300"}
    keys = "from dagster import DagsterInstance as I; I.get().add_dynamic_partitions"
    for_games = f"{keys}('games', ['good', 'bad', 'slow'])"
    subprocess.run([sys.executable, "-W", "ignore", "-c", for_games], env=env, check=True)
    command = [sys.executable, "-m", "dagster_webserver", "-f", "jobs.py", "-l", "/dagster"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "-p", str(port)], cwd=folder, env=env, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}/dagster"
    deadline = time.monotonic() + 240
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/server_info", timeout=5):
            break
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    yield url
    process.terminate()
    process.wait(240)


@contextlib.contextmanager
def driving(address: str, queue: str, url: str) -> Iterator[None]:
    """A worker in a thread."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        client = await Client.connect(address)
        with ThreadPoolExecutor(2) as executor:
            activities = DagsterActivities(url, every_s=0.2).all
            async with (
                Worker(
                    client, task_queue=queue, workflows=[ComputerVision, HockeyDetectionTraining]
                ),
                Worker(
                    client,
                    task_queue=f"{queue}-io",
                    activities=activities,
                    activity_executor=executor,
                    max_heartbeat_throttle_interval=datetime.timedelta(seconds=1),
                ),
            ):
                await stop.wait()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(240)


@pytest.mark.timeout(600)
def test_a_workflow_drives_dagster(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, dagster: str
) -> None:
    given: dict[str, Any] = {"revision": queue}
    api = Dagster(dagster)
    with driving(temporal_server.address, queue, dagster):
        good = service.start_workflow("computer-vision", {**given, "partition": "good"})
        result = service.wait_for_result(good, 240)
        assert (result["partition"], result["job"]) == ("good", "process_video")
        assert result["url"] == f"{dagster}/runs/{result['run_id']}"
        assert api.look(result["run_id"]).status == "SUCCESS"
        bad = service.start_workflow("computer-vision", {**given, "partition": "bad"})
        with pytest.raises(PermanentError, match="ended as FAILURE"):
            service.wait_for_result(bad, 240)

        slow = service.start_workflow("computer-vision", {**given, "partition": "slow"})
        run_id = started(api, slow)
        assert service.cancel_workflow(slow)
        with pytest.raises(PermanentError):
            service.wait_for_result(slow, 240)
        assert service.get_workflow_status(slow)["status"] == "cancelled"
        deadline = time.monotonic() + 240
        while not api.look(run_id).is_over:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert api.look(run_id).status == "CANCELED"


@pytest.mark.timeout(600)
def test_a_training_is_given_to_dagster(
    service: JarvisWorkflowService, temporal_server: Server, queue: str, dagster: str
) -> None:
    given = {"dataset": "corrected@1", "options": {"steps": 2}, "by": "dagster"}
    with driving(temporal_server.address, queue, dagster):
        workflow_id = service.start_workflow("hockey-detection", {**given, "decide": True})
        result = service.wait_for_result(workflow_id, 240)
        status = service.get_workflow_status(workflow_id)
        assert set(status["performance"]["step_seconds"]) == {"training", "decision"}
        assert result["dataset"] == "corrected@1"
        assert result["decision"].startswith(f"{dagster}/runs/")
        assert Dagster(dagster).look(result["run_id"]).status == "SUCCESS"
        wrong = service.start_workflow("hockey-detection", {**given, "by": "hand"})
        with pytest.raises(PermanentError, match="or by dagster"):
            service.wait_for_result(wrong, 240)


def started(api: Dagster, workflow_id: str) -> str:
    """The id of the run that a workflow launched, once it works."""
    query = """query($filter: RunsFilter!) { runsOrError(filter: $filter) {
      ... on Runs { results { runId status } } } }"""
    tags = [{"key": "jarvis/workflow_id", "value": workflow_id}]
    deadline = time.monotonic() + 240
    while True:
        found = api._ask(query, {"filter": {"tags": tags}})["runsOrError"]["results"]
        if found and found[0]["status"] == "STARTED":
            assert len(found) == 1
            return str(found[0]["runId"])
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.mark.timeout(600)
def test_the_same_mark_is_the_same_run(dagster: str) -> None:
    api = Dagster(dagster)
    tags = {"dagster/partition": "good"}
    first = api.launch("process_video", tags, "mark one")
    assert api.launch("process_video", tags, "mark one").id == first.id
    assert api.launch("process_video", tags, "mark two").id != first.id
    with pytest.raises(BadInputError, match="no job 'dance'"):
        api.launch("dance", {}, "mark three")
    with pytest.raises(PermanentError, match="no run"):
        api.look("00000000-0000-0000-0000-000000000000")


def test_a_dagster_that_is_away_is_an_outage() -> None:
    with pytest.raises(TransientError, match="cannot be reached"):
        Dagster("http://127.0.0.1:9").look("x")
