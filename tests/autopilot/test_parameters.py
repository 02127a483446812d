"""Parameters keep within their bounds, and do to a picture what they say."""

from __future__ import annotations

import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.adaptation import BOUNDS, NEUTRAL, Parameters
from jarvis_dagster.hockey.adaptation.looks import look_of, relight
from jarvis_dagster.hockey.adaptation.search import guesses


@pytest.fixture
def picture() -> np.ndarray:
    rng = np.random.default_rng(3)
    light = np.linspace(30, 235, 320)[None, :, None] * np.array([0.95, 1.0, 0.9])
    return np.clip(light + rng.normal(0, 2, (180, 320, 3)), 0, 255).astype(np.uint8)


def test_neutral_parameters_change_nothing() -> None:
    assert NEUTRAL.is_neutral
    assert NEUTRAL.correction is None
    assert (NEUTRAL.id, NEUTRAL.words) == ("", "nothing changed")


@pytest.mark.parametrize("name", BOUNDS)
def test_a_value_outside_its_bounds_is_refused(name: str) -> None:
    for value in (BOUNDS[name].low * 0.9, BOUNDS[name].high * 1.1, float("nan"), "2", True):
        with pytest.raises(BadInputError, match=name):
            Parameters.from_json({name: value})
    with pytest.raises(BadInputError, match="shutter"):
        Parameters.from_json({"shutter": 1})


def test_documents_come_back_as_they_were() -> None:
    made = Parameters(gain=2.5, red=0.8, score_threshold=0.3)
    assert Parameters.from_json(made.to_json()) == made
    assert made.id == Parameters.from_json(made.to_json()).id != ""
    assert made.words == "gain 2.50, red 0.80, score threshold 0.30"


def test_a_correction_takes_back_what_a_dim_light_did(picture: np.ndarray) -> None:
    dim = (picture * 0.4).astype(np.uint8)
    correct = Parameters(gain=2.5).correction
    assert correct is not None
    assert np.abs(correct(dim).astype(int) - picture).max() <= 3
    assert dim.max() <= 102  # the picture that was handed in is as it was


def test_the_first_guess_finds_a_dim_and_warm_light(picture: np.ndarray) -> None:
    shifted = (picture * np.array([0.3, 0.4, 0.44])).astype(np.uint8)
    found = guesses(look_of([picture]), look_of([shifted]))
    with_balance = found[1]
    assert with_balance.gain == pytest.approx(2.5, rel=0.1)
    assert with_balance.blue == pytest.approx(1.33, rel=0.05)
    assert with_balance.red == pytest.approx(0.91, rel=0.05)


def test_relit_pictures_look_as_the_light_changed(picture: np.ndarray) -> None:
    dark = (255 * (picture / 255.0) ** 2.2).astype(np.uint8)
    change = relight(look_of([picture]), look_of([dark]))
    assert np.abs(change(picture).astype(int) - dark).mean() < 4
    same = relight(look_of([picture]), look_of([picture]))
    assert np.abs(same(picture).astype(int) - picture).mean() < 4
