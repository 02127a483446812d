"""What all tests share."""

import pytest

pytest_plugins = ["tests.servers"]


@pytest.fixture(autouse=True)
def no_outside_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Settings and state of the person who runs the tests have no part in them."""
    for name in ("JARVIS_CONFIG", "JARVIS_ENV", "JARVIS_DATA_DIR", "DAGSTER_HOME", "KEEP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path_factory.mktemp("jarvis-data")))
