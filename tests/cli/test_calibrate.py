"""``jarvis calibrate`` on rendered video."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from jarvis_dagster.cli import app
from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink import Calibration, apply_homography, landmarks_ft
from jarvis_dagster.hockey.synthetic import GameSpec, render_game
from jarvis_dagster.hockey.video import read_frames


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    """A game before a camera that never moves."""
    spec = GameSpec(seed=5, duration_s=1.6, width_px=640, height_px=360, fps=10, camera="fixed")
    return render_game(tmp_path_factory.mktemp("fixed"), spec)


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    spec = GameSpec(seed=8, duration_s=1.6, width_px=640, height_px=360, fps=10)
    return render_game(tmp_path_factory.mktemp("moving"), spec)


def run(*words):
    return CliRunner().invoke(app, ["calibrate", *map(str, words)], catch_exceptions=False)


def marks_of(game, folder, shift=0.0):
    held = Calibration.load(game.calibration)
    places = landmarks_ft("NHL")
    back = np.linalg.inv(held.homography)
    pixels = apply_homography(back, list(places.values()))
    entries = [
        {"px": [float(x) + shift, float(y)], "name": name}
        for name, (x, y) in zip(places, pixels, strict=True)
        if 0 <= x < 640 and 0 <= y < 360
    ]
    file = folder / "marks.json"
    file.write_text(json.dumps(entries), "utf-8")
    return file


def test_marks_make_a_calibration_and_a_picture(fixed, tmp_path):
    out = tmp_path / "north.calibration.json"
    marks = marks_of(fixed, tmp_path)
    done = run(fixed.video, "--marks", marks, "--rink", "NHL", "--out", out)
    assert done.exit_code == 0, done.output
    found, true = Calibration.load(out), Calibration.load(fixed.calibration)
    there = found.to_ice(0, [(300.0, 250.0)])
    assert np.allclose(there, true.to_ice(0, [(300.0, 250.0)]), atol=0.1)
    picture = cv2.imread(str(tmp_path / "north.calibration.png"))
    assert picture is not None
    assert "north.calibration.png" in done.output.replace("\n", "")


def test_a_camera_that_was_moved_is_told(fixed, tmp_path):
    held = Calibration.load(fixed.calibration)
    shift = np.array([[1, 0, 60.0], [0, 1, 25.0], [0, 0, 1.0]])
    wrong = tmp_path / "wrong.json"
    Calibration("NHL", (640, 360), homography=held.homography @ shift).save(wrong)
    done = run(fixed.video, "--check", wrong, "--out", tmp_path / "x.json", "--json")
    assert done.exit_code == 1
    facts = json.loads(done.stdout)
    assert facts["fits"] is False
    assert "moved" in facts["said"]
    right = run(fixed.video, "--check", fixed.calibration, "--out", tmp_path / "x.json", "--json")
    assert right.exit_code == 0
    assert json.loads(right.stdout)["fits"] is True


@pytest.mark.parametrize("kind", ["fixed", "moving"])
def test_the_rink_is_found_in_the_picture(kind, request, tmp_path):
    game = request.getfixturevalue(kind)
    done = run(game.video, "--rink", "NHL", "--out", tmp_path / "found.json", "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    found = Calibration.load(tmp_path / "found.json")
    truth = pd.read_parquet(game.homographies)
    pixels = np.array([(160.0, 220.0), (320.0, 200.0), (480.0, 240.0), (320.0, 300.0)])
    misses = []
    for row in truth.itertuples(index=False):
        there = found.to_ice(row.frame, pixels)
        if there is not None:
            true = apply_homography(np.array(row[1:10], float).reshape(3, 3), pixels)
            misses.append(np.linalg.norm(there - true, axis=1))
    assert len(misses) == pytest.approx(facts["valid_share"] * len(truth), abs=1)
    assert np.median(misses) < 3.0


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInputError, match="no video"):
        run(tmp_path / "none.mp4")


def test_marks_need_the_name_of_the_rink(fixed, tmp_path):
    with pytest.raises(BadInputError, match="which rink"):
        run(fixed.video, "--marks", marks_of(fixed, tmp_path), "--out", tmp_path / "c.json")


def test_errors_are_measured_at_marks_in_feet(fixed, tmp_path):
    entries = json.loads(marks_of(fixed, tmp_path, shift=0.0).read_text())
    frame = next(read_frames(fixed.video, start=5, stop=6)).image
    cv2.imwrite(str(tmp_path / "five.png"), frame)
    marks = tmp_path / "by_frame.json"

    def measured(of, *words):
        marks.write_text(json.dumps({of: entries}), "utf-8")
        words = ("evaluate", "calibration", "--marks", marks, "--json", *words)
        done = CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    video = ("--video", fixed.video)
    right = measured("5", *video, "--calibration", fixed.calibration)
    assert right["placed"] == right["marks"] == len(entries)
    assert right["error_ft_largest"] < 0.01
    held = Calibration.load(fixed.calibration)
    beside = np.array([[1, 0, 2.0], [0, 1, 0], [0, 0, 1.0]]) @ held.homography
    Calibration("NHL", (640, 360), homography=beside).save(tmp_path / "beside.json")
    off = measured("5", *video, "--calibration", tmp_path / "beside.json")
    assert off["error_ft_median"] == pytest.approx(2.0, abs=0.01)
    found = measured("five.png", "--images", tmp_path)
    assert found["calibrated"] == 1
    assert found["error_ft_median"] < 3.0
    with pytest.raises(BadInputError, match="'99' is no frame"):
        measured("99", *video, "--calibration", fixed.calibration)
    with pytest.raises(BadInputError, match=r"no picture six\.png"):
        measured("six.png", "--images", tmp_path)
    with pytest.raises(BadInputError, match="either --images or --video"):
        measured("5")


def test_a_picture_without_a_rink_has_no_errors_and_says_why(tmp_path):
    cv2.imwrite(str(tmp_path / "snow.png"), np.full((360, 640, 3), 230, np.uint8))
    marks = tmp_path / "marks.json"
    marks.write_text('{"snow.png": [{"px": [3, 4], "name": "centre dot"}]}', "utf-8")
    words = ("evaluate", "calibration", "--images", tmp_path, "--marks", marks)
    done = CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "snow.png: too few marks" in done.stdout


def test_a_folder_is_no_place_for_a_calibration(fixed, tmp_path):
    with pytest.raises(BadInputError, match="is a folder"):
        run(fixed.video, "--out", tmp_path)
