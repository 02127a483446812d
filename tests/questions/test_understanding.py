"""From words to a question."""

from __future__ import annotations

import math

import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.questions import Asked, examples, understand


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("longest shifts in the 2nd", Asked("shift", "longest", period=2)),
        ("The 3 longest shifts of team b?", Asked("shift", "longest", team="B", limit=3)),
        ("How many zone entries did A have", Asked("zone_entry", "count", team="A")),
        ("how many face-offs in the second period", Asked("face_off", "count", period=2)),
        ("who was fastest", Asked("top_speed_mph", "longest")),
        ("Who scored?", Asked("goal", "who")),
        ("how many goals did B score", Asked("goal", "count", team="B")),
        ("who took the most shots", Asked("shot", "who")),
        ("who had the longest shift", Asked("shift", "longest")),
        ("time on the ice of 26", Asked("time_on_ice_s", jersey="26")),
        ("#7's top speed", Asked("top_speed_mph", jersey="7")),
        ("goalies' time in view", Asked("time_in_view_s", role="goalkeeper")),
        ("stoppages between 3:00 and 5:30", Asked("stoppage", from_s=180, to_s=330)),
        ("rushes after 12:05", Asked("rush", from_s=725, to_s=math.inf)),
        ("rushes in the first 5 minutes", Asked("rush", to_s=300)),
        ("battles in the last 2 min", Asked("crowding", from_s=-120)),
        ("last three goals", Asked("goal", "last", limit=3)),
        ("first goal in overtime", Asked("goal", "first", period=4)),
        ("final score", Asked("score", "last")),
        ("can this video be trusted", Asked("trust")),
        ("what happened", Asked("summary")),
        ("stopages", Asked("stoppage")),
        ("number of higlights", Asked("highlights", "count")),
    ],
)
def test_questions_are_understood(text: str, asked: Asked) -> None:
    assert understand(text) == asked


def test_what_is_not_understood_is_told() -> None:
    assert understand("shifts of grandma on Tuesday").unused == ("grandma", "tuesday")


@pytest.mark.parametrize("text", ["", "Wer?", "penalties", "\u2603" * 20, "of of of", "26"])
def test_what_names_nothing_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BadInputError, match="longest shifts in the 2nd"):
        understand(text)


def test_a_long_text_is_refused() -> None:
    with pytest.raises(BadInputError, match="too long"):
        understand("shift " * 200)


def test_every_example_is_understood_whole() -> None:
    assert [understand(text).unused for text in examples()] == [()] * len(examples())
