"""Logos that only the camera moves, and people who stand still."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.tracking import track
from jarvis_dagster.hockey.tracking.camera import CameraPath, resting_places
from tests.tracking.skaters import FPS, HEIGHT, WIDTH, detections, path, scan

PAN = 6.0
SKATERS = [path(range(90), (300 + 150 * i, 500), (PAN + 2, 0), ident=i) for i in range(4)]


def tracked(speed, *, score, pan=PAN, fps=FPS):
    """Tracks at the top of the picture, where one thing moves at ``speed`` (px a frame)."""
    thing = detections(path(range(90), (200, 100), speed, size=(40, 60), ident=9), jitter=0.02)
    found = pd.concat([detections(pd.concat(SKATERS)), thing.assign(score=np.float32(score))])
    tracks = track(
        found, width_px=WIDTH, height_px=HEIGHT, fps=fps, scan=scan(90, dx=pan), frame_count=90
    )
    assert (tracks["y1_px"] > 300).any()
    return tracks[tracks["y1_px"] < 200]


def test_a_doubtful_thing_that_only_the_camera_moves_is_no_person():
    assert tracked((PAN, 0), score=0.55).empty


def test_a_person_who_stands_still_is_one():
    assert tracked((PAN, 0), score=0.8)["track_id"].nunique() == 1


def test_a_doubtful_person_who_skates_is_one():
    assert tracked((PAN - 3, 0.4), score=0.55)["track_id"].nunique() == 1


def test_a_resting_camera_proves_nothing():
    assert tracked((0.0, 0.0), score=0.55, pan=0.0)["track_id"].nunique() == 1


def moving_camera(count, seed=0):
    random = np.random.default_rng(seed)
    motion = scan(count).astype({"dx_px": float, "dy_px": float, "scale": float})
    motion["dx_px"] = random.normal(5, 3, count)
    motion["dy_px"] = random.normal(0, 3, count)
    motion["scale"] = random.normal(1.01, 0.01, count)
    motion["angle_rad"] = random.normal(0, 0.01, count)
    return motion


def test_pan_zoom_and_roll_are_undone():
    motion = moving_camera(60)
    point, seen, zoom, zooms = np.array([100.0, 50.0]), [], 1.0, []
    for row in motion.iloc[20:].itertuples():
        if row.Index > 20:
            cos, sin = np.cos(row.angle_rad), np.sin(row.angle_rad)
            point = row.scale * np.array([[cos, -sin], [sin, cos]]) @ point
            point = np.add(point, [row.dx_px, row.dy_px])
            zoom *= row.scale
        seen.append(point)
        zooms.append(zoom)
    at = np.array([0, 3, 4, 20, 39])
    place, scale = resting_places(motion, 20 + at, np.array(seen)[at])
    assert place == pytest.approx(np.tile([100.0, 50.0], (5, 1)), abs=1e-6)
    assert scale == pytest.approx(np.array(zooms)[at])


def test_nothing_is_said_where_the_camera_is_not_known():
    motion = moving_camera(30)
    motion.loc[12, "motion_ok"] = False
    frames, points = np.array([10, 15]), np.zeros((2, 2))
    assert resting_places(motion, frames, points) is None
    assert resting_places(motion, frames + 5, points) is not None
    assert resting_places(motion, frames + 20, points) is None  # beyond the scan


def test_the_camera_goes_on_as_it_was():
    camera = CameraPath(np.array([10, 12, 20]), np.array([[0.0, 0], [4, -2], [4, 6]]))
    expected = [[-4, 2], [0, 0], [2, -1], [4, 2], [4, 8]]
    assert camera.at(np.array([8, 10, 11, 16, 22])) == pytest.approx(np.array(expected))
    alone = CameraPath(np.array([5]), np.array([[3.0, 1.0]]))
    assert alone.at(np.array([0, 9])) == pytest.approx(np.array([[3, 1], [3, 1]]))


@pytest.mark.parametrize(
    ("height", "score", "stays"), [(240, 0.6, 0), (240, 0.8, 1), (120, 0.6, 1)]
)
def test_a_doubtful_giant_is_no_person(height: int, score: float, stays: int) -> None:
    """The crest under the ice, beside somebody near the camera and a doubtful person."""
    crest = detections(path(range(40), (900, 600), (3, 1), size=(height, height), ident=9))
    found = pd.concat([detections(pd.concat(SKATERS)), crest.assign(score=np.float32(score))])
    tracks = track(found, width_px=WIDTH, height_px=HEIGHT, fps=FPS)
    assert tracks["track_id"].nunique() == 4 + stays


@pytest.mark.parametrize(
    ("height", "feet", "score", "people"),
    [
        (30, 480, 0.8, 4),  # a skate beside those who skate
        (30, 480, 0.9, 5),  # the detector is sure
        (60, 480, 0.8, 5),  # somebody kneels
        ((90, 34), 480, 0.8, 5),  # somebody lies
        (30, 200, 0.8, 5),  # far away everybody is small
    ],
)
def test_a_part_of_a_body_is_no_person(height, feet, score, people):
    size = height if isinstance(height, tuple) else (25, height)
    skate = detections(
        path(range(20, 80), (250, feet), (PAN + 2, 0), size=size, ident=9), jitter=0.02
    )
    found = pd.concat([detections(pd.concat(SKATERS)), skate.assign(score=np.float32(score))])
    tracks = track(
        found, width_px=WIDTH, height_px=HEIGHT, fps=FPS, scan=scan(90, dx=PAN), frame_count=90
    )
    assert tracks["track_id"].nunique() == people
