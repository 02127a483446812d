"""From single pictures to the number of a track."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis_dagster.hockey.jerseys.belief import (
    NUMBERS,
    SURE,
    believe,
    keep_apart,
    number_of,
)
from jarvis_dagster.hockey.text import Reading


def picture(number: int, sure: float) -> np.ndarray:
    """(100,) chances of a picture that says ``number``."""
    chances = np.full(100, (1 - sure) * 0.3 / 99)
    chances[0] = (1 - sure) * 0.7
    chances[number] += sure
    return chances / chances.sum()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("47", 47),
        ("9", 9),
        ("10", 10),
        ("07", 0),
        ("0", 0),
        ("123", 0),
        ("B8", 0),
        ("²", 0),
        ("", 0),
    ],
)
def test_which_texts_are_numbers(text, number):
    assert number_of(Reading(text, 0.9))[0] == number


def test_a_stroke_is_trusted_less_than_two_digits():
    trusted = [number_of(Reading(text, 0.9))[1] for text in ("1", "8", "18")]
    assert trusted == sorted(trusted)
    assert trusted[2] == 0.9


def test_pictures_that_agree_make_sure_and_nothing_makes_nothing():
    once = believe(np.stack([picture(17, 0.7)]))
    thrice = believe(np.stack([picture(17, 0.7)] * 4 + [picture(5, 0.0)] * 5))
    assert once.number == thrice.number == 17
    assert once.probability < thrice.probability
    assert thrice.probability > SURE
    assert thrice.agreeing == 4
    nothing = believe(np.stack([picture(5, 0.0)] * 6))
    assert nothing.probability < 0.1
    assert nothing.agreeing == 0


def test_a_digit_alone_is_half_of_a_number():
    read = [picture(8, 0.8)] * 2 + [picture(88, 0.8)] * 2
    belief = believe(np.stack(read))
    assert belief.number == 88
    other = believe(np.stack([picture(8, 0.8)] * 4))
    assert other.number == 8


def test_digits_that_look_alike_need_more_than_a_majority_of_one():
    belief = believe(np.stack([picture(17, 0.75), picture(11, 0.75), picture(17, 0.75)]))
    assert belief.number == 17
    assert belief.probability < believe(np.stack([picture(17, 0.75)] * 3)).probability


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 99), st.floats(0, 1)), min_size=1, max_size=12))
def test_beliefs_are_probabilities(said):
    belief = believe(np.stack([picture(number, sure) for number, sure in said]))
    assert belief.chances.shape == (NUMBERS,)
    assert belief.chances.sum() == pytest.approx(1)
    assert 1 <= belief.number <= 99


def test_team_mates_on_the_ice_at_once_do_not_share_a_number():
    strong, weak = (
        believe(np.stack([picture(9, 0.9)] * 5)),
        believe(np.stack([picture(9, 0.9)] * 3)),
    )
    frames = {1: np.arange(100), 2: np.arange(50, 150), 3: np.arange(200, 300), 4: np.arange(100)}
    team = {1: "A", 2: "A", 3: "A", 4: "B"}
    apart = keep_apart({1: strong, 2: weak, 3: weak, 4: weak}, team, frames)
    assert apart[1].number == 9
    assert apart[2].number != 9
    assert apart[2].probability < SURE
    assert apart[3].number == 9  # not seen together with the first
    assert apart[4].number == 9  # of the other team
