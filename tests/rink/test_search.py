"""Finding cameras from marks, where the truth is known."""

import numpy as np
import pytest

from jarvis_dagster.hockey.rink import RINKS
from jarvis_dagster.hockey.rink.camera import ice_to_image
from jarvis_dagster.hockey.rink.evidence import points_of
from jarvis_dagster.hockey.rink.markings import KINDS, miss_ft, outlines_ft
from jarvis_dagster.hockey.rink.search import find_camera
from jarvis_dagster.hockey.synthetic.camera import Camera
from tests.rink import views


def test_a_pose_projects_as_the_camera_of_the_synthetic_game():
    lens = Camera(np.array([90.0, -60.0, 40.0]), np.array([60.0, 30.0, 0.0]), 1100.0, (1280, 720))
    distance = float(np.linalg.norm(lens.aim_ft - lens.position_ft))
    pose = views.looking_at(60.0, 30.0, 1280 * distance / 1100, stand=(90.0, -60.0, 40.0))
    places = np.array([(50.0, 20.0, 1.0), (100.0, 42.5, 1.0), (11.0, 60.0, 1.0)])
    mapped = places @ ice_to_image(pose, (1280, 720)).T
    expected = places @ lens.ice_to_image.T
    assert np.allclose(mapped[:, :2] / mapped[:, 2:], expected[:, :2] / expected[:, 2:], atol=1e-6)


@pytest.mark.parametrize("rink", list(RINKS))
@pytest.mark.parametrize("kind", KINDS[:-1])
def test_what_is_painted_is_no_distance_from_its_own_kind(rink, kind):
    places = np.concatenate(outlines_ft(RINKS[rink])[kind])
    away, _ = miss_ft(RINKS[rink], kind, places)
    if kind == "crease":  # closed by the goal line, which is a kind of its own
        away = away[1:-1]
    assert np.abs(away).max() < 0.06


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_distances_grow_in_the_direction_they_name(kind):
    rng = np.random.default_rng(3)
    places = rng.uniform((2, 2), (198, 83), (200, 2))
    away, direction = miss_ft(RINKS["NHL"], kind, places)
    further, _ = miss_ft(RINKS["NHL"], kind, places + 1e-4 * direction)
    grown = (further - away) / 1e-4
    # At the few places that change their nearest mark nothing is promised.
    assert np.mean(np.abs(grown - 1) < 0.05) > 0.97


@pytest.mark.parametrize(
    ("aim", "field", "stand", "rink"),
    [
        ((100, 35), 110.0, (100.0, -60.0, 40.0), "NHL"),
        ((45, 40), 80.0, (97.0, -85.0, 42.0), "NHL"),
        ((165, 35), 70.0, (104.0, -35.0, 27.0), "NHL"),
        ((150, 45), 95.0, (99.0, -50.0, 45.0), "IIHF"),
    ],
)
def test_a_camera_is_found_to_a_foot(aim, field, stand, rink):
    pose = views.looking_at(*aim, field, stand=stand, roll=0.01)
    fit = find_camera(views.seen_by(pose, rink, noise=0.04), RINKS[rink])
    assert fit is not None
    assert fit.reason == ""
    miss = views.miss_ft(fit.pose, pose, rink)
    assert np.median(miss) < 1.0
    # The error that is claimed is not below what it is by more than chance.
    assert np.median(miss) < 4 * fit.error_ft + 0.1


def test_a_camera_that_stood_there_before_is_found_again():
    pose = views.looking_at(60, 40, 75.0)
    known = views.looking_at(150, 30, 110.0)
    fit = find_camera(views.seen_by(pose), RINKS["NHL"], known=known)
    assert fit is not None
    assert fit.valid
    assert np.median(views.miss_ft(fit.pose, pose)) < 0.5


def test_nothing_is_claimed_of_a_picture_without_a_rink():
    empty = np.zeros((len(KINDS), 72, 128), np.float32)
    assert find_camera(points_of(empty, views.SIZE, 4.0), RINKS["NHL"]) is None


def test_noise_is_not_taken_for_a_rink():
    rng = np.random.default_rng(8)
    heat = np.zeros((len(KINDS), 72, 128), np.float32)
    heat[-1, 20:] = 1.0
    for layer in heat[:-1]:
        for row, column in rng.integers((22, 2), (70, 126), (30, 2)):
            layer[row, max(0, column - 3) : column + 3] = 0.9
    fit = find_camera(points_of(heat, views.SIZE, 4.0), RINKS["NHL"])
    assert fit is None or not fit.valid


def test_one_line_alone_does_not_tell_where_the_camera_looks():
    pose = views.looking_at(75, 40, 40.0)
    evidence = views.seen_by(pose)
    heat = evidence.heat.copy()
    heat[[i for i, kind in enumerate(KINDS) if kind not in ("blue_line", "ice")]] = 0
    fit = find_camera(points_of(heat, views.SIZE, 4.0), RINKS["NHL"])
    assert fit is None or not fit.valid


def test_a_view_from_behind_a_goal_is_not_claimed():
    pose = views.looking_at(60, 42.5, 80.0, stand=(-40.0, 42.5, 35.0))
    fit = find_camera(views.seen_by(pose), RINKS["NHL"])
    assert fit is None or not fit.valid
