"""The search for options: bounded, resumed, recorded below its own run."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

pytest.importorskip("torch")
pytest.importorskip("optuna")

from jarvis_dagster.claims import claim
from jarvis_dagster.errors import BadInputError, ConflictError
from jarvis_dagster.toolchain.kind import Evaluation
from jarvis_dagster.toolchain.tuning import search

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.toolchain.job import Job
    from jarvis_dagster.toolchain.pipeline import Workshop


class _Hill:
    """A pipeline whose figure is best at a rate of 0.1; wild rates lose from the first step."""

    name, model, file, figure = "hill", "hill", "hill.json", "height"
    defaults: ClassVar[dict[str, Any]] = {"rate": 1.0, "steps": 6, "seed": 3}
    space: ClassVar[dict[str, Any]] = {"rate": (1e-3, 10.0)}

    def __init__(self) -> None:
        self.trained: list[tuple[float, int]] = []
        self.killed_at: tuple[int, int] | None = None

    def train(self, job: Job, data: Any, out: Path, *, report: Any, progress: Any) -> Path:
        rate, saved = job.options["rate"], out / "checkpoint.pt"
        if rate > 8:
            raise BadInputError("The rate is too high.")
        for step in range(int(saved.read_text()) if saved.is_file() else 0, job.options["steps"]):
            if self.killed_at == (len({r for r, _ in self.trained}), step):
                raise KeyboardInterrupt
            self.trained.append((rate, step))
            saved.write_text(str(step + 1))
            report({"loss": abs(rate - 0.1)}, step)
            progress(step + 1, job.options["steps"])
        (out / self.file).write_text(json.dumps(rate))
        return out / self.file

    def evaluate(self, model: Path | None, data: Any, *, progress: Any) -> Evaluation:
        assert model is not None
        assert data.videos == ("game_1",)  # the validation's, never the test's
        return Evaluation({"height": -abs(json.loads(model.read_text()) - 0.1)}, {})


@pytest.fixture
def hill(monkeypatch: pytest.MonkeyPatch) -> _Hill:
    made = _Hill()
    monkeypatch.setattr("jarvis_dagster.toolchain.pipeline.kind_of", lambda _: made)
    monkeypatch.setattr("jarvis_dagster.toolchain.tuning.kind_of", lambda _: made)
    return made


def _prepared(shop: Workshop, ref: str, **options: Any) -> dict[str, Any]:
    request = {
        "pipeline": "hill", "dataset": ref, "test": ["game_0"], "validation": ["game_1"],
        "options": options,
    }  # fmt: skip
    return shop.data_preparation(request)


def test_a_search_finds_better_options_and_goes_on(shop: Workshop, ref: str, hill: _Hill) -> None:
    prepared = _prepared(shop, ref)
    told: list[tuple[str, int, int]] = []
    first = search(shop, prepared, trials=6, minutes=5, progress=lambda *g: told.append(g))
    assert len(first.trials) == 6
    assert first.default_figure == pytest.approx(-0.9)
    assert ("trials", 0, 6) in told
    assert ("trials", 6, 6) in told
    trained = len(hill.trained)
    more = search(shop, prepared, trials=25, minutes=5)
    assert len(hill.trained) > trained
    assert more.id == first.id
    assert {t.number for t in first.trials} <= {t.number for t in more.trials}
    assert more.best is not None
    assert more.best.figure is not None
    assert more.best.figure > -0.9  # better than the defaults
    assert more.best == more.trials[0]
    assert {trial.state for trial in more.trials} <= {"finished", "given up", "failed"}
    assert any(trial.state == "given up" for trial in more.trials)
    assert search(shop, prepared, trials=25, minutes=5) == more  # nothing is left to do

    client = shop.experiments._mlflow.client
    experiment = client.get_experiment_by_name("hill search")
    runs = client.search_runs([experiment.experiment_id], max_results=500)
    parents = [r for r in runs if "mlflow.parentRunId" not in r.data.tags]
    (parent,) = [r for r in parents if r.data.metrics.get("best/height") == more.best.figure]
    inner = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len({r.data.params["rate"] for r in inner}) == len(inner) == len(more.trials)


def test_a_stopped_trial_goes_on_from_its_checkpoint(
    shop: Workshop, ref: str, hill: _Hill, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = _prepared(shop, ref, seed=11)
    hill.killed_at = (1, 3)  # the first trial, as by a power cut
    with pytest.raises(KeyboardInterrupt):
        search(shop, prepared, trials=2, minutes=5)
    hill.killed_at = None
    clock = time.monotonic
    monkeypatch.setattr(
        "jarvis_dagster.toolchain.tuning.time.monotonic",
        lambda: clock() + (1e6 if len(hill.trained) >= 5 else 0),
    )
    stopped = search(shop, prepared, trials=2, minutes=5)  # the time is up in its fifth step
    assert [trial.state for trial in stopped.trials] == ["stopped", "stopped"]
    assert stopped.best is None
    monkeypatch.undo()
    monkeypatch.setattr("jarvis_dagster.toolchain.tuning.kind_of", lambda _: hill)
    done = search(shop, prepared, trials=1, minutes=5)
    assert [step for _, step in hill.trained] == [0, 1, 2, 3, 4, 5]  # nothing twice
    assert done.best is not None
    assert done.best.options == {"rate": 1.0}


def test_what_cannot_be_searched_is_said(shop: Workshop, ref: str, hill: _Hill) -> None:
    prepared = _prepared(shop, ref, seed=12)
    no_video = json.loads(json.dumps(prepared))
    no_video["job"]["split"]["validation"] = []
    with pytest.raises(BadInputError, match="No video is left to choose options by"):
        search(shop, no_video, trials=1, minutes=1)
    done = search(shop, prepared, trials=1, minutes=1)
    folder = shop.folder / "search" / done.id
    with claim(folder) as mine:
        assert mine
        with pytest.raises(ConflictError, match="another process"):
            search(shop, prepared, trials=2, minutes=1)
    assert [trial.state for trial in done.trials] == ["finished"]
    assert dataclasses.asdict(done)["figure"] == "height"
