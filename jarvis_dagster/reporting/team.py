"""The report of a team for a week: what happened, and what changes over the season.

Belongs here: choosing games and figures, and the numbers of the report. Does not belong here:
pages (``pages``), statistics (``hockey/trends``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.report.figures import FIGURES, OF_BOTH
from jarvis_dagster.hockey.trends import Series, analyse, season_of, wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.hockey.trends import Figure, Finding
    from jarvis_dagster.reporting.games import Game
    from jarvis_dagster.reporting.weeks import Week
    from jarvis_dagster.settings import ReportSettings

__all__ = ["finding_rows", "team_numbers", "teams_of"]

SCHEMA_VERSION = "1.0"


def teams_of(games: Sequence[Game], week: Week, settings: ReportSettings) -> list[str]:
    """The teams that get a report: those with a game this season."""
    first, _ = season_of(week.sunday, settings.season_starts)
    return sorted({game.team for game in games if first <= game.day <= week.sunday})


def team_numbers(
    team: str, games: Sequence[Game], week: Week, settings: ReportSettings
) -> tuple[dict[str, Any], list[Finding]]:
    """What ``report.json`` of a team holds, and the findings behind it.

    Games after the week have no part in it: the same week made again later says the same.
    """
    mine = [game for game in games if game.team == team and game.day <= week.sunday]
    first, _ = season_of(week.sunday, settings.season_starts)
    season = [game for game in mine if game.day >= first]
    own = any(game.side for game in season)
    figures: tuple[Figure, ...] = FIGURES if own else OF_BOTH
    series = [
        Series.of(figure, [(game.day, game.figures.get(figure.name)) for game in mine])
        for figure in figures
    ]
    findings, asked = analyse(series, week.sunday, season_starts=settings.season_starts)
    # What no game supported is named once, not drawn twelve times.
    shown = sorted(
        (one for one in findings if len(one.series)), key=lambda one: not one.says_something
    )
    numbers = {
        "schema_version": SCHEMA_VERSION,
        "kind": "team",
        "team": team,
        "week": str(week),
        "first_day": week.monday.isoformat(),
        "last_day": week.sunday.isoformat(),
        "season_from": first.isoformat(),
        "games_of_week": [_game(game) for game in mine if game.day in week],
        "games_of_season": len(season),
        "minutes_of_season": round(sum(game.minutes for game in season), 1),
        "own_side_known": sum(bool(game.side) for game in season),
        "figures": finding_rows(shown),
        "not_supported": [one.series.figure.title for one in findings if not len(one.series)],
        "questions_asked": asked,
        "notes": _notes(season, settings, own=own),
    }
    return numbers, shown


def finding_rows(findings: Sequence[Finding], noun: str = "game") -> list[dict[str, Any]]:
    """Findings as JSON has them, with their sentences."""
    rows = []
    for one in findings:
        line, season = one.slope, one.season
        rows.append(
            {
                "name": one.series.figure.name,
                "title": one.series.figure.title,
                "unit": one.series.figure.unit,
                "values": len(one.series),
                "latest": wording.latest(one),
                "kind": one.kind,
                "direction": wording.direction(one),
                "verdict": wording.verdict(one, noun),
                "season": wording.season(one, noun),
                "slope": None if line is None else dataclasses.asdict(line),
                "steps": [
                    {**dataclasses.asdict(step), "day": step.day.isoformat()} for step in one.steps
                ],
                "season_before": None if season is None else dataclasses.asdict(season),
            }
        )
    return rows


def _game(game: Game) -> dict[str, Any]:
    return {
        "video": game.name,
        "partition": game.key,
        "day": game.day.isoformat(),
        "dated_by_name": game.dated,
        "minutes": round(game.minutes, 1),
        "side": game.side,
        "grades": dict(game.grades),
        "events": game.events,
        "highlights": game.highlights,
        "summary": game.summary,
        "figures": dict(game.figures),
    }


def _notes(season: Sequence[Game], settings: ReportSettings, *, own: bool) -> list[str]:
    """What a reader has to know about the numbers."""
    notes = []
    short = sum(game.minutes < settings.least_minutes for game in season)
    if short:
        notes.append(
            f"{_videos(short)} shorter than {settings.least_minutes:g} minutes"
            f" {'is' if short == 1 else 'are'} listed and left out of the trends."
        )
    undated = sum(not game.dated for game in season)
    if undated:
        notes.append(
            f"{_videos(undated)} {'has' if undated == 1 else 'have'} no date in the name: the day"
            " of the analysis stands for that of the game. A name as in `2026-11-14 Tigers.mp4`"
            " tells it."
        )
    unknown = sum(not game.side for game in season)
    if season and not own:
        notes.append(
            "Which side is this team is not known, so the figures are of both teams together. Tell"
            " the colours of its kits in the setting `reports.teams`."
        )
    elif unknown:
        notes.append(
            f"In {_videos(unknown)} the kits do not tell which side is this team;"
            f" {'it is' if unknown == 1 else 'they are'} left out of the trends."
        )
    return notes


def _videos(count: int) -> str:
    return f"{count} video{'' if count == 1 else 's'}"
