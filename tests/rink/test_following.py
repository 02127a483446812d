"""A camera followed through a video, where the truth is known."""

import numpy as np

from jarvis_dagster.hockey.rink import RINKS
from jarvis_dagster.hockey.rink.evidence import points_of
from jarvis_dagster.hockey.rink.following import KeyFrame, follow, key_frame_numbers
from jarvis_dagster.hockey.rink.markings import KINDS
from jarvis_dagster.hockey.rink.motion import Motion, carried
from jarvis_dagster.hockey.rink.moving import moving_calibration
from tests.rink import views

NHL = RINKS["NHL"]
FPS = 10.0


def pan(frames, start=60.0, stop=130.0):
    """A pan that speeds up and slows down, one pose a frame."""
    share = (1 - np.cos(np.linspace(0, np.pi, frames))) / 2
    return [views.looking_at(start + (stop - start) * s, 38.0, 95.0 - 15 * s) for s in share]


def followed(poses, scan, every=5, blind=()):
    numbers = key_frame_numbers(scan, every)
    blank = points_of(np.zeros((len(KINDS), 72, 128), np.float32), views.SIZE, 4.0)
    shots = [
        [KeyFrame(n, blank if n in blind else views.seen_by(poses[n])) for n in shot]
        for shot in numbers
    ]
    follow(shots, scan, NHL)
    return shots


def test_key_frames_are_the_ends_of_each_shot_and_some_between():
    scan = views.scan_of(pan(20), cuts=(8,))
    assert key_frame_numbers(scan, 5) == [[0, 5, 7], [8, 10, 15, 19]]


def test_a_pan_is_followed_and_its_frames_between_are_right():
    poses = pan(31)
    scan = views.scan_of(poses)
    shots = followed(poses, scan)
    calibration = moving_calibration(shots, scan, NHL, FPS)
    assert calibration is not None
    assert calibration.valid_frames == ((0, 30),)
    xy = np.array([(130.0, 200.0), (256.0, 180.0), (380.0, 240.0)])
    for frame in range(31):
        there = calibration.to_ice(frame, xy)
        assert there is not None
        true = views.on_the_ice(views.inverse(poses[frame], views.SIZE), xy)[0]
        miss = np.linalg.norm(there - true, axis=1)
        assert miss.max() < 1.0
        assert (calibration.error_ft_at(frame, xy) < 5.0).all()


def test_some_cameras_between_are_the_same_as_among_all():
    poses = pan(11)
    scan = views.scan_of(poses)
    before, *_, after = followed(poses, scan)[0]
    every, some = (dict(carried(before, after, Motion(scan), step)) for step in (1, 3))
    assert (list(every), list(some)) == (list(range(1, 10)), [3, 6, 9])
    assert all((some[frame] == every[frame]).all() for frame in some)


def test_nothing_is_carried_across_a_cut():
    poses = [*pan(11), *(views.looking_at(150, 40, 80.0) for _ in range(10))]
    scan = views.scan_of(poses, cuts=(11,))
    calibration = moving_calibration(followed(poses, scan), scan, NHL, FPS)
    assert calibration is not None
    assert calibration.valid_frames == ((0, 10), (11, 20))
    assert calibration.homography_at(10) is not None


def test_a_camera_is_carried_to_the_ends_of_its_shot():
    poses = pan(31)
    scan = views.scan_of(poses)
    shots = [[key for key in followed(poses, scan)[0] if 0 < key.frame < 30]]
    closer = moving_calibration(shots, scan, NHL, FPS)
    assert closer is not None
    assert closer.valid_frames == ((1, 29),)  # 4 frames of 10 a second are as far as it goes
    looser = moving_calibration(shots, scan, NHL, 40.0)
    assert looser is not None
    assert looser.valid_frames == ((0, 30),)
    xy = np.array([(130.0, 200.0), (256.0, 180.0), (380.0, 240.0)])
    for frame in (0, 2, 28, 30):
        there = looser.to_ice(frame, xy)
        assert there is not None
        true = views.on_the_ice(views.inverse(poses[frame], views.SIZE), xy)[0]
        assert np.linalg.norm(there - true, axis=1).max() < 1.5


def test_where_nothing_is_seen_nothing_is_valid():
    poses = pan(31)
    scan = views.scan_of(poses)
    shots = followed(poses, scan, blind=(10, 15))
    assert {key.frame for key in shots[0] if key.fit is None} == {10, 15}
    calibration = moving_calibration(shots, scan, NHL, FPS)
    assert calibration is not None
    assert calibration.homography_at(12) is None
    assert calibration.homography_at(3) is not None
    assert calibration.homography_at(28) is not None


def test_a_camera_that_jumps_against_the_motion_is_given_up():
    poses = pan(31)
    scan = views.scan_of(poses)
    numbers = key_frame_numbers(scan, 5)
    shots = [[KeyFrame(n, views.seen_by(poses[n])) for n in shot] for shot in numbers]
    # One frame shows what cannot be there: the other end of the rink.
    shots[0][3] = KeyFrame(15, views.seen_by(views.looking_at(160, 40, 80.0)))
    follow(shots, scan, NHL)
    wrong = shots[0][3].fit
    assert wrong is None or "contradicts" in wrong.reason
