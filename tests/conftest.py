"""What all tests share."""

import sys

import absl.logging
import pytest

pytest_plugins = ["tests.servers", "tests.gateway.real"]

# Its handler, made when it is imported, closes its stream when another library configures
# logging: not the one that pytest captures with.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__


_USE_MLFLOW = ("experiments", "promotion")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """MLflow's own warnings, in what it imports and in its database layer, are not ours."""
    for item in items:
        if item.path.parent.name in _USE_MLFLOW:
            for kind in ("DeprecationWarning", "FutureWarning", "ResourceWarning"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{kind}"))


@pytest.fixture(autouse=True)
def no_outside_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Settings and state of the person who runs the tests have no part in them."""
    for name in ("JARVIS_CONFIG", "JARVIS_ENV", "JARVIS_DATA_DIR", "DAGSTER_HOME", "KEEP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path_factory.mktemp("jarvis-data")))
