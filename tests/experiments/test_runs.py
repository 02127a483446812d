"""Runs as blocks: always ended, tried again, nested, many at once, through outages."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from jarvis_dagster.errors import BadInputError, TransientError
from jarvis_dagster.resources.services import RUN_TAG, ExperimentResource
from jarvis_dagster.sensors.unfinished_runs import end_experiments
from jarvis_dagster.services.experiment import ExperimentConfig, JarvisExperimentService
from jarvis_dagster.services.experiment.identity import IDENTITY
from tests.servers import Server


def of(service: JarvisExperimentService, run_id: str) -> Any:
    return service._mlflow.client.get_run(run_id)


def runs_of(service: JarvisExperimentService, experiment: str) -> list[Any]:
    client = service._mlflow.client
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id]))


def test_the_end_of_a_block_is_recorded_whatever_it_is(service: JarvisExperimentService) -> None:
    class Interrupt(BaseException):
        pass

    ended = {}
    for name, error in (("FINISHED", None), ("FAILED", ValueError), ("KILLED", Interrupt)):
        try:
            with service.run("ends", {"a": 1}, name=name) as log:
                log.metrics({"loss": 1.0}, step=3)
                if error is not None:
                    raise error
        except (ValueError, Interrupt):
            pass
        ended[name] = of(service, log.run_id)
    assert {name: run.info.status for name, run in ended.items()} == {name: name for name in ended}
    assert all(run.data.metrics == {"loss": 1.0} for run in ended.values())
    assert ended["FAILED"].info.run_name == "FAILED"


def test_a_run_that_is_tried_again_goes_on(service: JarvisExperimentService) -> None:
    identity = {"dagster.run_id": "r'1", "dagster.asset": "toolchain/x", "dagster.partition": "ü%"}
    ids = []
    for attempt in range(3):
        try:
            with service.run("retried", {"lr": 0.1}, identity=identity) as log:
                log.metrics({"m": attempt}, step=attempt)
                assert log.continued == (attempt > 0)
                assert of(service, log.run_id).info.status == "RUNNING"
                if attempt < 2:
                    raise TransientError("away")
        except TransientError:
            assert of(service, log.run_id).info.status == "FAILED"
        ids.append(log.run_id)
    assert len(set(ids)) == 1
    assert of(service, ids[0]).info.status == "FINISHED"
    assert of(service, ids[0]).data.tags["jarvis.attempts"] == "3"
    assert service.curve(ids[0], "m") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    with service.run("retried", identity={**identity, "dagster.partition": "other"}) as other:
        assert other.run_id not in ids


def test_many_at_once_and_within_each_other(on_server: JarvisExperimentService) -> None:
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            with on_server.run("crowd", parent=parent.run_id, name=f"child {number}") as log:
                for step in range(300):
                    log.metrics({"value": number * 1000 + step}, step=step)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    with on_server.run("crowd", name="parent") as parent:
        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    children = [r for r in runs_of(on_server, "crowd") if r.info.run_id != parent.run_id]
    assert len(children) == 4
    for child in children:
        assert child.data.tags["mlflow.parentRunId"] == parent.run_id
        number = int(child.info.run_name.split()[-1])
        points = on_server.curve(child.info.run_id, "value")
        assert points == [(step, number * 1000.0 + step) for step in range(300)]


def test_the_same_work_begun_by_several_threads_is_one_run(
    on_server: JarvisExperimentService,
) -> None:
    ids: list[str] = []

    def begin() -> None:
        with on_server.run("same work", identity={"dagster.run_id": "together"}) as log:
            log.metrics({"x": 1})
            ids.append(log.run_id)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4
    assert len(set(ids)) == 1
    assert len(runs_of(on_server, "same work")) == 1


_WRITER = """
import sys
from jarvis_dagster.services.experiment import ExperimentConfig, JarvisExperimentService
service = JarvisExperimentService(ExperimentConfig(tracking_uri=sys.argv[1]))
run_id, who = sys.argv[2:]
for start in range(0, 500, 100):
    service.log_metrics({f"{who}.{n}": n for n in range(start, start + 100)}, run_id=run_id)
