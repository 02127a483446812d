"""What all tests share."""

from __future__ import annotations

import gc
import itertools
import sys
from typing import TYPE_CHECKING

import absl.logging
import alembic.config
import alembic.script
import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The same examples everywhere, however slow the machine; `--hypothesis-profile default` looks for
# others, as one does after changing what they test.
hypothesis.settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("same")

pytest_plugins = ["tests.balance", "tests.servers", "tests.gateway.real"]

# Its handler, made when it is imported, closes its stream when another library configures
# logging: not the one that pytest captures with.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

# What is imported now stays: it need not be looked through for garbage again and again.
gc.disable()

# Dagster reads its 89 migrations several times for each instance that a test opens.
_read = alembic.script.ScriptDirectory.from_config
_scripts: dict[str | None, alembic.script.ScriptDirectory] = {}


def _read_once(config: alembic.config.Config) -> alembic.script.ScriptDirectory:
    folder = config.get_main_option("script_location")
    if folder not in _scripts:
        _scripts[folder] = _read(config)
    return _scripts[folder]


alembic.script.ScriptDirectory.from_config = _read_once  # type: ignore[method-assign,assignment]


_USE_MLFLOW = ("experiments", "promotion")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """MLflow's own warnings, in what it imports and in its database layer, are not ours."""
    for item in items:
        if item.path.parent.name in _USE_MLFLOW:
            for kind in ("DeprecationWarning", "FutureWarning", "ResourceWarning"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{kind}"))


def pytest_collection_finish() -> None:
    """From here on there is garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def few_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Detectors are merged in their last layers only, by small looks: all of them take seconds."""
    from jarvis_dagster.hockey.training import merge

    layers = merge._layers
    monkeypatch.setattr(merge, "_WIDTH_PX", 96)
    monkeypatch.setattr(
        merge, "_layers", lambda net: {n: x for n, x in layers(net).items() if n.startswith("goal")}
    )


@pytest.fixture(scope="session")
def data_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders of their own, without looking through those of thousands of tests for a name."""
    parent = tmp_path_factory.mktemp("jarvis-data")
    return (parent / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def no_outside_settings(monkeypatch: pytest.MonkeyPatch, data_folders: Iterator[Path]) -> None:
    """Settings and state of the person who runs the tests have no part in them."""
    for name in ("JARVIS_CONFIG", "JARVIS_ENV", "JARVIS_DATA_DIR", "DAGSTER_HOME", "KEEP"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": "80", "LINES": "24"}.items():  # whatever terminal this is
        monkeypatch.setenv(name, value)
    data = next(data_folders)
    data.mkdir()
    monkeypatch.setenv("JARVIS_DATA_DIR", str(data))
