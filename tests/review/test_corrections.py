"""The corrections file: what it may say, errors that name the line, edits that keep the rest."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.review.corrections import (
    Correction,
    Sighting,
    changed_kinds,
    fingerprint,
    from_json,
    to_json,
    write_entries,
)
from jarvis_dagster.hockey.review.editing import with_entries, without
from jarvis_dagster.hockey.review.entries import parse_corrections

EVERYTHING = """\
# looked at on Sunday
corrections:
- track: 7
  number: 26
  note: not 62
- track: 12
  role: goalie
  team: b
- same_person: [3, 9]
- track: 5
  split_at: 0:12.5
- track: 14
  delete: true
- event: rush-0a1b2c3d4e5f
  wrong: true
- missed: Shot
  at: 1:23.5
  team: A
  tracks: [7]
"""


def test_every_kind_is_read_with_its_line() -> None:
    found = [(one.kind, one.line, one.words) for one in parse_corrections(EVERYTHING)]
    assert found == [
        ("number", 3, "Track 7 is number 26"),
        ("role", 6, "Track 12 is a goalkeeper"),
        ("team", 6, "Track 12 is of team B"),
        ("same_person", 9, "Tracks 3 and 9 are one person"),
        ("split", 10, "Track 5 is another person from 12.5 s on"),
        ("delete", 12, "Track 14 is nobody"),
        ("event_wrong", 14, "There was no rush-0a1b2c3d4e5f"),
        ("event_missed", 16, "There was a shot at 83.5 s"),
    ]


@pytest.mark.parametrize("text", ["", "corrections:\n", "corrections: []\n", "[]", "# nothing\n"])
def test_a_file_may_say_nothing(text: str) -> None:
    assert parse_corrections(text) == []


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("- track: 7", "line 1: It does not say what track 7 is"),
        ("- track: 7\n  nummer: 26", "line 1: nummer is not known for `track`"),
        ("- track: 1\n  role: player\n- track: x\n  role: player", "line 3: 'x' is not the number"),
        ("- track: 7\n  number: 126", "line 1: 126 is not a jersey number"),
        ("- track: 7\n  number: yes", "line 1: True is not a jersey number"),
        ("- track: 7\n  role: coach", "line 1: 'coach' is not a role"),
        ("- track: 7\n  team: C", "line 1: 'C' is not a team"),
        ("- track: 7\n  split_at: soon", "line 1: `split_at` is 'soon', which is no time"),
        ("- track: 7\n  delete: true\n  role: player", "line 1: `delete` is true, and says all"),
        ("- same_person: [3]", "line 1: `same_person` is a list of two or more"),
        ("- same_person: [3, 3]", "line 1: `same_person` names a track twice"),
        ("- event: rush-1", "line 1: An `event` can only be wrong"),
        ("- missed: shot", "line 1: It does not say when"),
        ("- missed: shot\n  at: 5\n  until: 4", "line 1: `until` is not after `at`"),
        ("- track: 1\n  event: x", "line 1: An entry says one of"),
        ("- 7 is 26", "line 1: '7 is 26' is not a correction"),
        ("- track: 7\n number: 26", "line 2 is not YAML"),
        ("- track: 7\n  role: player\n  seen: {7: [1, 2]}", "line 1: `seen` is not what Jarvis"),
        ("what: ever", "has no list of corrections"),
        ("- &a [*a]", "line 1 is not YAML"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(entry: str, told: str) -> None:
    with pytest.raises(BadInputError, match=re.escape(told)):
        parse_corrections(entry)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    with contextlib.suppress(BadInputError):
        parse_corrections(text)


def test_what_is_written_is_read_back() -> None:
    seen = tuple(Sighting(frame, (1.5, 2.0, 30.25, 80.0)) for frame in (3, 9))
    said = [
        Correction(**{**vars(one), "seen": (seen,) * len(one.tracks)})
        for one in parse_corrections(EVERYTHING)
    ]
    again = parse_corrections("corrections:\n" + write_entries(said))
    assert [(one.key, one.seen, one.note) for one in again] == [
        (
            one.key,
            tuple(
                tuple(Sighting(s.frame, tuple(round(v, 1) for v in s.box)) for s in part)
                for part in one.seen
            ),
            one.note,
        )
        for one in said
    ]
    assert from_json(to_json(said)) == said
    assert fingerprint(said) == fingerprint(again) != ""


def test_an_entry_is_added_and_taken_out_without_touching_the_rest() -> None:
    new = Correction("role", 0, (8,), "referee", note="stripes: #1")
    longer = with_entries(EVERYTHING, [new])
    assert longer.startswith(EVERYTHING)
    added = parse_corrections(longer)[-1]
    assert (added.words, added.note) == ("Track 8 is a referee", "stripes: #1")
    shorter, said = without(longer, added.line)
    assert shorter == EVERYTHING
    assert [one.words for one in said] == ["Track 8 is a referee"]
    middle, _ = without(EVERYTHING, 9)
    assert "same_person" not in middle
    assert len(parse_corrections(middle)) == 7


@pytest.mark.parametrize(
    "text", ["", "corrections: []\n", "# mine\ncorrections:\n", "- track: 1\n  role: player"]
)
def test_an_entry_can_be_added_to_any_file(text: str) -> None:
    made = with_entries(text, [Correction("delete", 0, (4,))])
    assert parse_corrections(made)[-1].words == "Track 4 is nobody"
    assert ("# mine" in made) == ("# mine" in text)


def test_a_list_in_one_line_is_left_to_its_owner() -> None:
    with pytest.raises(BadInputError, match="in one line"):
        with_entries("corrections: [{track: 1, role: player}]", [Correction("delete", 0, (4,))])


def test_what_changed_decides_what_is_made_again() -> None:
    a, b = ("1", "role"), ("2", "event_wrong")
    assert changed_kinds([], [a, b]) == {"role", "event_wrong"}
    assert changed_kinds([a, b], [a]) == {"event_wrong"}
    assert changed_kinds([a], [a]) == set()
    assert changed_kinds([a, b], [b, a]) == {"role", "event_wrong"}