"""


def test_two_processes_write_to_one_run(
    on_server: JarvisExperimentService, mlflow_server: Server
) -> None:
    run_id = on_server.start_experiment("two writers", {})
    writers = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _WRITER, mlflow_server.url, run_id, who]
        )
        for who in ("a", "b")
    ]
    assert [writer.wait(240) for writer in writers] == [0, 0]
    on_server.end_experiment(run_id)
    metrics = of(on_server, run_id).data.metrics
    assert metrics == {f"{who}.{n}": float(n) for who in "ab" for n in range(500)}


def test_an_outage_loses_nothing_and_one_to_the_end_of_a_run_is_told(
    on_server: JarvisExperimentService, mlflow_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    impatient = JarvisExperimentService(
        ExperimentConfig(tracking_uri=mlflow_server.url, attempts=1, patient_attempts=2)
    )
    blocks = [impatient.run("outage") for _ in range(2)]
    good, bad = (block.__enter__() for block in blocks)
    good.metrics({"m": 1})
    with on_server.run("restart") as log:
        log.metrics({"m": 0}, step=0)
        log.flush()
        mlflow_server.kill()
        try:
            for step in range(1, 1500):  # more than one batch, and nobody answers
                log.metrics({"m": step}, step=step)
            with pytest.raises(TransientError):
                log.flush(attempts=1)

            # Those that end meanwhile say so, and the first error stays the one.
            with pytest.raises(TransientError, match="cannot be reached"):
                blocks[0].__exit__(None, None, None)
            error = ValueError("the training diverged")
            with pytest.raises(ValueError, match="diverged"):
                blocks[1].gen.throw(error)  # type: ignore[attr-defined]
        finally:
            mlflow_server.start()
        log.metrics({"m": 1500}, step=1500)
    assert of(on_server, log.run_id).info.status == "FINISHED"
    assert on_server.curve(log.run_id, "m") == [(step, float(step)) for step in range(1501)]
    assert f"run {bad.run_id} (FAILED) is not recorded" in caplog.text
    for ended in (good, bad):
        impatient.end_experiment(ended.run_id, "FAILED")


def test_ten_thousand_points_and_what_is_no_number(service: JarvisExperimentService) -> None:
    with service.run("long") as log:
        for step in range(10_000):
            log.metrics({"loss": 1 / (step + 1)}, step=step)
        log.metrics({"nan": float("nan"), "inf": float("inf"), "minus": float("-inf")})
    line = service.curve(log.run_id, "loss")
    assert len(line) == 10_000
    assert line[-1] == (9999, 1e-4)
    facts = service.run_facts(log.run_id)
    assert {name: facts.metrics[name] for name in ("nan", "inf", "minus")} == {
        "nan": None,
        "inf": None,
        "minus": None,
    }
    assert service.curve(log.run_id, "inf") == []
    with service.run("long") as other:
        other.metrics({"inf": 5.0, "minus": 5.0})
    assert service.get_best_model("long", "inf") == other.run_id
    compared = service.compare_experiments([log.run_id, other.run_id])
    assert compared["metrics"]["inf"]["best"] == other.run_id
    assert compared["metrics"]["inf"]["deltas"][other.run_id] is None
    assert len(compared["curves"]["loss"][log.run_id]) <= 400
    assert compared["curves"]["loss"][log.run_id][0] == [0, 1.0]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "/abs", "a//b", "a\nb", "100%", "x" * 251, "'; drop table"]
)
def test_a_hostile_name_of_a_metric_loses_no_other(
    database: JarvisExperimentService, name: str
) -> None:
    with database.run("hostile") as log:
        log.metrics({"good": 1})
        with pytest.raises(BadInputError, match="name of a metric"):
            log.metrics({name: 2})
    assert of(database, log.run_id).data.metrics == {"good": 1.0}


@pytest.mark.parametrize("name", ["../../up", "x/../ü\n%00'; drop", "CON", "a" * 400, "日本 'q'"])
def test_hostile_names_of_experiments_and_files_stay_where_they_belong(
    service: JarvisExperimentService, tmp_path: Path, name: str
) -> None:
    picture = tmp_path / "ü '1' %.png"
    picture.write_bytes(b"picture")
    with service.run(name, name=name[:200]) as log:
        log.json(name, {"x": 1}, "kept")
        log.gallery(name, [(picture, "<script>")])
        with pytest.raises(BadInputError, match="name of a model"):
            log.model(picture, "a/b")
    files = service.artifacts(log.run_id)
    assert len(files) == 3
    assert all(path.startswith(("kept/", "errors/")) and ".." not in path for path in files)


def test_a_killed_process_is_told_by_dagster(on_server: JarvisExperimentService) -> None:
    identity = {RUN_TAG: "dead-1", "dagster.asset": "toolchain/x"}
    run_id, _ = on_server._runs.begin("killed", {}, None, identity=identity)
    assert on_server.end_runs_of(RUN_TAG, "dead-1", "FAILED") == [run_id]
    assert on_server.end_runs_of(RUN_TAG, "dead-1", "FAILED") == []
    assert of(on_server, run_id).info.status == "FAILED"


@pytest.fixture
def resource(
    tmp_path: Path, mlflow_server: Server, monkeypatch: pytest.MonkeyPatch
) -> ExperimentResource:
    config = tmp_path / "jarvis-core.yaml"
    config.write_text(f"experiment: {{tracking_uri: '{mlflow_server.url}'}}", "utf-8")
    monkeypatch.setenv("JARVIS_CONFIG", str(config))
    return ExperimentResource(config_file=str(config))


def test_a_step_that_dagster_tries_again_is_one_run(
    resource: ExperimentResource, on_server: JarvisExperimentService
) -> None:
    @dg.asset(key=["toolchain", "trained"], partitions_def=dg.StaticPartitionsDefinition(["a b"]))
    def trained(context: dg.AssetExecutionContext, experiments: ExperimentResource) -> None:
        with experiments.run(context, "trained", {"lr": 0.1}) as log:
            log.metrics({"loss": 1.0}, step=context.retry_number)
            if context.retry_number == 0:
                raise dg.RetryRequested(max_retries=1)

    with dg.instance_for_test() as instance:
        done = dg.materialize(
            [trained], resources={"experiments": resource}, partition_key="a b", instance=instance
        )
        of_dagster = instance.get_run_by_id(done.run_id)
        assert of_dagster is not None
        (run,) = runs_of(on_server, "trained")
        assert run.info.status == "FINISHED"
        assert run.data.tags["dagster.partition"] == "a b"
        assert run.data.tags[IDENTITY]
        assert [step for step, _ in on_server.curve(run.info.run_id, "loss")] == [0, 1]
        assert of_dagster.tags["jarvis/experiment"] == "trained"
        (made,) = done.asset_materializations_for_node("toolchain__trained")
        assert run.info.run_id in str(made.metadata["mlflow_run"].value)

        client = on_server._mlflow.client
        client.update_run(run.info.run_id, status="RUNNING")  # as if its process had been killed
        context = dg.build_run_status_sensor_context(
            sensor_name="s",
            dagster_event=dg.DagsterEvent("PIPELINE_FAILURE", "trained"),
            dagster_instance=instance,
            dagster_run=of_dagster,
        )
        end_experiments(context, experiments=resource)
        assert of(on_server, run.info.run_id).info.status == "FAILED"
