"""How often the Autopilot acts where nothing changed, and how soon where something did.

A part of ``autopilot.py``, whose season is measured first: seasons are drawn anew from the
evidence of its games.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from jarvis_dagster.hockey.adaptation import (
    NEUTRAL,
    Evidence,
    Limits,
    Standing,
    measure,
    plan,
    reference_of,
)
from jarvis_dagster.hockey.adaptation.reference import Usual
from jarvis_dagster.hockey.promotion import bootstrap

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = 4
"""Games that a camera's reference is taken from."""
SAID = Console()

bootstrap.draws = functools.cache(bootstrap.draws)
"""They depend on how many games there are alone, and making them anew is what takes long."""


def noise(out: Path, seasons: int, videos: int) -> dict[str, Any]:
    """How often anything is done where nothing changed, and how soon where something did."""
    known = [Evidence.from_json(one) for one in json.loads((out / "evidence.json").read_text())]
    rows = json.loads((out / "season.json").read_text())
    light = {row["video"]: row["light"] for row in rows}
    usual = [one for one in known if light[one.video] == "usual" and one.parameters == NEUTRAL]
    dark = [one for one in known if light[one.video] == "failing" and one.parameters == NEUTRAL]
    rng = np.random.default_rng(0)
    wrong = watched = 0
    waits = []
    for _ in range(seasons):
        # The reference is drawn without games that come later: each is seen once.
        order = rng.permutation(len(usual))
        reference = reference_of([usual[i] for i in order[:REFERENCE]])
        pool = [usual[i] for i in order[REFERENCE:]]
        drawn = [_jittered(pool[i], rng) for i in rng.integers(0, len(pool), videos)]
        actions = _actions(drawn, reference)
        wrong += "adapt" in actions
        watched += "watch" in actions
        if dark:
            bad = [_jittered(dark[i], rng) for i in rng.integers(0, len(dark), 15)]
            found = _actions(bad, reference)
            waits.append(found.index("adapt") + 1 if "adapt" in found else 16)
    SAID.print(
        f"{seasons} seasons of {videos} unchanged games ({len(usual)} measured ones, drawn anew):"
        f" {wrong} led to a search, {watched} were watched."
    )
    result = {"seasons": seasons, "searches": wrong, "watched": watched}
    adapted = [one for one in known if one.parameters != NEUTRAL]
    if adapted and dark:
        result["adapted"] = _adapted_noise(usual, dark, adapted, seasons, videos)
    if waits:
        result["games_to_notice"] = [
            int(np.min(waits)),
            float(np.median(waits)),
            int(np.max(waits)),
        ]
        SAID.print(
            f"Failing lamps ({len(dark)} measured games): noticed after {np.median(waits):.0f}"
            f" games (median; {np.min(waits)} to {np.max(waits)}, 16 is never)."
        )
    return result


def _adapted_noise(
    usual: list[Evidence], dark: list[Evidence], adapted: list[Evidence], seasons: int, videos: int
) -> dict[str, Any]:
    """How often anything is done while adapted parameters go on to be right."""
    rng = np.random.default_rng(1)
    looks = [one.raw_look.measures for one in dark if one.raw_look is not None]
    fitted = {name: Usual(tuple(look[name] for look in looks)) for name in looks[0]}
    reference = reference_of(usual[:REFERENCE])
    before, after = (
        [measure(one, reference).value or 0.0 for one in adapted],
        [measure(one, reference, fitted).value or 0.0 for one in adapted],
    )
    wrong = 0
    for _ in range(seasons):
        drawn = [_jittered(adapted[i], rng) for i in rng.integers(0, len(adapted), videos)]
        wrong += "adapt" in _actions(drawn, reference, fitted)
    SAID.print(
        f"{seasons} seasons of {videos} adapted games ({len(adapted)} measured ones, drawn anew):"
        f" {wrong} led to a search; performance {np.mean(after):.2f} beside the light that was"
        f" adapted to, {np.mean(before):.2f} beside the reference's."
    )
    return {"searches": wrong, "performance": float(np.mean(after))}


def _jittered(one: Evidence, rng: np.random.Generator) -> Evidence:
    """The same game with a little other luck, so that drawn twice it is not the same."""
    tracks = None
    if one.tracks is not None:
        tracks = {
            name: value * float(rng.lognormal(0, 0.1)) if name != "person_minutes" else value
            for name, value in one.tracks.items()
        }
    people = one.people_per_look
    if people is not None:
        people *= float(rng.lognormal(0, 0.03))
    return dataclasses.replace(one, tracks=tracks, people_per_look=people)


def _actions(videos: list[Evidence], reference: Any, fitted: Any = None) -> list[str]:
    now = datetime.datetime(2026, 11, 30, tzinfo=datetime.UTC)
    known = [measure(one, reference, fitted).value for one in videos]
    figures = [value for value in known if value is not None]
    return [
        plan(
            Standing(tuple(figures[:n]), n + REFERENCE, has_reference=True, adapted=False),
            Limits(),
            now,
        ).action
        for n in range(1, len(figures) + 1)
    ]
