"""``jarvis train`` before it trains: what it refuses, and how."""

import importlib.util
from pathlib import Path

import pytest

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
