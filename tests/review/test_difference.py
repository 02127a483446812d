"""What the report says of corrections: what was said, and which figures changed."""

import copy
from typing import Any

from jarvis_dagster.hockey.report.corrected import difference

NUMBERS: dict[str, Any] = {
    "people": [
        {
            "track_id": 3,
            "role": "player",
            "team": "A",
            "jersey_number": "62",
            "time_in_view_s": 4.0,
        },
        {
            "track_id": 9,
            "role": "player",
            "team": "A",
            "jersey_number": None,
            "time_in_view_s": 3.0,
        },
    ],
    "teams": [
        {"team": "A", "tracks": 2, "time_in_view_s": 7.0, "top_speed_mph": None},
        {"team": "B", "tracks": 0, "time_in_view_s": 0.0, "top_speed_mph": None},
    ],
    "events": [{"type": "rush", "team": "A", "start_s": 1.0, "end_s": 2.0}],
}


def outcome(words: str, why: str = "") -> dict[str, Any]:
    return {"line": 2, "words": words, "why": why}


def test_without_corrections_there_is_nothing_to_say() -> None:
    assert difference(NUMBERS, NUMBERS, []) is None


def test_every_figure_that_changed_is_listed_before_and_after() -> None:
    after = copy.deepcopy(NUMBERS)
    after["people"] = [{**NUMBERS["people"][0], "jersey_number": "26", "time_in_view_s": 7.0}]
    after["teams"][0]["tracks"] = 1
    after["events"].append({"type": "shot", "team": "A", "start_s": 5.0, "end_s": 6.0})
    told = difference(after, NUMBERS, [outcome("Tracks 3 and 9 are one person")])
    assert told is not None
    assert told["said"] == [
        {"line": 2, "words": "Tracks 3 and 9 are one person", "applied": True, "why": ""}
    ]
    changes = {row["what"]: (row["before"], row["after"], row["unit"]) for row in told["changes"]}
    assert changes == {
        "Followed as players": (2, 1, ""),
        "Team A: people followed": (2, 1, ""),
        "Events: Shot": (0, 1, ""),
        "Shot at 5.0 s": ("no", "yes", ""),
    }
    people = {
        (row["track_id"], row["what"]): (row["before"], row["after"]) for row in told["people"]
    }
    assert people[3, "number"] == ("62", "26")
    assert people[3, "time in view"] == (4.0, 7.0)
    assert people[9, "time in view"] == (3.0, None)


def test_what_is_not_known_or_did_not_change_is_said() -> None:
    told = difference(NUMBERS, None, [outcome("Track 3 is number 26", "nobody is there")])
    assert told is not None
    assert not told["compared"]
    assert set(told) == set(difference(NUMBERS, NUMBERS, [outcome("x")]) or {})  # the page asks
    assert "not known" in told["reason"]
    assert told["said"][0]["applied"] is False
    same = difference(NUMBERS, NUMBERS, [outcome("Track 3 is number 62")])
    assert same is not None
    assert same["reason"] == "None of the figures changed."
