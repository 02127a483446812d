"""A synthetic hockey game: frames, video and the complete truth about them."""

from jarvis_dagster.hockey.synthetic.game import (
    FrameTruth,
    GameTruth,
    iter_frames,
    render_game,
    write_sample,
)
from jarvis_dagster.hockey.synthetic.spec import GameSpec

__all__ = ["FrameTruth", "GameSpec", "GameTruth", "iter_frames", "render_game", "write_sample"]
