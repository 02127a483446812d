"""Whether one model is really better than another, on the same games.

Belongs here: frozen games, figures by video, the paired bootstrap, the rule, what a decision
looks like, disagreement of two models on a video without labels. Does not belong here: where
models and games are kept (``jarvis_dagster.promoting``).
"""

from jarvis_dagster.hockey.promotion.bootstrap import Interval, mean_interval, sign_flip
from jarvis_dagster.hockey.promotion.figures import FIGURES, VideoFigures, evaluate_by_video
from jarvis_dagster.hockey.promotion.frozen import FrozenGames, freeze, open_frozen
from jarvis_dagster.hockey.promotion.rule import Rule, Verdict, decide

__all__ = [
    "FIGURES",
    "FrozenGames",
    "Interval",
    "Rule",
    "Verdict",
    "VideoFigures",
    "decide",
    "evaluate_by_video",
    "freeze",
    "mean_interval",
    "open_frozen",
    "sign_flip",
]
