"""A decision made again from its files: two models, the games, the rule.

Belongs here: the entry point that a decision's recipe names. Does not belong here: recording it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from jarvis_dagster.hockey.promotion.figures import VideoFigures, evaluate_by_video
from jarvis_dagster.hockey.promotion.frozen import FrozenGames, open_frozen
from jarvis_dagster.hockey.promotion.rule import Rule, Verdict, decide

__all__ = ["judge", "measured", "numbers_of"]

_LOWEST_SCORE = 0.02  # which average precision needs


def judge(
    games: str,
    challenger: str,
    champion: str | None,
    rule: dict[str, Any],
    threads: int | None,
    of_roles: bool = False,
    detector: str | None = None,
) -> dict[str, float]:
    """The numbers of the decision; ``champion`` None is what ships with Jarvis.

    ``of_roles``: both read the roles of the people whom ``detector`` finds, None the packaged one.
    """
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        frozen = open_frozen(Path(games), Path(scratch))
        figures = []
        for given in (champion, challenger):
            path, whose = (Path(name) if name else None for name in (given, detector))
            model, roles = (whose, path) if of_roles else (path, None)
            figures.append(measured(model, frozen, threads, roles=roles))
    before, after = figures
    return numbers_of(decide(before, after, Rule(**rule)))


def measured(
    model: Path | None,
    games: FrozenGames,
    threads: int | None,
    progress: Any = None,
    *,
    roles: Path | None = None,
) -> list[VideoFigures]:
    """One detector on the games, by video, and perhaps a network that reads roles once more."""
    from jarvis_dagster.hockey.detection import load_detector

    usual = load_detector(model, threads=threads).score_threshold
    detector = load_detector(model, roles=roles, threads=threads, score_threshold=_LOWEST_SCORE)
    return evaluate_by_video(games, detector.for_stills(), usual, progress)


def numbers_of(verdict: Verdict) -> dict[str, float]:
    """What is compared when a decision is made again."""
    numbers = {"promoted": float(verdict.promoted)}
    for figure in verdict.figures:
        numbers[f"champion.{figure.name}"] = figure.champion
        numbers[f"challenger.{figure.name}"] = figure.challenger
        for end in ("estimate", "low", "high"):
            numbers[f"gain.{figure.name}.{end}"] = getattr(figure.gain, end)
    for role in verdict.roles:
        for end in ("estimate", "low", "high"):
            numbers[f"f1_change.{role.role}.{end}"] = getattr(role.change, end)
    return numbers
