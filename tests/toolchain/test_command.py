"""``jarvis toolchain``: what it prints, refuses and leaves behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch")

from tests.cli.test_cli import jarvis

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.toolchain.pipeline import Workshop
    from tests.servers import Server


@pytest.fixture
def config(
    shop: Workshop, tmp_path: Path, mlflow_server: Server, monkeypatch: pytest.MonkeyPatch
) -> Path:
    storage = shop.storage.config
    path = tmp_path / "jarvis-core.yaml"
    path.write_text(
        f"""
stack: {{data_dir: '{tmp_path / "data"}'}}
storage:
  endpoint: '{storage.endpoint}'
  access_key: '{storage.access_key}'
  secret_key: '{storage.secret_key.get_secret_value()}'
  artifacts_bucket: {storage.artifacts_bucket}
  models_bucket: {storage.models_bucket}
  datasets_bucket: {storage.datasets_bucket}
  logs_bucket: {storage.logs_bucket}
experiment: {{tracking_uri: '{mlflow_server.url}'}}
""",
        "utf-8",
    )
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    return path


def test_the_pipelines_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = jarvis("toolchain", "list", "--json", capsys=capsys)
    assert code == 0
    listed = json.loads(out)
    assert set(listed) == {
        "hockey-detection", "hockey-role-classification", "ice-surface-detection",
    }  # fmt: skip
    assert listed["hockey-detection"]["steps"] > 0
    code, out, _ = jarvis("toolchain", "list", capsys=capsys)
    assert "hockey_roles" in out


@pytest.mark.usefixtures("config")
def test_a_training_and_a_search(
    ref: str, shop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    what = ("hockey-role-classification", ref, "--test", "game_0", "--set", "steps=4")
    code, out, err = jarvis("toolchain", "run", *what, "--set", "batch=8", capsys=capsys)
    assert code == 0, err
    assert "macro_f1" in out
    assert "is the challenger" in out
    assert "jarvis models promote hockey_roles" in out
    assert "test game_0" in err
    assert shop.experiments.model("hockey_roles", "challenger") is not None

    code, out, err = jarvis(
        "toolchain", "tune", *what, "--trials", "1", "--minutes", "5", capsys=capsys
    )
    assert code == 0, err
    assert "The best macro_f1 is" in out
    assert "--set learning_rate=" in out

    for wrong, says in (
        (("run", "cooking", ref), "no pipeline 'cooking'"),
        (("run", "hockey-role-classification", "none"), "no dataset 'none'"),
        (("run", "hockey-role-classification", ref, "--set", "steps"), "'steps' is no option"),
        (("run", "hockey-role-classification", ref, "--set", "stepz=1"), "no option stepz"),
    ):
        code, _, err = jarvis("toolchain", *wrong, capsys=capsys)
        assert code == 2
        assert says in err
