"""Frames and the truth that comes with each."""

import hashlib
from itertools import islice

import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink import RINKS, apply_homography
from jarvis_dagster.hockey.synthetic import GameSpec, iter_frames

SMALL = {"width_px": 640, "height_px": 360}


def digest(spec, count):
    frames = islice(iter_frames(spec), count)
    return [hashlib.sha256(image.tobytes()).hexdigest() for image, _ in frames]


@pytest.fixture(scope="module")
def sampled():
    """4 s of each camera at a low frame rate, with the truth."""
    found = {}
    for camera in ("broadcast", "fixed"):
        spec = GameSpec(seed=7, duration_s=4, fps=6, camera=camera, cuts=1, **SMALL)
        found[camera] = list(iter_frames(spec))
    return found


def test_the_same_seed_gives_the_same_bytes():
    spec = GameSpec(seed=9, duration_s=2, **SMALL)
    assert digest(spec, 8) == digest(spec, 8)
    assert digest(GameSpec(seed=10, duration_s=2, **SMALL), 1) != digest(spec, 1)


def test_the_number_of_frames_is_as_asked():
    spec = GameSpec(duration_s=0.5, fps=24, width_px=320, height_px=180)
    truths = [truth for _, truth in iter_frames(spec)]
    assert [truth.frame for truth in truths] == list(range(12))
    assert truths[-1].pts_s == pytest.approx(11 / 24)


@pytest.mark.parametrize("camera", ["broadcast", "fixed"])
def test_feet_and_rink_positions_agree_by_the_homography(sampled, camera):
    for _, truth in sampled[camera]:
        feet = np.array([seen.foot_px for seen in truth.people])
        places = np.array([seen.xy_ft for seen in truth.people])
        assert np.allclose(apply_homography(truth.homography, feet), places, atol=1e-6)


@pytest.mark.parametrize("camera", ["broadcast", "fixed"])
def test_boxes_stand_on_the_feet(sampled, camera):
    misses = []
    for _, truth in sampled[camera]:
        for seen in truth.people:
            x1, y1, x2, y2 = seen.box
            if y2 > SMALL["height_px"] - 2 or x1 <= 0 or x2 >= SMALL["width_px"]:
                continue
            height = y2 - y1
            off = (seen.foot_px[0] - (x1 + x2) / 2, seen.foot_px[1] - y2)
            misses.append(np.hypot(*off) / height)
    assert len(misses) > 100
    assert np.median(misses) < 0.12
    assert np.max(misses) < 0.45


@pytest.mark.parametrize("camera", ["broadcast", "fixed"])
def test_boxes_are_in_the_picture_and_of_human_shape(sampled, camera):
    for image, truth in sampled[camera]:
        assert image.shape == (360, 640, 3)
        assert image.dtype == np.uint8
        for seen in truth.people:
            x1, y1, x2, y2 = seen.box
            assert 0 <= x1 < x2 <= 640
            assert 0 <= y1 < y2 <= 360
            assert 0 < seen.visibility <= 1
            whole = x1 > 0 and x2 < 640 and y1 > 0 and y2 < 360
            if whole and seen.person.role != "goalkeeper":
                assert 0.9 < (y2 - y1) / (x2 - x1) < 4


def test_hidden_people_are_marked_as_less_visible():
    spec = GameSpec(seed=7, duration_s=6, fps=2, noise=0, **SMALL)
    shares = []
    for _, truth in iter_frames(spec):
        boxes = [np.array(seen.box) for seen in truth.people]
        for i, seen in enumerate(truth.people):
            others = [overlap(boxes[i], box) for k, box in enumerate(boxes) if k != i]
            alone = max(others) == 0 and inside(seen.box)
            shares.append((alone, seen.visibility))
    alone = [share for free, share in shares if free]
    crowded = [share for free, share in shares if not free]
    assert np.median(alone) > 0.97
    assert min(crowded) < 0.8


def overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def inside(box):
    return box[0] > 0 and box[1] > 0 and box[2] < 640 and box[3] < 320


def test_roles_and_teams_are_complete(sampled):
    seen = {s.person for _, truth in sampled["fixed"] for s in truth.people}
    roles = {(person.role, person.team) for person in seen}
    assert {("player", "A"), ("player", "B"), ("referee", "")} <= roles
    assert ("goalkeeper", "A") in roles or ("goalkeeper", "B") in roles


def test_the_picture_shows_what_the_truth_says(sampled):
    """Pixels inside a body differ from the ice around it; blue lines are blue."""
    image, truth = sampled["broadcast"][0]
    rink = RINKS["NHL"]
    to_image = np.linalg.inv(truth.homography)
    line = apply_homography(to_image, [(rink.blue_line_ft, y) for y in (35.0, 50.0)])
    for x, y in line:
        blue, _, red = image[int(y), int(x)].astype(int)
        assert blue > red + 30
    for seen in truth.people:
        if seen.visibility < 0.95 or seen.person.team != "A":
            continue
        x1, y1, x2, y2 = (int(v) for v in seen.box)
        body = image[y1 + (y2 - y1) // 4 : y2 - (y2 - y1) // 4, x1 + 3 : x2 - 3]
        assert body.mean() < 170


def test_a_fixed_camera_never_moves(sampled):
    main = [truth.homography for _, truth in sampled["fixed"] if truth.shot_kind == "main"]
    assert np.ptp(np.array(main), axis=0).max() == 0


def test_a_broadcast_camera_pans_smoothly():
    spec = GameSpec(seed=7, duration_s=5, fps=15, width_px=320, height_px=180, noise=0)
    middle = [apply_homography(truth.homography, (160.0, 120.0)) for _, truth in iter_frames(spec)]
    step = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    assert step.sum() > 5
    assert np.abs(np.diff(step)).max() < 0.6


def test_cuts_change_the_picture_and_are_marked():
    spec = GameSpec(seed=7, duration_s=5, fps=15, cuts=1, noise=0, width_px=320, height_px=180)
    before = None
    jumps, marked = [], []
    for image, truth in iter_frames(spec):
        if before is not None:
            jumps.append(np.abs(image.astype(int) - before).mean())
            marked.append(truth.is_cut)
        before = image.astype(int)
    jumps, marked = np.array(jumps), np.array(marked)
    assert marked.sum() == 2
    assert jumps[marked].min() > 1.3 * jumps[~marked].max()


def test_noise_can_be_chosen():
    quiet = next(iter_frames(GameSpec(noise=0, **SMALL)))[0].astype(int)
    noisy = next(iter_frames(GameSpec(noise=4, **SMALL)))[0].astype(int)
    assert 3 < np.std(noisy - quiet) < 6


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration_s": 0},
        {"width_px": 641},
        {"height_px": 10},
        {"fps": 0},
        {"camera": "drone"},
        {"rink": "KHL"},
        {"cuts": 50},
        {"noise": -1},
        {"seed": -1},
    ],
)
def test_impossible_games_are_refused(wrong):
    with pytest.raises(BadInputError):
        GameSpec(**wrong)
