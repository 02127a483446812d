"""A synthetic hockey game: frames, video and the complete truth about them."""

from jarvis_dagster.hockey.synthetic.game import GameTruth, iter_frames, render_game, write_sample
from jarvis_dagster.hockey.synthetic.spec import GameSpec
from jarvis_dagster.hockey.synthetic.truth import FrameTruth, SeenPerson, SeenPuck

__all__ = [
    "FrameTruth",
    "GameSpec",
    "GameTruth",
    "SeenPerson",
    "SeenPuck",
    "iter_frames",
    "render_game",
    "write_sample",
]
