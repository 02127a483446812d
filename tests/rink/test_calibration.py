"""Calibration files, homographies in between, and clicked marks, against a true camera."""

import json

import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink import Calibration, apply_homography, calibrate_fixed
from jarvis_dagster.hockey.synthetic.camera import Camera

SIZE = (1280, 720)
MARKS = np.array([(75, 10), (125, 10), (75, 75), (125, 75), (100, 42.5), (80, 20.5), (120, 64.5)])


def camera(aim_x=100.0):
    place, aim = np.array([100.0, -70.0, 52.0]), np.array([aim_x, 42.0, 0.0])
    return Camera(place, aim, 1500.0, SIZE)


def image_of(points_ft, lens):
    return lens.project(np.column_stack([points_ft, np.zeros(len(points_ft))]))[0]


def fixed():
    return Calibration("NHL", SIZE, homography=camera().image_to_ice, error_ft=0.5)


def moving(**options):
    keys = {frame: camera(90 + frame).image_to_ice for frame in (0, 10, 20)}
    return Calibration("NHL", SIZE, key_frames=keys, **options)


def test_fixed_file_survives_a_round_trip(tmp_path):
    path = tmp_path / "calibration.json"
    fixed().save(path)
    loaded = Calibration.load(path)
    assert loaded.rink == "NHL"
    assert loaded.error_ft == 0.5
    found = apply_homography(loaded.homography_at(12345), image_of(MARKS, camera()))
    assert np.allclose(found, MARKS, atol=1e-6)


def test_moving_file_survives_a_round_trip(tmp_path):
    path = tmp_path / "calibration.json"
    moving(valid_frames=((0, 15),), max_gap_frames=12).save(path)
    loaded = Calibration.load(path)
    assert loaded.valid_frames == ((0, 15),)
    assert loaded.max_gap_frames == 12
    assert np.allclose(loaded.homography_at(10), moving().homography_at(10))


def test_between_key_frames_positions_are_close_to_the_truth():
    found = apply_homography(moving().homography_at(5), image_of(MARKS, camera(95)))
    assert np.linalg.norm(found - MARKS, axis=1).max() < 0.5


def test_a_negated_homography_means_the_same():
    flipped = Calibration("NHL", SIZE, homography=-camera().image_to_ice)
    assert np.allclose(flipped.homography_at(0), fixed().homography_at(0))


@pytest.mark.parametrize("frame", [-1, 21, 400])
def test_outside_the_key_frames_nothing_is_guessed(frame):
    assert moving().homography_at(frame) is None


def test_nothing_is_interpolated_over_a_gap_or_a_cut():
    assert moving(max_gap_frames=9).homography_at(5) is None
    cut = moving(valid_frames=((0, 4), (5, 20)))
    assert cut.homography_at(3) is None
    assert cut.homography_at(0) is not None
    assert cut.homography_at(15) is not None


def test_nothing_is_interpolated_over_a_jump_of_the_camera():
    keys = {0: camera(40).image_to_ice, 10: camera(160).image_to_ice}
    assert Calibration("NHL", SIZE, key_frames=keys).homography_at(5) is None


def test_points_beyond_the_horizon_have_no_position():
    assert np.isnan(apply_homography(fixed().homography_at(0), (640.0, -5000.0))).all()


GOOD = {"rink": "NHL", "image_size_px": [1280, 720], "homography": np.eye(3).tolist()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rink": "KHL"}, "'KHL'"),
        ({"rink": 7}, "rink must be a string"),
        ({"image_size_px": [1280]}, "image_size_px"),
        ({"image_size_px": [0, 720]}, "image_size_px"),
        ({"homography": [[1, 0], [0, 1]]}, "homography"),
        ({"homography": [[1, 0, 0], [0, 1, 0], [0, 0, "x"]]}, "homography"),
        ({"homography": [[1, 0, 0], [1, 0, 0], [0, 0, 1]]}, "cannot be inverted"),
        ({"homograpy": 1}, "'homograpy'"),
        ({"format": "other/2"}, "other/2"),
        ({"valid_frames": [[0]]}, "valid_frames"),
        ({"max_gap_frames": 0}, "max_gap_frames"),
        ({"error_ft": "small"}, "error_ft"),
        ({"key_frames": [{"frame": 0, "homography": np.eye(3).tolist()}]}, "either"),
    ],
)
def test_bad_files_are_named_with_the_key(tmp_path, change, message):
    path = tmp_path / "rink-3.json"
    path.write_text(json.dumps(GOOD | change))
    with pytest.raises(BadInputError) as caught:
        Calibration.load(path)
    assert "rink-3.json" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\x01"])
def test_files_that_are_no_json_object_are_named(tmp_path, text):
    path = tmp_path / "rink-3.json"
    path.write_text(text)
    with pytest.raises(BadInputError, match=r"rink-3\.json"):
        Calibration.load(path)


def test_repeated_and_negative_key_frames_are_refused(tmp_path):
    path = tmp_path / "keys.json"
    entry = {"frame": 3, "homography": np.eye(3).tolist()}
    content = {"rink": "NHL", "image_size_px": [10, 10], "key_frames": [entry, entry]}
    path.write_text(json.dumps(content))
    with pytest.raises(BadInputError, match="frame 3 occurs twice"):
        Calibration.load(path)
    content["key_frames"] = [entry | {"frame": -1}]
    path.write_text(json.dumps(content))
    with pytest.raises(BadInputError, match="-1"):
        Calibration.load(path)


def test_marks_give_the_true_camera_and_an_honest_error():
    rng = np.random.default_rng(3)
    pixels = image_of(MARKS, camera()) + rng.normal(0, 1.0, (len(MARKS), 2))
    found = calibrate_fixed(pixels, MARKS, rink="NHL", image_size_px=SIZE)
    places = np.array([(90, 30), (110, 60)])
    miss = apply_homography(found.homography_at(0), image_of(places, camera())) - places
    assert np.linalg.norm(miss, axis=1).max() < 0.5
    assert 0.02 < found.error_ft < 0.5


def test_one_wrong_mark_is_set_aside():
    pixels = image_of(MARKS, camera())
    pixels[2] += (140, 60)
    found = calibrate_fixed(pixels, MARKS, rink="NHL", image_size_px=SIZE)
    exact = image_of(MARKS[:2], camera())
    assert np.allclose(apply_homography(found.homography_at(0), exact), MARKS[:2], atol=0.05)


def test_four_marks_do_not_claim_to_be_perfect():
    found = calibrate_fixed(
        image_of(MARKS[:4], camera()), MARKS[:4], rink="NHL", image_size_px=SIZE
    )
    assert found.error_ft > 0.03


def test_marks_that_cannot_work_are_refused():
    pixels = image_of(MARKS, camera())
    with pytest.raises(BadInputError, match="at least four"):
        calibrate_fixed(pixels[:3], MARKS[:3], rink="NHL", image_size_px=SIZE)
    line = np.array([(10.0 * i, 10.0 * i) for i in range(6)])
    with pytest.raises(BadInputError):
        calibrate_fixed(line, line, rink="NHL", image_size_px=SIZE)
