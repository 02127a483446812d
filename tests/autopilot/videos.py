"""Evidence of videos that were never filmed: drawn around what a camera usually shows."""

from __future__ import annotations

import dataclasses
import datetime

import numpy as np

from jarvis_dagster.hockey.adaptation import NEUTRAL, Evidence, Parameters, Reviewed
from jarvis_dagster.hockey.adaptation.evidence import SCORE_EDGES
from jarvis_dagster.hockey.adaptation.looks import Look

__all__ = ["START", "season", "video"]

START = datetime.datetime(2026, 10, 1, tzinfo=datetime.UTC)


def video(
    rng: np.random.Generator,
    number: int = 0,
    *,
    camera: str = "north",
    stops: float = 0.0,
    found: float = 1.0,
    shy: float = 0.0,
    loose: float = 1.0,
    parameters: Parameters = NEUTRAL,
    reviewed: tuple[Reviewed, ...] = (),
) -> Evidence:
    """One video.

    Args:
        stops: Of light, more or less than usual.
        found: Share of the usual people that are found.
        shy: By how much scores are lower.
        loose: How much more often tracks break.
    """
    scores = np.clip(rng.beta(6, 2.5, 4000) - shy - rng.normal(0, 0.01), 0.35, 0.999)
    counts, _ = np.histogram(scores, SCORE_EDGES)
    light = stops + rng.normal(0, 0.12)
    measures = {
        "brightness": 6.9 + light,
        "contrast": 6.8 + light + rng.normal(0, 0.1),
        "sharpness": 0.4 + rng.normal(0, 0.1),
        "blue": 0.05 + rng.normal(0, 0.02),
        "red": -0.05 + rng.normal(0, 0.02),
    }
    level = np.linspace(10, 250, 27) * 2**light
    look = Look(6, measures, tuple(tuple(np.clip(level, 0, 255)) for _ in range(3)))
    return Evidence(
        video=f"game-{number:03d}",
        name=f"Game {number}.mp4",
        camera=camera,
        at=(START + datetime.timedelta(days=number)).isoformat(timespec="milliseconds"),
        parameters=parameters,
        model_version="1.1.0+test",
        minutes=20.0,
        raw_look=look,
        look=look,
        scores=tuple(int(n) for n in counts),
        people_per_look=float(9.5 * found * rng.lognormal(0, 0.08)),
        tracks={
            "births": float(3 * loose * rng.lognormal(0, 0.2)),
            "deaths": float(3 * loose * rng.lognormal(0, 0.2)),
            "filled": float(0.08 * loose * rng.lognormal(0, 0.2)),
            "swaps": float(0.2 * rng.lognormal(0, 0.3)),
            "person_minutes": 180.0,
        },
        broken_rules={"at_most_six_a_side_are_followed": int(rng.poisson(4))},
        reviewed=reviewed,
    )


def season(rng: np.random.Generator, videos: int, first: int = 0, **how: object) -> list[Evidence]:
    """Videos of one camera, one a day."""
    return [video(rng, first + number, **how) for number in range(videos)]  # type: ignore[arg-type]


def at(one: Evidence, when: datetime.datetime) -> Evidence:
    """The same, analysed at another time."""
    return dataclasses.replace(one, at=when.isoformat(timespec="milliseconds"))
