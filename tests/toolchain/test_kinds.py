"""Roles and ice: learned from rendered frames, exported, measured on another game."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets import (
    Split,
    open_dataset,
    read_dataset,
    split_dataset,
    write_dataset,
)
from jarvis_dagster.hockey.detection.labels import ROLES
from jarvis_dagster.hockey.detection.role_reader import CROP_PX, crop_people
from jarvis_dagster.hockey.detection.runtime import Network
from jarvis_dagster.hockey.training.fitting import Fit, fit
from jarvis_dagster.hockey.training.ice import IcePicture, rendered_ice, taught, train_ice
from jarvis_dagster.hockey.training.judge import Figures
from jarvis_dagster.hockey.training.roles import Crops, train_roles
from jarvis_dagster.toolchain.job import Job
from jarvis_dagster.toolchain.kinds import kind_of
from jarvis_dagster.toolchain.roles import role_figures
from tests.toolchain.conftest import TINY

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from jarvis_dagster.hockey.datasets import Dataset


@pytest.fixture(scope="module")
def data(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("form")
    with read_dataset(export, "rendered") as dataset:
        write_dataset(dataset, folder / "form")
    return open_dataset(folder / "form")


def _trained(name: str, data: Dataset, out: Path, **options: Any) -> tuple[Any, Path, list[Any]]:
    kind = kind_of(name)
    split = split_dataset(data, test=["game_2"], validation_share=0)
    job = Job(name, "rendered@1", split, {**kind.defaults, **options})
    told: list[Any] = []
    out.mkdir()
    model = kind.train(
        job, data, out, report=lambda m, s: told.append((s, m)), progress=lambda *_: None
    )
    return kind, model, told


@pytest.mark.usefixtures("few_layers")
def test_other_rinks_say_how_far_a_detector_goes(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = kind_of("hockey-detection")
    split = Split("x", ("game_2",), ("game_0", "game_1"), ())
    options = {**kind.defaults, **TINY, "keep": ["game_2"]}
    seen: dict[str, int] = {}

    def measured(_model: Path, frames: list[Any], **_: Any) -> Figures:
        """Better and better on the new rink, worse and worse on the other."""
        (video,) = {frame.group for frame in frames}
        seen[video] = seen.get(video, -1) + 1
        ap50 = 0.5 + 0.01 * seen[video] if video == "game_0" else 0.6 - 0.002 * seen[video]
        return Figures(len(frames), 9, ap50, 0.5, 0.5, 0.5, None)

    monkeypatch.setattr("jarvis_dagster.hockey.training.keeping.measured", measured)
    monkeypatch.setattr("jarvis_dagster.hockey.training.build.finish", lambda *_, **__: tmp_path)
    told: dict[str, float] = {}

    def train(**given: Any) -> None:
        job = Job(kind.name, "rendered@1", split, {**options, **given})
        kind.train(
            job, data, tmp_path, report=lambda m, _: told.update(m), progress=lambda *_: None
        )

    with pytest.raises(BadInputError, match="None of game_2 is a validation video"):
        train()
    train(keep=["game_1", "game_2"])
    assert (told["blend/share"], told["blend/rinks_kept"]) == (0.25, 5)
    assert seen == {"game_0": 4, "game_1": 4}


def test_roles_are_learned_and_measured(data: Dataset, tmp_path: Path) -> None:
    kind, model, told = _trained(
        "hockey-role-classification", data, tmp_path / "out", steps=40, batch=16
    )
    assert [step for step, _ in told] == [20, 40]
    assert told[1][1]["loss/role"] < told[0][1]["loss/role"]
    assert model.stat().st_size < 300_000
    test = dataclasses.replace(data, pictures=data.of(["game_2"]).pictures[:2])
    steps: list[tuple[int, int]] = []
    before = kind.evaluate(None, test, progress=lambda *given: steps.append(given))
    after = kind.evaluate(model, test, progress=lambda *_: None)
    assert steps == [(1, 2), (2, 2)]
    assert before.metrics["people"] == after.metrics["people"] > 0
    assert set(after.by_video) == {"game_2"}
    assert "with_detector/macro_f1" in after.metrics
    assert sum(sum(row.values()) for row in after.confusion.values()) == after.metrics["people"]
    right = sum(after.confusion[role][role] for role in after.confusion)
    assert len(after.draw_errors(tmp_path)) == min(12, int(after.metrics["people"]) - right)


def test_the_surest_errors_are_shown(data: Dataset, tmp_path: Path) -> None:
    (picture, *_) = data.of(["game_2"]).pictures
    called = tuple("referee" if kind in ROLES else kind for kind in picture.classes)
    wrong = dataclasses.replace(picture, classes=called)
    found = kind_of("hockey-role-classification").evaluate(
        None, dataclasses.replace(data, pictures=(wrong,)), progress=lambda *_: None
    )
    right = found.confusion["referee"]["referee"]
    shown = found.draw_errors(tmp_path)
    assert len(shown) == min(12, int(found.metrics["people"]) - right) > 0
    shares = [float(caption.split("(")[1].split("%")[0]) for _, caption in shown]
    assert shares[0] == max(shares)
    assert re.fullmatch(r"\S+: \w+ \(\d+%\), is \w+ \(\d+%\)", shown[0][1])
    assert all(path.read_bytes()[:2] == b"\xff\xd8" for path, _ in shown)


def test_ice_is_learned_and_measured(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jarvis_dagster.toolchain.ice._JUDGED_SEEDS", (900,))
    kind, model, told = _trained(
        "ice-surface-detection", data, tmp_path / "out", steps=40, batch=8, rendered_games=2,
        real_pictures=4,
    )  # fmt: skip
    assert told[-1][1]["loss/overlap"] < told[0][1]["loss/overlap"]
    assert model.stat().st_size < 1_000_000
    test = dataclasses.replace(data, pictures=data.of(["game_2"]).pictures[:2])
    found = kind.evaluate(model, test, progress=lambda *_: None)
    in_use = kind.evaluate(None, test, progress=lambda *_: None)
    assert 0.3 < found.metrics["rendered_iou"] <= 1
    assert in_use.metrics["rendered_iou"] > 0.6
    assert {"ap50", "recall", "feet_on_ice"} <= set(found.metrics)
    shown = found.draw_errors(tmp_path)
    assert (found.metrics["feet_on_ice"] < 1) == bool(shown)
    assert all("are off the ice" in caption and path.is_file() for path, caption in shown)


def test_rendered_ice_is_where_people_stand() -> None:
    for picture in rendered_ice([3, 4], 1):
        assert picture.image.shape == (96, 160, 3)
        assert 0.2 < float(picture.mask.mean()) < 0.95
        rows, columns = np.nonzero(picture.mask > 0.5)
        light = picture.image.max(2)[rows * 2, columns * 2]
        assert float(np.median(light)) > 150  # ice is light, the stands are not
        assert float(np.median(picture.image[picture.image.max(2) < 90])) < 90


def test_the_mask_in_use_teaches_only_where_people_stand_on_it() -> None:
    picture = next(iter(rendered_ice([5], 1)))
    on = np.array([[0.5, 0.6]], np.float32)
    made = taught(picture.image, on)
    assert made is not None
    assert made.worth < 1
    assert taught(picture.image, np.array([[0.5, 0.02]], np.float32)) is None  # in the stands
    assert taught(picture.image, np.zeros((0, 2), np.float32)) is None


def test_crops_keep_the_person_in_the_middle() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[30:70, 90:110] = 255
    boxes = np.array([[90, 30, 110, 70], [-10, 60, 20, 120]], np.float32)
    used = crop_people(image, boxes, CROP_PX)
    stored = crop_people(image, boxes)
    assert used.shape == (2, 96, 48, 3)
    assert stored.shape == (2, 112, 56, 3)
    for crop in (used[0], stored[0]):
        rows, columns = np.nonzero(crop[..., 0] > 128)
        assert abs(rows.mean() - crop.shape[0] / 2) < 2
        assert abs(columns.mean() - crop.shape[1] / 2) < 2
    share = (used[0] > 128).mean() / (stored[0] > 128).mean()
    assert share == pytest.approx((112 / 96) ** 2, rel=0.1)


def test_one_role_teaches_nothing(tmp_path: Path) -> None:
    crops = Crops(np.zeros((4, 112, 56, 3), np.uint8), np.zeros(4, np.int64), ["a"] * 4)
    with pytest.raises(BadInputError, match="one role only"):
        train_roles(crops, tmp_path, recipe=Fit(steps=1))
    with pytest.raises(BadInputError, match="no picture with ice"):
        train_ice([], tmp_path, recipe=Fit(steps=1))


def test_a_fit_goes_on_where_it_stopped_and_ends_the_same(tmp_path: Path) -> None:
    def run(folder: str, stop: int | None) -> torch.Tensor:
        torch.manual_seed(0)
        net = torch.nn.Linear(2, 1)

        def losses(step: int) -> dict[str, torch.Tensor]:
            if stop is not None and step == stop:
                raise KeyboardInterrupt
            x = torch.tensor([[1.0, step % 7]])
            return {"square": (net(x) - 3).square().mean()}

        fit(net, losses, Fit(steps=250), tmp_path / folder / "checkpoint.pt")
        return net.weight.detach()

    whole = run("whole", None)
    with pytest.raises(KeyboardInterrupt):
        run("parts", 230)
    assert torch.allclose(run("parts", None), whole)
    net = torch.nn.Linear(2, 1)
    with pytest.raises(BadInputError, match="another training"):
        fit(net, lambda _: {}, Fit(steps=9), tmp_path / "parts" / "checkpoint.pt")
    (tmp_path / "bad.pt").write_bytes(b"no checkpoint")
    with pytest.raises(BadInputError, match="damaged"):
        fit(net, lambda _: {}, Fit(steps=9), tmp_path / "bad.pt")


def test_exported_networks_answer_as_torch_for_any_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pictures = [
        IcePicture(rng.integers(0, 255, (96, 160, 3), np.uint8), np.ones((48, 80), np.float32))
        for _ in range(4)
    ]
    network = Network(train_ice(pictures, tmp_path, recipe=Fit(steps=3), batch=2))
    assert network.facts["name"] == "hockey-ice"
    answer = network(pictures[0].image[None])["ice"]
    assert answer.shape == (1, 48, 80)
    assert 0 <= answer.min() <= answer.max() <= 1


def test_role_figures_are_those_of_the_textbook() -> None:
    table = np.array([[8, 1, 1], [1, 3, 0], [0, 0, 0]])
    found = role_figures(table)
    assert found["accuracy"] == pytest.approx(11 / 14)
    assert found["goalkeeper_recall"] == pytest.approx(0.75)
    assert found["goalkeeper_precision"] == pytest.approx(0.75)
    assert found["macro_f1"] == pytest.approx((16 / 19 + 0.75) / 2)  # no referee was there
    assert "referee_recall" not in found
    assert role_figures(np.zeros((3, 3), int)) == {"people": 0.0}
