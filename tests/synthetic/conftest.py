"""One small rendered game that the tests share."""

import pytest

from jarvis_dagster.hockey.synthetic import GameSpec, render_game

SPEC = GameSpec(seed=7, duration_s=4.0, width_px=640, height_px=360, fps=30.0, cuts=1)


@pytest.fixture(scope="session")
def game(tmp_path_factory):
    """A 4 s broadcast with one cut-away, on disk."""
    return render_game(tmp_path_factory.mktemp("game"), SPEC)
