"""Seasons whose trends, steps and noise are known."""

from __future__ import annotations

import datetime

import numpy as np

from jarvis_dagster.hockey.trends import Figure, Series

FIGURE = Figure("shots", "Shots", "per 10 min", "up", 1)
START = datetime.date(2026, 9, 4)


def season(
    games: int = 24,
    *,
    level: float = 10.0,
    per_month: float = 0.0,
    step: float = 0.0,
    step_at: float = 0.5,
    noise: float = 1.0,
    alike: float = 0.0,
    seed: int = 0,
    start: datetime.date = START,
    every_days: float = 3.5,
    figure: Figure = FIGURE,
) -> Series:
    """Games ``every_days``; ``alike`` is the correlation of neighbours."""
    random = np.random.default_rng(seed)
    days = np.round(np.arange(games) * every_days)
    wild = random.normal(size=games)
    for at in range(1, games):
        wild[at] = alike * wild[at - 1] + np.sqrt(1 - alike**2) * wild[at]
    values = level + per_month * days / 30.4375 + noise * wild
    values[round(step_at * games) :] += step
    return Series(figure, (start - datetime.date(1970, 1, 1)).days + days, values)


def joined(*series: Series) -> Series:
    """One after the other."""
    return Series(
        series[0].figure,
        np.concatenate([one.days for one in series]),
        np.concatenate([one.values for one in series]),
    )
