"""The games that were analysed: whose they are, when they were played, their figures.

Belongs here: from the reports in the store to one row a game. Does not belong here: figures of
one report (``hockey/report/figures``), trends, pages.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.report.figures import figures_of, own_side, played_on

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.settings import Settings

__all__ = ["NO_TEAM", "Game", "games_of", "team_of"]

NO_TEAM = "club"
"""Whose a video is that is in no folder of its own."""


@dataclasses.dataclass(frozen=True)
class Game:
    """One analysed video.

    Attributes:
        key: Its partition.
        side: The team's own side in it, ``A`` or ``B``; empty where that is not known.
        day: When it was played; ``dated`` tells that its name says so, otherwise it is the day
            on which it was analysed.
        grades: Trust grade of each kind of statistic.
        figures: By name; None where the footage does not support it. Empty for a short video.
    """

    key: str
    name: str
    team: str
    side: str
    day: datetime.date
    dated: bool
    minutes: float
    grades: Mapping[str, str]
    events: int
    highlights: int
    summary: str
    figures: Mapping[str, float | None]


def team_of(path: str, drive: str, settings: Settings) -> str:
    """Whose video lies at ``path`` of a drive.

    The settings say (``reports.teams.*.videos``), else the drive's team, else the folder of
    Uploads that it is in.
    """
    uploads = f"{settings.drive.root}/Uploads/"
    below = path.removeprefix(uploads)
    name = PurePosixPath(below).name
    for team, one in settings.reports.teams.items():
        if any(fnmatchcase(below, p) or fnmatchcase(name, p) for p in one.videos):
            return team
    if drive in settings.security.drive_teams:
        return settings.security.drive_teams[drive]
    folder, _, rest = below.partition("/")
    return folder if rest and path.startswith(uploads) else NO_TEAM


def games_of(
    storage: JarvisStorageService, analysed: Mapping[str, datetime.date], settings: Settings
) -> list[Game]:
    """A row for each video with a report, in the order of time.

    Args:
        analysed: Partition of each video, and the day on which its report was made first.
    """
    rows = []
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        for key, day in sorted(analysed.items()):
            documents = [
                _document(storage, f"artifacts/{key}/{name}.json", Path(scratch))
                for name in ("game_report/report", "footage/source", "tracks/teams")
            ]
            if documents[0] is not None:
                rows.append(_game(key, day, documents, settings))
    return sorted(rows, key=lambda game: (game.day, game.key))


def _document(storage: JarvisStorageService, key: str, scratch: Path) -> dict[str, Any] | None:
    if not storage.exists(key):
        return None
    path = scratch / "document.json"
    storage.get_file(key, path)
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def _game(
    key: str, day: datetime.date, documents: Iterable[dict[str, Any] | None], settings: Settings
) -> Game:
    report, source, colours = (one or {} for one in documents)
    team = team_of(source.get("path", ""), source.get("drive", ""), settings)
    known = settings.reports.teams.get(team)
    side = own_side(colours.get("colours_bgr", {}), known.kits if known else ())
    name = PurePosixPath(report["video"]["name"]).stem
    played = played_on(name)
    minutes = report["video"]["duration_s"] / 60
    graded = report["preflight"].get("grades") or {}
    return Game(
        key=key,
        name=name,
        team=team,
        side=side,
        day=played or day,
        dated=played is not None,
        minutes=minutes,
        grades={kind: str(given.get("grade") or "") for kind, given in graded.items()},
        events=len(report["events"]),
        highlights=len(report["highlights"]),
        summary=str(report.get("summary", "")),
        figures=figures_of(report, side) if minutes >= settings.reports.least_minutes else {},
    )
