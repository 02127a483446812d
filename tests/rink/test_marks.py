"""Clicked marks: names, files, and lenses that bend lines."""

import json

import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink import Calibration, calibrate_fixed, landmarks_ft
from jarvis_dagster.hockey.rink.marks import read_marks
from jarvis_dagster.hockey.synthetic.camera import Camera

LENS = Camera(np.array([100.0, -46.0, 60.0]), np.array([100.0, 38.0, 0.0]), 760.0, (1280, 720))


def bent(pixels, bend, size=(1280, 720)):
    """Pixels as a lens with distortion shows them: the inverse of straightening."""
    middle = np.array(size) / 2
    shown = pixels.copy()
    for _ in range(50):
        radius = ((shown - middle) ** 2).sum(axis=1, keepdims=True) / (middle @ middle)
        shown = middle + (pixels - middle) * (1 + bend * radius)
    return shown


def marks(bend=0.0, noise=0.0, count=None):
    feet = np.array(list(landmarks_ft("NHL").values()))[:count]
    pixels = LENS.project(np.c_[feet, np.zeros(len(feet))])[0]
    rng = np.random.default_rng(4)
    return bent(pixels, bend) + rng.normal(0, noise, pixels.shape), feet


def test_a_lens_that_bends_lines_is_found_from_marks():
    pixels, feet = marks(bend=-0.12, noise=0.3)
    found = calibrate_fixed(pixels, feet, rink="NHL", image_size_px=(1280, 720))
    assert found.bend == pytest.approx(-0.12, abs=0.02)
    there = found.to_ice(0, pixels)
    assert there is not None
    assert np.median(np.linalg.norm(there - feet, axis=1)) < 0.4
    assert found.error_ft < 0.6


def test_a_straight_lens_stays_straight():
    pixels, feet = marks(noise=1.0)
    found = calibrate_fixed(pixels, feet, rink="NHL", image_size_px=(1280, 720))
    assert found.bend == 0.0


def test_few_marks_do_not_tell_of_a_lens():
    pixels, feet = marks(bend=-0.12, count=7)
    assert calibrate_fixed(pixels, feet, rink="NHL", image_size_px=(1280, 720)).bend == 0.0


def test_the_bend_and_the_errors_survive_the_file(tmp_path):
    pixels, feet = marks(bend=-0.12)
    found = calibrate_fixed(pixels, feet, rink="NHL", image_size_px=(1280, 720))
    found.save(tmp_path / "c.json")
    again = Calibration.load(tmp_path / "c.json")
    assert again.bend == found.bend
    assert np.allclose(again.to_ice(0, pixels), found.to_ice(0, pixels))

    moving = Calibration(
        "NHL",
        (1280, 720),
        key_frames={0: LENS.image_to_ice, 9: LENS.image_to_ice},
        error_px={0: 2.0, 9: 5.0},
    )
    moving.save(tmp_path / "m.json")
    again = Calibration.load(tmp_path / "m.json")
    near, far = LENS.project([(100.0, 5.0, 0.0), (100.0, 80.0, 0.0)])[0]
    assert again.error_px == {0: 2.0, 9: 5.0}
    assert again.error_ft_at(0, near) < again.error_ft_at(0, far)
    # Between two key frames the worse of them counts.
    assert again.error_ft_at(4, near) == pytest.approx(2.5 * again.error_ft_at(0, near), rel=1e-6)


def test_marks_are_read_by_place_and_by_name(tmp_path):
    file = tmp_path / "marks.json"
    entries = [{"px": [1, 2], "ft": [100, 42.5]}, {"px": [3, 4], "name": "end dot left near"}]
    file.write_text(json.dumps(entries), "utf-8")
    assert read_marks(file, "NHL") == ([[1, 2], [3, 4]], [[100, 42.5], [31.0, 20.5]])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "JSON"),
        ("{}", "list"),
        ('[{"ft": [1, 2]}]', "mark 1 has no px"),
        ('[{"px": [1, 2], "name": "the moon"}]', "mark 1 has neither"),
    ],
)
def test_a_file_that_holds_no_marks_says_so(tmp_path, content, said):
    file = tmp_path / "marks.json"
    file.write_text(content, "utf-8")
    with pytest.raises(BadInputError, match=said):
        read_marks(file, "NHL")
