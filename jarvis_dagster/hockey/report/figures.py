"""The figures of one game that are followed from game to game.

Belongs here: from what ``report.json`` holds to one number a figure, or none. Does not belong
here: several games (``hockey/trends``), where reports are kept.

A figure that the footage does not support is None, never 0.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.trends.series import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["FIGURES", "OF_BOTH", "figures_of", "own_side", "played_on"]

_PER = "per 10 min"
FIGURES: tuple[Figure, ...] = (
    Figure("attack_share", "Time in attack", "%", "up", 0, "Of the time in either end zone."),
    Figure("possession_share", "Possession", "%", "up", 0, "Of the time that a team has the puck."),
    Figure("zone_entries", "Zone entries", _PER, "up", 1, "Over the blue line into attack."),
    Figure("entries_against", "Zone entries against", _PER, "down", 1, "By the opponents."),
    Figure("shots", "Shots", _PER, "up", 1, "The puck seen fast towards the goal."),
    Figure("shots_against", "Shots against", _PER, "down", 1, "By the opponents."),
    Figure("pace", "Pace", "body heights/s", "up", 2, "Mean speed of the team's people in view."),
    Figure("pace_lead", "Pace over opponents", "%", "up", 0, "How much faster than theirs."),
    Figure("top_speed", "Top speed", "mph", "up", 1, "The fastest third of a second."),
    Figure("shift_length", "Shift length", "s", "", 0, "Median of the shifts seen whole."),
    Figure("line_changes", "Line changes", _PER, "", 1, "Several players at once."),
    Figure("rushes", "Rushes", _PER, "up", 1, "Three or more of the team fast in one direction."),
)
"""What is followed of a team whose side is known."""
OF_BOTH: tuple[Figure, ...] = (
    Figure("pace_of_both", "Pace", "body heights/s", "", 2, "Mean speed of everybody in view."),
    Figure("top_speed_of_both", "Top speed", "mph", "", 1, "The fastest third of a second."),
    Figure("zone_entries_of_both", "Zone entries", _PER, "", 1, "Over either blue line."),
    Figure("shots_of_both", "Shots", _PER, "", 1, "The puck seen fast towards a goal."),
    Figure("rushes_of_both", "Rushes", _PER, "", 1, "Three or more fast in one direction."),
    Figure("stoppages", "Stoppages", _PER, "", 1, "Play is stopped."),
)
"""What can be followed where nobody knows which side is the team."""

_DATE = re.compile(r"(?<!\d)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")
_CLEARLY_NEARER = 12.0  # CIE Lab; two kits that a person would not mix up are 25 apart and more
_STILL_ALIKE = 45.0  # what light and camera do to a colour


def played_on(name: str) -> datetime.date | None:
    """The date in a video's name, as in ``2026-11-14 Tigers.mp4`` or ``20261114_tigers``.

    >>> played_on("U18 2026-11-14 Tigers")
    datetime.date(2026, 11, 14)
    """
    for found in _DATE.finditer(name):
        try:
            return datetime.date(*(int(part) for part in found.groups()))
        except ValueError:  # 31 February
            continue
    return None


def own_side(colours_bgr: Mapping[str, Sequence[float]], kits: Sequence[str]) -> str:
    """``A`` or ``B``: whose kit looks like one of ``kits``; empty where that is not clear.

    Args:
        colours_bgr: Of both sides, as the footage shows them, 0 to 255.
        kits: CSS colours, as in ``white`` or ``#123f8a``.

    Raises:
        BadInputError: one is no colour.
    """
    if not kits or not {"A", "B"} <= set(colours_bgr):
        return ""
    known = _lab(np.array([_rgb(kit) for kit in kits]))
    seen = _lab(np.array([tuple(colours_bgr[side])[::-1] for side in ("A", "B")]) / 255.0)
    a, b = np.linalg.norm(seen[:, None] - known[None], axis=2).min(axis=1)
    if abs(a - b) < _CLEARLY_NEARER or min(a, b) > _STILL_ALIKE:
        return ""
    return "A" if a < b else "B"


def figures_of(report: Mapping[str, Any], side: str) -> dict[str, float | None]:
    """One number for each of :data:`FIGURES` and :data:`OF_BOTH`, or None: not supported.

    Args:
        report: What ``report.json`` holds.
        side: The team's own, ``A`` or ``B``; empty gives those of both teams alone.
    """
    figures: dict[str, float | None] = dict.fromkeys(figure.name for figure in FIGURES)
    teams = {row["team"]: row for row in report["teams"]}
    tens = report["video"]["duration_s"] / 600
    missing = set(report["not_supported"])

    def rate(kind: str, team: str = "") -> float | None:
        events = [event for event in report["events"] if event["type"] == kind]
        if kind in missing or tens <= 0:
            return None
        if not team:
            return len(events) / tens
        # Events that name no team would make the rate of those that do too low.
        if any(not event["team"] for event in events):
            return None
        return sum(event["team"] == team for event in events) / tens

    speeds = [row["top_speed_mph"] for row in teams.values() if row["top_speed_mph"] is not None]
    figures |= {
        "pace_of_both": _together(teams.values()),
        "top_speed_of_both": max(speeds, default=None),
        "zone_entries_of_both": rate("zone_entry"),
        "shots_of_both": rate("shot"),
        "rushes_of_both": rate("rush"),
        "stoppages": rate("stoppage"),
    }
    if side not in {"A", "B"}:
        return figures
    other = "B" if side == "A" else "A"
    own, theirs = teams.get(side, {}), teams.get(other, {})
    shifts = [
        event["end_s"] - event["start_s"]
        for event in report["events"]
        if event["type"] == "shift" and event["team"] == side
    ]
    pace, their_pace = own.get("activity_heights_per_s"), theirs.get("activity_heights_per_s")
    return figures | {
        "attack_share": _share(own.get("zone_time_s"), theirs.get("zone_time_s")),
        "possession_share": _share(own.get("possession_s"), theirs.get("possession_s")),
        "zone_entries": rate("zone_entry", side),
        "entries_against": rate("zone_entry", other),
        "shots": rate("shot", side),
        "shots_against": rate("shot", other),
        "pace": pace,
        "pace_lead": 100 * (pace / their_pace - 1) if pace and their_pace else None,
        "top_speed": own.get("top_speed_mph"),
        "shift_length": float(np.median(shifts)) if len(shifts) >= 5 else None,
        "line_changes": rate("line_change", side),
        "rushes": rate("rush", side),
    }


def _together(teams: Iterable[Mapping[str, Any]]) -> float | None:
    """The pace of both, each by the time that its people were in view."""
    known = [
        (row["activity_heights_per_s"], row["time_in_view_s"])
        for row in teams
        if row["activity_heights_per_s"] is not None and row["time_in_view_s"] > 0
    ]
    seconds = sum(time for _, time in known)
    return sum(pace * time for pace, time in known) / seconds if seconds else None


def _share(own: float | None, theirs: float | None) -> float | None:
    if own is None or theirs is None or own + theirs < 60:
        return None
    return 100 * own / (own + theirs)


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    try:
        r, g, b = to_rgb(colour)
    except ValueError:
        raise BadInputError(
            f"{colour!r} is no colour of a kit.", "Use a name as in `white`, or `#rrggbb`."
        ) from None
    return float(r), float(g), float(b)


def _lab(rgb: np.ndarray) -> np.ndarray:
    """CIE Lab of sRGB colours (N, 3), 0 to 1."""
    import cv2

    picture = np.ascontiguousarray(rgb[None], np.float32)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[0], np.float64)
