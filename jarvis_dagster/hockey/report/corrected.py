"""What corrections changed: the report's numbers before and after.

Belongs here: comparing two sets of the report's numbers. Does not belong here:
applying corrections (``hockey/review``), numbers of its own.
"""

from __future__ import annotations

from typing import Any

__all__ = ["difference"]

_OF_PEOPLE = {
    "role": "role",
    "team": "team",
    "jersey_number": "number",
    "person_id": "person",
    "time_on_ice_s": "time on ice",
    "time_in_view_s": "time in view",
    "top_speed_mph": "top speed",
    "distance_ft": "skated",
}
_OF_TEAMS = {
    "tracks": "people followed",
    "goalkeepers": "goalkeepers",
    "at_once": "in view at once, usually",
    "time_on_ice_s": "time on ice, all together",
    "time_in_view_s": "time in view, all together",
    "zone_time_s": "zone time",
    "activity_heights_per_s": "activity",
    "top_speed_mph": "top speed",
}
_UNITS = {"_s": "s", "_mph": "mph", "_ft": "ft", "_heights_per_s": "body heights/s"}
_PRESENCE = ("in_view", "shift", "top_speed", "camera_cut")
_NO_BASIS = (
    "What the figures were before is not known: the video was analysed with another model or"
    " other settings since, or never without these corrections."
)
_MOST_ROWS = 60


def difference(
    after: dict[str, Any], before: dict[str, Any] | None, outcomes: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """What a person corrected, and which numbers that changed; None where nobody did.

    Args:
        after: The report's numbers now.
        before: The same without corrections; None where they are not known.
        outcomes: What came of each correction: ``words``, ``line``, ``why``.
    """
    if not outcomes:
        return None
    said = [
        {"line": row["line"], "words": row["words"], "applied": not row["why"], "why": row["why"]}
        for row in outcomes
    ]
    if before is None:
        return {
            "said": said,
            "compared": False,
            "reason": _NO_BASIS,
            "changes": [],
            "people": [],
        }
    changes = [*_counts(before, after), *_teams(before, after), *_events(before, after)]
    people = _people(before, after)
    return {
        "said": said,
        "compared": True,
        "reason": "" if changes or people else "None of the figures changed.",
        "changes": changes,
        "people": people[:_MOST_ROWS],
    }


def _change(what: str, key: str, before: Any, after: Any) -> dict[str, Any]:
    unit = next((unit for ending, unit in _UNITS.items() if key.endswith(ending)), "")
    if key == "activity_heights_per_s":
        unit = "body heights/s"
    return {"what": what, "unit": unit, "before": before, "after": after}


def _counts(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for role, name in (
        ("player", "players"),
        ("goalkeeper", "goalkeepers"),
        ("referee", "referees"),
    ):
        old, new = (sum(p["role"] == role for p in side["people"]) for side in (before, after))
        if old != new:
            found.append(_change(f"Followed as {name}", "", old, new))
    return found


def _teams(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    old = {row["team"]: row for row in before["teams"]}
    return [
        _change(f"Team {row['team']}: {name}", key, old[row["team"]].get(key), row.get(key))
        for row in after["teams"]
        if row["team"] in old
        for key, name in _OF_TEAMS.items()
        if isinstance(row.get(key, 0), int | float | None)
        and old[row["team"]].get(key) != row.get(key)
    ]


def _events(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    from jarvis_dagster.hockey.report.wording import words

    kinds = sorted({e["type"] for side in (before, after) for e in side["events"]})
    found = []
    for kind in kinds:
        old, new = (sum(e["type"] == kind for e in side["events"]) for side in (before, after))
        if old != new:
            found.append(_change(f"Events: {words(kind)}", "", old, new))
    for what, one, other in (("gone", before, after), ("new", after, before)):
        there = {_when(event) for event in other["events"]}
        for event in one["events"]:
            if event["type"] not in _PRESENCE and _when(event) not in there:
                name = f"{words(event['type'])} at {event['start_s']:.1f} s"
                sides = ("yes", "no") if what == "gone" else ("no", "yes")
                found.append(_change(name, "", *sides))
    return found[:_MOST_ROWS]


def _when(event: dict[str, Any]) -> tuple[Any, ...]:
    return event["type"], event["team"], round(event["start_s"], 1), round(event["end_s"], 1)


def _people(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    old = {row["track_id"]: row for row in before["people"]}
    new = {row["track_id"]: row for row in after["people"]}
    found = []
    for track in sorted(old.keys() | new.keys()):
        one, other = old.get(track), new.get(track)
        for key, name in _OF_PEOPLE.items():
            a, b = (None if row is None else row.get(key) for row in (one, other))
            if a != b:
                found.append({"track_id": track, **_change(name, key, a, b)})
    return found
