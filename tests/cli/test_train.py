"""``jarvis train`` before it trains: what it refuses, and how."""

import dataclasses
import importlib.util
import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from jarvis_dagster.commands.display import Display
from tests.cli.test_cli import jarvis


def test_a_folder_without_pictures_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    code, _, err = jarvis("train", tmp_path, "--out", tmp_path / "out", capsys=capsys)
    assert code == 2
    assert f"{tmp_path}/images" in err
    assert err.count("\n") == 1


def test_a_missing_start_network_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    code, _, err = jarvis(
        "train", tmp_path, "--start", "gone.onnx", "--out", tmp_path / "out", capsys=capsys
    )
    assert code == 2
    assert "gone.onnx" in err
    assert "packaged" in err


def test_without_pytorch_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "torch" else find(name, *rest),
    )
    code, _, err = jarvis(
        "train", tmp_path, "--start", "any.onnx", "--out", tmp_path / "out", capsys=capsys
    )
    assert code != 0
    assert "training" in err


def test_without_a_terminal_lines_say_how_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    text = io.StringIO()
    display = Display(Console(file=text))
    display.update("train", 250, 1000)  # a run that continues
    now[0] += 60
    display.update("train", 400, 1000)
    assert text.getvalue().splitlines()[-1].endswith("400 of 1000, about 4 min left")


def test_the_last_words_say_what_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from jarvis_dagster.commands.train import _last_words
    from jarvis_dagster.hockey.training.adapt import Outcome
    from jarvis_dagster.hockey.training.judge import Figures

    before = Figures(9, 90, 0.8, 0.8, 0.8, 0.9, None)
    after = dataclasses.replace(before, ap50=0.85, precision=0.78)
    outcome = Outcome(
        tmp_path / "detector.onnx", 300, 500.0, 0.25, 5, "game_3", {"held out": before},
        {"held out": after}, True,
    )  # fmt: skip
    words = _last_words(outcome)
    assert "It is better on what was held out (game_3)." in words
    assert "Lower by more than a point on held out: precision." in words
    assert "as the one before on what was known of 5 rinks" in words
    assert "which counts 0.25. It remembers all 6: start from it for the next rink." in words
    line = _last_words(dataclasses.replace(outcome, rinks_kept=0, share=0.15))
    assert "It goes 0.15 of the way" in line
    assert "remembers" not in line
