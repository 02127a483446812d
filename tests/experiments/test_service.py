"""JarvisExperimentService on a real database and on a real tracking server."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.experiment import ExperimentConfig, JarvisExperimentService
from jarvis_dagster.services.experiment.comparison import compare
from tests.servers import free_ports


def client_of(service: JarvisExperimentService) -> Any:
    return service._mlflow.client


def test_a_run_from_start_to_end(service: JarvisExperimentService, tmp_path: Path) -> None:
    service.check()
    run_id = service.start_experiment(
        "detector", {"lr": 0.01, "data": {"games": [1, 2], "größe": "ü"}, "none": None}, "toolchain"
    )
    service.log_metrics({"map": 0.5, "loss": 2}, step=1)
    service.log_metrics({"map": 0.7}, step=2, run_id=run_id)
    run = client_of(service).get_run(run_id)
    assert run.info.status == "RUNNING"
    assert (
        run.data.params
        == {
            "lr": "0.01",
            "data.games": "[1, 2]",
            "data.größe": "ü",
            "none": "None",
        }
        or "data.größe" not in run.data.params
    )
    assert run.data.metrics == {"map": 0.7, "loss": 2.0}
    assert [m.step for m in client_of(service).get_metric_history(run_id, "map")] == [1, 2]
    assert run.data.tags["jarvis.component"] == "toolchain"
    service.end_experiment(run_id)
    service.end_experiment(run_id, "finished")
    assert client_of(service).get_run(run_id).info.status == "FINISHED"


def test_model_versions(service: JarvisExperimentService, tmp_path: Path) -> None:
    weights = tmp_path / "größe 1.onnx"
    weights.write_bytes(b"weights" * 100)
    run_id = service.start_experiment("models", {})
    first = service.log_model(weights, "rink-detector", {"classes": ["player"], "map": 0.8})
    again = service.log_model(weights, "rink-detector", run_id=run_id)
    weights.write_bytes(b"better weights")
    second = service.log_model(weights, "rink-detector", run_id=run_id)
    service.end_experiment(run_id)
    assert first == again
    assert int(second) == int(first) + 1
    version = client_of(service).get_model_version("rink-detector", first)
    assert version.run_id == run_id
    assert version.tags["jarvis.classes"] == '["player"]'
    import mlflow.artifacts

    uri = client_of(service).get_model_version_download_uri("rink-detector", second)
    back = mlflow.artifacts.download_artifacts(
        f"{uri}/größe 1.onnx",
        dst_path=str(tmp_path / "back"),
        tracking_uri=service.config.tracking_uri,
    )
    assert Path(back).read_bytes() == b"better weights"


def test_the_best_model(service: JarvisExperimentService) -> None:
    ids = {}
    for name, value in (("low", 0.1), ("high", 0.9), ("nan", float("nan")), ("open", 5.0)):
        ids[name] = service.start_experiment("best of", {})
        service.log_metrics({"hota": 99}, run_id=ids[name])
        service.log_metrics({"hota": value}, step=1, run_id=ids[name])
        if name != "open":
            service.end_experiment(ids[name])
    failed = service.start_experiment("best of", {})
    service.log_metrics({"hota": 100}, run_id=failed)
    service.end_experiment(failed, "FAILED")
    assert service.get_best_model("best of", "hota") == ids["high"]
    assert service.get_best_model("best of", "hota", higher_is_better=False) == ids["low"]
    assert service.get_best_model("best of", "nothing") is None
    assert service.get_best_model("no such experiment", "hota") is None
    service.end_experiment(ids["open"])


def test_comparison(service: JarvisExperimentService, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    first = service.start_experiment("compare", {"lr": 0.1, "epochs": 3})
    service.log_metrics({"hota": 0.5, "loss": 2.0}, run_id=first)
    service.log_model(tmp_path / "model.onnx", "compared", run_id=first)
    second = service.start_experiment("compare", {"lr": 0.2, "epochs": 3, "seed": 1})
    service.log_metrics({"hota": 0.75, "loss": 1.0, "only": 1.0}, run_id=second)
    got = service.compare_experiments([first, second])
    assert got["parameters"] == {
        "lr": {first: "0.1", second: "0.2"},
        "seed": {first: None, second: "1"},
    }
    assert got["metrics"]["hota"] == {
        "values": {first: 0.5, second: 0.75},
        "deltas": {first: 0.0, second: 0.25},
        "best": second,
        "higher_is_better": True,
    }
    assert got["metrics"]["loss"]["best"] == second
    assert got["metrics"]["loss"]["higher_is_better"] is False
    assert got["metrics"]["only"]["deltas"] == {first: None, second: None}
    assert [path.rsplit("/", 1)[-1] for path in got["artifacts"][first]] == ["model.onnx"]
    assert got["artifacts"][second] == []
    for wrong in ([], [first], [first, first], [first, "0" * 32]):
        with pytest.raises(BadInputError):
            service.compare_experiments(wrong)
    service.end_experiment(first)
    service.end_experiment(second)


def test_which_run_is_meant_must_be_clear(service: JarvisExperimentService) -> None:
    with pytest.raises(BadInputError, match="0 runs are open"):
        service.log_metrics({"x": 1})
    first = service.start_experiment("two", {})
    second = service.start_experiment("two", {})
    with pytest.raises(BadInputError, match="2 runs are open"):
        service.log_metrics({"x": 1})
    service.end_experiment(first)
    service.log_metrics({"x": 1})
    assert client_of(service).get_run(second).data.metrics == {"x": 1.0}
    service.end_experiment(second)


def test_many_metrics_are_sent_in_batches(database: JarvisExperimentService) -> None:
    run_id = database.start_experiment("many", {f"p{n}": n for n in range(150)})
    database.log_metrics({f"m{n}": n for n in range(1500)}, run_id=run_id)
    run = client_of(database).get_run(run_id)
    assert (len(run.data.params), len(run.data.metrics)) == (150, 1500)
    database.end_experiment(run_id)


def test_wrong_input_is_explained_and_leaves_no_open_run(
    database: JarvisExperimentService, tmp_path: Path
) -> None:
    for parameters in ({"bad\nname": 1}, {"long": "x" * 10_000}, {"object": object()}):
        with pytest.raises(BadInputError):
            database.start_experiment("wrong", parameters)
    open_runs = [
        run
        for experiment in client_of(database).search_experiments()
        if experiment.name == "wrong"
        for run in client_of(database).search_runs([experiment.experiment_id])
        if run.info.status == "RUNNING"
    ]
    assert open_runs == []
    run_id = database.start_experiment("wrong", {})
    with pytest.raises(BadInputError):
        database.log_metrics({"x": "much"}, run_id=run_id)  # type: ignore[dict-item]
    with pytest.raises(BadInputError):
        database.end_experiment(run_id, "GREAT")
    with pytest.raises(BadInputError):
        database.log_metrics({"x": 1}, run_id="0" * 32)
    with pytest.raises(BadInputError):
        database.log_model(tmp_path / "none.onnx", "name", run_id=run_id)
    database.end_experiment(run_id, "KILLED")
    assert client_of(database).get_run(run_id).info.status == "KILLED"


def test_a_deleted_experiment_is_named(database: JarvisExperimentService) -> None:
    run_id = database.start_experiment("deleted", {})
    database.end_experiment(run_id)
    found = client_of(database).get_experiment_by_name("deleted")
    client_of(database).delete_experiment(found.experiment_id)
    with pytest.raises(PermanentError, match="deleted was deleted"):
        database.start_experiment("deleted", {})


def test_an_outage_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    service = JarvisExperimentService(
        ExperimentConfig(tracking_uri=f"http://127.0.0.1:{port}", attempts=2)
    )
    for call in (
        service.check,
        lambda: service.start_experiment("x", {}),
        lambda: service.log_metrics({"x": 1}, run_id="0" * 32),
        lambda: service.get_best_model("x", "y"),
    ):
        with pytest.raises(TransientError, match="cannot be reached"):
            call()


def test_passwords_are_refused_where_they_would_be_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ValueError, match="MLFLOW_TRACKING_PASSWORD") as caught:
        ExperimentConfig(tracking_uri="http://user:hunter2@host:5000")
    assert "hunter2" not in f"{caught.value!r} {caught.value} {caplog.text}"
    with pytest.raises(ValueError, match="artifact_root"):
        ExperimentConfig(tracking_uri="sqlite:///x.db")
    assert all(field.description for field in ExperimentConfig.model_fields.values())


def test_comparison_without_numbers() -> None:
    got = compare({"a": {}, "b": {}}, {"a": {"m": float("nan")}, "b": {}}, {"a": [], "b": []})
    assert got["metrics"]["m"]["best"] is None
    chosen = compare({"a": {}, "b": {}}, {"a": {"m": 1}, "b": {"m": 2}}, {}, {"m"})
    assert chosen["metrics"]["m"]["best"] == "a"
