"""From a report to answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.cli import main
from jarvis_dagster.errors import NotSupportedError
from jarvis_dagster.hockey.questions import Answer, answer, understand

if TYPE_CHECKING:
    from pathlib import Path


def person(track: int, team: str, jersey: str | None, **figures: Any) -> dict[str, Any]:
    return {
        "track_id": track,
        "role": "player",
        "team": team,
        "jersey_number": jersey,
        "person_id": f"{team}-{jersey}" if jersey else None,
        "time_in_view_s": 10.0 * track,
        "time_on_ice_s": None,
        "top_speed_mph": 10.0 + track,
        "distance_ft": None,
        **figures,
    }


def event(
    kind: str,
    start: float,
    end: float,
    tracks: tuple[int, ...] = (),
    team: str = "",
    **measures: Any,
) -> dict[str, Any]:
    return {
        "event_id": f"{kind}-{start}",
        "type": kind,
        "start_s": start,
        "end_s": end,
        "team": team,
        "track_ids": list(tracks),
        "confidence": 0.9,
        "frames": [int(start * 30), int(end * 30)],
        "measures": measures,
    }


PERIODS = [
    event("period", 0.0, 300.0, period=1),
    event("period", 400.0, 700.0, period=2),
]
SHIFTS = [
    event("shift", 10.0, 50.0, (1,), "A", seconds=40.0),
    event("shift", 100.0, 130.0, (2,), "B", seconds=30.0),
    event("shift", 410.0, 435.0, (3,), "A", seconds=25.0),
    event("shift", 500.0, 560.0, (2,), "B", seconds=60.0),
]


def report(**more: Any) -> dict[str, Any]:
    return {
        "schema_version": "1.3",
        "video": {"name": "game.mp4", "duration_s": 700.0},
        "preflight": {
            "summary": "All is well.",
            "grades": {"tracks": {"grade": "A", "reasons": ["Nothing speaks against it."]}},
        },
        "people": [
            person(1, "A", "26"),
            person(2, "B", "7"),
            person(3, "A", "26"),
            person(4, "", None, role="referee", top_speed_mph=99.0),
        ],
        "scoreboard": {
            "names": ["PINES", "BEARS"],
            "score_last": [2, 1],
            "last": {"clock_s": 65.0, "period": 2},
            "changes": [{"video_s": 200.0, "score": [2, 1]}],
        },
        "events": [*PERIODS, *SHIFTS],
        "highlights": [],
        "no_highlights": "Nothing stood out.",
        "not_supported": {"shot": "The puck was not followed."},
        "summary": "Usually 3 people are in view.",
        **more,
    }


def asked(text: str, **more: Any) -> Answer:
    return answer(report(**more), understand(text))


def test_the_longest_come_first_with_their_evidence() -> None:
    found = asked("longest shifts in the 2nd")
    assert found.text == "2 shifts in period 2."
    assert [(row["who"], row["start_s"]) for row in found.rows] == [("B-7", 500.0), ("A-26", 410.0)]
    assert found.rows[0]["frames"] == [15000, 16800]
    assert found.rows[0]["when"] == "8:20 \N{EN DASH} 9:20"


@pytest.mark.parametrize(
    ("text", "said", "rows"),
    [
        ("how many shifts", "4 shifts.", 4),
        ("shifts of 26", "2 shifts of #26.", 2),
        ("shifts of team B after 5:00", "1 shift of team B from 5:00 on.", 1),
        ("shifts in the last 5 minutes", "2 shifts in the last 5 min.", 2),
        ("how long were the shifts of B", "2 shifts of team B, 1 min 30 s altogether.", 2),
        ("shortest shift", "4 shifts.", 4),
        ("first shift", "4 shifts; the first one below.", 1),
        ("2 longest shifts", "4 shifts; the longest 2 below.", 2),
        ("who had the most shifts", "B-7: 2 shifts.", 2),
        ("goals", "No goals.", 0),
        ("who was fastest", "A-26: 13.0 mph top speed.", 2),
        ("time in view of 26", "A-26: 40 s time in view.", 1),
        ("total time in view of team A", "40 s of time in view of team A (1 followed).", 1),
        ("score", "PINES 2, BEARS 1, with 1:05 on the clock in period 2.", 1),
        ("highlights", "Nothing stood out.", 0),
        ("can it be trusted", "All is well.", 1),
        ("summary", "Usually 3 people are in view.", 0),
    ],
)
def test_answers(text: str, said: str, rows: int) -> None:
    found = asked(text)
    assert (found.text, len(found.rows)) == (said, rows)


@pytest.mark.parametrize(
    ("text", "why", "more"),
    [
        ("how many shots", "Shot is not supported for game.mp4: The puck", {}),
        ("shifts in the third period", "never shows period 3", {}),
        ("time on ice of 26", "tells nobody's time on ice", {}),
        ("time on ice", "The camera moves", {"not_supported": {"shift": "The camera moves."}}),
        ("score", "No score could be read", {"scoreboard": None}),
        ("top speed in the 2nd", "of the whole video", {}),
        ("who was in the stoppages", "whose each stoppage", {"events": [event("stoppage", 1, 2)]}),
        ("goals of team A", "which team's each goal", {"events": [event("goal", 1, 2, score="1")]}),
    ],
)
def test_what_the_footage_does_not_tell_is_not_guessed(
    text: str, why: str, more: dict[str, Any]
) -> None:
    with pytest.raises(NotSupportedError, match=why):
        asked(text, **more)


def test_the_command_answers_from_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def jarvis(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["jarvis", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    (tmp_path / "report.json").write_text(json.dumps(report()))
    code, out, _ = jarvis("ask", "longest shift of grandma", tmp_path)
    assert code == 0
    assert "8:20" in out
    assert "Understood as: shift: longest, of game.mp4. Not understood: grandma." in out
    code, out, _ = jarvis("ask", "score", tmp_path / "report.json", "--json")
    assert json.loads(out)["text"].startswith("PINES 2")
    assert jarvis("ask", "shots", tmp_path)[0] == 1
    code, _, err = jarvis("ask", "penalties", tmp_path)
    assert (code, "not understood" in err) == (2, True)
    (tmp_path / "report.json").write_text("[]")
    code, _, err = jarvis("ask", "score", tmp_path)
    assert (code, "is no report of Jarvis" in err) == (2, True)
