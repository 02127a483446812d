"""A rendered clip, and settings that point at the tests' own object store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.installation import write_settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rendered seconds of hockey with the calibration beside them."""
    from jarvis_dagster.hockey.synthetic import GameSpec, render_game

    folder = tmp_path_factory.mktemp("clip")
    spec = GameSpec(seed=3, duration_s=3.0, width_px=640, height_px=360, fps=15)
    return render_game(folder, spec).video


def settings_in(folder: Path, store: Server) -> Path:
    """The settings file of a platform that keeps its state in ``folder``."""
    more = """
drive: {settle_s: 1}
vision: {highlights: 2, stride: 1}
"""
    return write_settings(folder, store, more)


@pytest.fixture
def config(tmp_path: Path, object_store: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a platform of its own."""
    path = settings_in(tmp_path, object_store)
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path / "data"))
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    core_services(load_settings()).storage_service.ensure_buckets()
    return path
