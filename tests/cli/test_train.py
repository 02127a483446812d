"""``jarvis train`` before it trains: what it refuses, and how."""

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
