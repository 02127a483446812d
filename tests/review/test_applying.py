"""Corrections as pure functions of tables: what they do, what they refuse, what they outlive."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.review.applying import correct_numbers, correct_tracks, require_sense
from jarvis_dagster.hockey.review.corrections import Correction
from jarvis_dagster.hockey.review.entries import parse_corrections
from jarvis_dagster.hockey.review.ledger import correct_events, require_events
from jarvis_dagster.hockey.review.persons import correct_persons
from jarvis_dagster.hockey.review.sightings import bind
from jarvis_dagster.hockey.tables import EVENTS, IDENTITIES, JERSEYS, empty
from tests.review.tables import scan_of, tracked, walk

GAME = tracked(
    walk(3, 0, 40),
    walk(9, 50, 90, x=200),
    walk(5, 0, 90, y=300),
    walk(7, 0, 90, y=500, team="B"),
    walk(8, 0, 90, y=700, role="referee", team=""),
)


def bound(text: str, tracks: pd.DataFrame = GAME) -> list[Correction]:
    return bind(parse_corrections(text), (), tracks, empty(EVENTS), duration_s=9.0)


def corrected(text: str, tracks: pd.DataFrame = GAME) -> pd.DataFrame:
    table, outcomes = correct_tracks(tracks, bound(text, tracks))
    assert [one.why for one in outcomes] == [""] * len(outcomes)
    return table


def of(table: pd.DataFrame, track: int) -> pd.DataFrame:
    return table[table["track_id"] == track]


def test_role_and_team_are_what_the_person_says() -> None:
    table = corrected("- track: 7\n  role: goalkeeper\n- track: 7\n  team: A\n")
    assert set(of(table, 7)["role"]) == {"goalkeeper"}
    assert set(of(table, 7)["team"]) == {"A"}
    assert set(of(table, 7)["role_score"]) == {1.0}
    others = table["track_id"] != 7
    pd.testing.assert_frame_equal(table[others], GAME[others.to_numpy()])


def test_a_referee_loses_its_team() -> None:
    assert set(of(corrected("- track: 7\n  role: referee\n"), 7)["team"]) == {""}


def test_one_person_gets_one_track() -> None:
    table = corrected("- same_person: [9, 3]\n")
    assert set(table["track_id"]) == {3, 5, 7, 8}
    assert of(table, 3)["frame"].tolist() == [*range(40), *range(50, 90)]


def test_a_track_becomes_two_people() -> None:
    table = corrected("- track: 5\n  split_at: 3.0\n")
    assert of(table, 5)["frame"].max() == 29
    assert of(table, 10)["frame"].tolist() == list(range(30, 90))


def test_entries_build_on_those_before_them() -> None:
    first = corrected("- track: 5\n  split_at: 3.0\n")
    later = bind(parse_corrections("- track: 10\n  team: B\n"), (), first, None, duration_s=9.0)
    table, _ = correct_tracks(GAME, bound("- track: 5\n  split_at: 3.0\n") + later)
    assert set(of(table, 10)["team"]) == {"B"}
    assert set(of(table, 5)["team"]) == {"A"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "- track: 7\n  number: 26\n- track: 7\n  number: 62\n",
            "line 3: Track 7 is number 62, but",
        ),
        ("- track: 7\n  role: player\n- track: 7\n  role: referee\n", "but line 1 says"),
        ("- track: 8\n  team: A\n", "line 1: Track 8 is of team A, but it is a referee"),
        ("- same_person: [5, 7]\n", "but both are in frame 0, in different places"),
        (
            "- track: 5\n  delete: true\n- track: 5\n  number: 4\n",
            "line 3: Track 5 is number 4, but",
        ),
        ("- track: 5\n  number: 4\n- track: 5\n  delete: true\n", "line 3: Track 5 is nobody, but"),
        ("- track: 3\n  number: 4\n- track: 5\n  number: 4\n", "They are of one team and in view"),
    ],
)
def test_what_cannot_be_true_is_refused_with_its_line(text: str, told: str) -> None:
    with pytest.raises(BadInputError, match=r"corrections\.yaml, line") as error:
        require_sense(GAME, bound(text))
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- track: 70\n  number: 26\n", "line 1: there is no track 70. There are 3 to 9."),
        ("- track: 3\n  split_at: 8\n", "line 1: track 3 is seen from 0.0 to 3.9 s"),
        ("- missed: shot\n  at: 99\n", "line 1: the video is over at 9.0 s"),
        ("- event: rush-1\n  wrong: true\n", "line 1: there is no event rush-1"),
    ],
)
def test_what_is_not_there_is_refused_with_its_line(text: str, told: str) -> None:
    with pytest.raises(BadInputError) as error:
        bound(text)
    assert told in str(error.value)


def test_over_a_cut_one_person_stays_two_tracks() -> None:
    said = bound("- same_person: [3, 9]\n")
    require_sense(GAME, said, cuts=[45])
    table, outcomes = correct_tracks(GAME, said, cuts=[45])
    assert (outcomes[0].tracks, outcomes[0].why) == ((3, 9), "")
    pd.testing.assert_frame_equal(table, GAME)
    found = pd.DataFrame(
        {
            "track_id": [3, 5, 9],
            "person_id": ["unknown", "A-p1", "A-26"],
            "number": ["", "", "26"],
            "probability": [0.0, 0.8, 0.7],
            "evidence": ["{}"] * 3,
        }
    ).astype(IDENTITIES)
    persons = correct_persons(found, table, said)
    assert persons["person_id"].tolist() == ["A-26", "A-p1", "A-26"]
    assert persons["probability"].tolist() == [1.0, pytest.approx(0.8), 1.0]
    nobody = found.assign(person_id="unknown", number="")
    assert correct_persons(nobody, table, said)["person_id"].tolist() == ["A-p1", "unknown", "A-p1"]


def test_an_event_that_cannot_be_is_told_and_left_out() -> None:
    said = bound("- missed: goal\n  at: 4.0\n")
    table, outcomes = correct_events(
        LEDGER,
        GAME,
        said,
        scan_of(90),
        against=lambda events: ["Two goals at once."] if "goal" in set(events["type"]) else [],
    )
    pd.testing.assert_frame_equal(table, LEDGER)
    assert outcomes[0].why == "it cannot be: Two goals at once"


def test_corrections_outlive_another_tracking() -> None:
    said = bound("- track: 5\n  role: goalkeeper\n- track: 7\n  delete: true\n")
    anew = GAME.replace({"track_id": {5: 21, 7: 5, 3: 7}})
    broken = anew["track_id"].eq(21) & anew["frame"].ge(40)
    anew.loc[broken, "track_id"] = 30
    anew.loc[:, ["x1_px", "x2_px"]] += np.float32(2.0)
    table, outcomes = correct_tracks(anew, said)
    keepers = set(table.loc[table["role"] == "goalkeeper", "track_id"])
    assert keepers == {21, 30}
    assert 5 not in set(table["track_id"])
    assert 7 in set(table["track_id"])
    assert [one.tracks for one in outcomes] == [(21, 30), (5,)]


def test_what_nobody_fits_any_more_is_told_and_left_out() -> None:
    said = bound("- track: 5\n  role: goalkeeper\n- same_person: [3, 9]\n")
    table, outcomes = correct_tracks(GAME[~GAME["track_id"].isin([5, 9])], said)
    assert [bool(one.why) for one in outcomes] == [True, True]
    assert "where track 9 was" in outcomes[1].why
    assert set(table["role"]) == {"player", "referee"}


def test_a_detector_that_looks_at_other_frames_is_no_obstacle() -> None:
    said = bound("- track: 5\n  team: B\n", GAME[GAME["frame"] % 2 == 0])
    table, _ = correct_tracks(GAME[GAME["frame"] % 2 == 1], said)
    assert set(of(table, 5)["team"]) == {"B"}


ENTRIES = st.lists(
    st.sampled_from(
        [
            "- track: 3\n  role: goalkeeper\n",
            "- track: 5\n  team: B\n",
            "- track: 5\n  split_at: 3.0\n",
            "- track: 7\n  split_at: 6.0\n",
            "- track: 7\n  delete: true\n",
            "- same_person: [3, 9]\n",
            "- track: 8\n  role: player\n",
            "- track: 9\n  number: 26\n",
        ]
    ),
    unique=True,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(ENTRIES)
def test_corrections_of_what_they_made_change_nothing(entries: list[str]) -> None:
    said = bound("".join(entries)) if entries else []
    once, _ = correct_tracks(GAME, said)
    twice, _ = correct_tracks(once, said)
    pd.testing.assert_frame_equal(once, twice)
    assert not once.duplicated(["frame", "track_id"]).any()
    assert not ((once["role"] == "referee") & (once["team"] != "")).any()
    kept = [c for c in GAME.columns if c.endswith("_px")]
    boxes = set(map(tuple, GAME[["frame", *kept]].to_numpy().tolist()))
    assert set(map(tuple, once[["frame", *kept]].to_numpy().tolist())) <= boxes


def test_a_number_is_certain_and_taken_from_a_team_mate() -> None:
    read = pd.DataFrame(
        {
            "track_id": [3, 5, 7],
            "number": ["62", "26", "26"],
            "probability": [0.8, 0.7, 0.9],
            "reads": [5, 3, 9],
            "evidence": ["{}"] * 3,
        }
    ).astype(JERSEYS)
    table, outcomes = correct_numbers(read, GAME, bound("- track: 3\n  number: 26\n"))
    assert dict(zip(table["track_id"], table["number"], strict=True)) == {3: "26", 7: "26"}
    assert table["probability"].tolist() == [1.0, pytest.approx(0.9)]
    assert outcomes[0].tracks == (3,)
    table, _ = correct_numbers(read, GAME, bound("- track: 7\n  number: none\n"))
    assert 7 not in set(table["track_id"])


def event(kind: str, start_s: float, end_s: float, team: str = "A") -> dict[str, object]:
    return {
        "event_id": f"{kind}-{start_s}",
        "type": kind,
        "start_s": start_s,
        "end_s": end_s,
        "team": team,
        "track_ids": "[3]",
        "confidence": 0.7,
        "evidence": json.dumps({"frames": [0, 1], "measures": {"people": 3}}),
    }


LEDGER = pd.DataFrame([event("rush", 1.0, 3.0), event("rush", 5.0, 7.0)]).astype(EVENTS)


def ledger(text: str, events: pd.DataFrame = LEDGER) -> tuple[pd.DataFrame, list[str]]:
    said = bind(parse_corrections(text), (), GAME, LEDGER, duration_s=9.0)
    require_events(said)
    table, outcomes = correct_events(events, GAME, said, scan_of(90), video_sha256="ab")
    return table, [one.why for one in outcomes]


def test_a_wrong_event_goes_even_after_its_id_changed() -> None:
    table, why = ledger("- event: rush-5.0\n  wrong: true\n")
    assert (table["event_id"].tolist(), why) == (["rush-1.0"], [""])
    moved = pd.DataFrame([event("rush", 1.0, 3.0), event("rush", 5.2, 7.3)]).astype(EVENTS)
    table, why = ledger("- event: rush-5.0\n  wrong: true\n", moved)
    assert (table["event_id"].tolist(), why) == (["rush-1.0"], [""])
    table, why = ledger("- event: rush-5.0\n  wrong: true\n", moved[:1])
    assert (len(table), why) == (1, ["no such event is found any more"])


def test_a_missed_event_is_added_once_with_its_evidence() -> None:
    text = "- missed: shot\n  at: 4.0\n  team: B\n  tracks: [7]\n  note: off the post\n"
    table, why = ledger(text)
    (row,) = table[table["type"] == "shot"].to_dict("records")
    assert (row["start_s"], row["end_s"], row["team"]) == (4.0, 5.0, "B")
    evidence = json.loads(row["evidence"])
    assert evidence["frames"] == [40, 50]
    assert (evidence["source"], evidence["note"]) == ("person", "off the post")
    assert json.loads(row["track_ids"]) == [7]
    again, why = ledger(text, table)
    assert (len(again), why) == (len(table), ["it is in the ledger already"])


@pytest.mark.parametrize("kind", ["in_view", "top_speed", "nonsense"])
def test_what_follows_from_tracks_cannot_be_added(kind: str) -> None:
    with pytest.raises(BadInputError, match=r"line 1: .* is no event that can be added"):
        ledger(f"- missed: {kind}\n  at: 4.0\n")
