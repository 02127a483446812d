"""The four steps over real servers: registered once, resumed, refused for a reason."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

pytest.importorskip("torch")

from jarvis_dagster.errors import BadInputError, TransientError
from jarvis_dagster.hockey.datasets import read_dataset
from jarvis_dagster.toolchain.checkpoints import Checkpoints
from jarvis_dagster.toolchain.job import Job
from jarvis_dagster.toolchain.kind import Evaluation
from jarvis_dagster.toolchain.pipeline import STEPS, exact_request
from tests.datasets import pictures
from tests.toolchain.conftest import TINY

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.toolchain.pipeline import Workshop

pytestmark = pytest.mark.usefixtures("few_layers")


def test_a_detector_becomes_the_challenger_and_a_retry_is_the_same_work(
    shop: Workshop, ref: str, tmp_path: Path
) -> None:
    request = {"pipeline": "hockey-detection", "dataset": "rendered", "test": ["game_2"],
               "options": TINY}  # fmt: skip
    steps: list[str] = []
    done = shop.run(exact_request(request, shop.storage), lambda name, _: steps.append(name))
    assert tuple(steps) == STEPS
    job = Job.from_json(done["job"])
    assert job.dataset == ref
    assert job.split.test == ("game_2",)
    assert set(done["figures"]["by_video"]) == {"game_2"}
    assert 0 <= done["figures"]["metrics"]["recall"] <= 1
    assert done["baseline"]["metrics"]["people"] == done["figures"]["metrics"]["people"] > 0
    kept = shop.experiments.artifacts(done["run_id"])
    assert "errors/held-out/gallery.json" in kept
    assert "errors/held-out/01.jpg" in kept  # after two steps of training it errs somewhere

    registered = shop.experiments.model("hockey_detector", "challenger")
    assert registered is not None
    assert registered.version == done["version"]
    model = shop.experiments.fetch_model(registered, tmp_path / "model.onnx")
    from jarvis_dagster.hockey.detection import load_detector

    assert load_detector(model, threads=1).name == "hockey-nanodet-g"
    from jarvis_dagster.hockey.training.memory import memory_of

    memory, _ = memory_of(model)  # goes with it wherever it goes
    assert memory is not None
    assert memory.rinks == 6

    # elsewhere, without the files of the first machine
    again = dataclasses.replace(shop, folder=tmp_path / "elsewhere")
    repeated = again.run(request)
    assert repeated["version"] == done["version"]
    assert repeated["run_id"] == done["run_id"]
    assert not (tmp_path / "elsewhere" / job.id / "checkpoint.pt").exists()


def test_live_metrics_and_parameters_are_in_mlflow(shop: Workshop, ref: str) -> None:
    options = {**TINY, "seed": 8}
    prepared = shop.data_preparation(
        {"pipeline": "hockey-detection", "dataset": ref, "options": options}
    )
    assert {k: row["pictures"] for k, row in prepared["summary"].items()} == {
        "training": 4, "validation": 4, "test": 4,
    }  # fmt: skip
    trained = shop.training(prepared)
    client = shop.experiments._mlflow.client
    run = client.get_run(trained["run_id"])
    assert run.data.params["dataset"] == ref
    assert run.data.params["steps"] == "2"
    assert run.data.metrics["loss/total"] > 0
    assert run.info.status == "FINISHED"


def test_a_checkpoint_goes_with_the_job(shop: Workshop, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    key = f"artifacts/toolchain/test/{tmp_path.name}/checkpoint.pt"
    kept = Checkpoints(shop.storage, key, here, every_s=3600)
    kept.look(now=True)  # there is none yet
    (here / "checkpoint.pt").write_bytes(b"one")
    kept.look()
    other = Checkpoints(shop.storage, key, there)
    assert other.fetch() is False  # it was not time to send it
    kept.look(now=True)
    assert other.fetch() is True
    assert (there / "checkpoint.pt").read_bytes() == b"one"
    assert other.fetch() is False  # what is here is newer


class _Counting:
    """A pipeline that counts to ten, one number a step, and keeps count in its checkpoint."""

    name, model, file, figure = "counting", "counter", "count.onnx", "count"
    defaults: ClassVar[dict[str, Any]] = {}
    space: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.stop_at = 4
        self.counted: list[int] = []

    def train(self, job: Job, data: Any, out: Path, *, report: Any, progress: Any) -> Path:
        saved = out / "checkpoint.pt"
        count = int(saved.read_text()) if saved.is_file() else 0
        while count < 10:
            count += 1
            self.counted.append(count)
            saved.write_text(str(count))
            report({"count": count}, count)
            progress(count, 10)
            if count == self.stop_at:
                raise TransientError("The power went out.")
        (out / self.file).write_text(f"{job.id} {len(data.pictures)}")
        return out / self.file

    def evaluate(self, model: Path | None, data: Any, *, progress: Any) -> Evaluation:
        return Evaluation({"count": 10.0 if model else 9.0}, {})


def test_a_training_goes_on_elsewhere_from_its_checkpoint(
    shop: Workshop, ref: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = _Counting()
    monkeypatch.setattr("jarvis_dagster.toolchain.pipeline.kind_of", lambda _: counting)
    prepared = shop.data_preparation({"pipeline": "counting", "dataset": ref})
    with pytest.raises(TransientError, match="power"):
        shop.training(prepared)
    elsewhere = dataclasses.replace(shop, folder=tmp_path / "elsewhere")
    counting.stop_at = 0
    trained = elsewhere.training(prepared)
    assert counting.counted == list(range(1, 11))  # nothing twice
    run = shop.experiments._mlflow.client.get_run(trained["run_id"])
    assert run.info.status == "FINISHED"  # the failed attempt's run went on
    assert run.data.metrics["count"] == 10
    assert elsewhere.evaluation(trained)["better"] is True


def _wrong(shop: Workshop, match: str, **request: Any) -> None:
    with pytest.raises(BadInputError, match=match):
        shop.data_preparation({"pipeline": "hockey-detection", "dataset": "rendered", **request})


@pytest.mark.usefixtures("ref")
def test_wrong_requests_are_named(shop: Workshop, tmp_path: Path) -> None:
    _wrong(shop, "no dataset 'none'", dataset="none")
    _wrong(shop, "no pipeline 'cooking'", pipeline="cooking")
    _wrong(shop, "no option stepz", options={"stepz": 1})
    _wrong(shop, "steps of hockey-detection cannot be 'many'", options={"steps": "many"})
    _wrong(shop, "steps of hockey-detection cannot be -1", options={"steps": -1})
    _wrong(shop, "colour of the training is wrong", colour="red")
    _wrong(shop, "of game_9", test=["game_9"])
    pictures.yolo(tmp_path / "in", {"a": 2, "b": 2})
    label = tmp_path / "in" / "labels" / "a_001.txt"
    label.write_text("0 0.5 0.5 0.1 0.4\n1 0.5 0.5 0.1 0.4\n")
    with read_dataset(tmp_path / "in", "faulty") as dataset:
        shop.datasets.save(dataset)
    _wrong(shop, "faulty@.* has errors: 1 boxes are there twice", dataset="faulty")
    accepted = {"pipeline": "hockey-detection", "dataset": "faulty", "accept_errors": True}
    prepared = shop.data_preparation(accepted)
    assert json.loads(json.dumps(prepared)) == prepared
