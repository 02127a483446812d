"""How large a picture is shown to the network, and what close-ups gain by it."""

import cv2
import numpy as np
import pytest

from jarvis_dagster.hockey.detection import Detections, load_detector
from jarvis_dagster.hockey.detection.evaluation import match
from jarvis_dagster.hockey.detection.icemask import IceMask
from jarvis_dagster.hockey.detection.input_size import Distance, network_size, rows_above
from jarvis_dagster.hockey.synthetic import GameSpec, iter_frames


@pytest.mark.parametrize(
    ("picture", "expected"),
    [((1920, 1080), (640, 384)), ((640, 480), (640, 480)), ((4000, 500), (640, 160))],
)
def test_the_network_sees_the_shape_of_the_picture(
    picture: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert network_size(*picture, 640) == expected


def test_a_tall_picture_costs_no_more_than_a_square_one() -> None:
    width, height = network_size(1080, 1920, 640)
    assert width * height <= 640 * 512


def people(*heights: float, score: float = 0.6) -> Detections:
    count = len(heights)
    boxes = np.array([[100, 50, 160, 50 + height] for height in heights], np.float32)
    share = np.tile(np.float32([1, 0, 0]), (count, 1))
    return Detections(
        boxes.reshape(-1, 4), np.full(count, score, np.float32), np.zeros(count, np.int64), share
    )


def far_width(found: Detections, width_px: int = 768) -> int | None:
    return Distance().far_width(found, 1280, 720, width_px)


def test_wide_pictures_get_no_second_look() -> None:
    assert far_width(people(90, 100, 110)) is None
    assert far_width(people()) is None
    # One player near the camera is no close-up.
    assert far_width(people(60, 60, 60, 60, 300)) is None


def test_the_larger_people_are_the_farther_away_they_are_looked_at_from() -> None:
    widths = [far_width(people(height, height)) for height in (200, 300, 400, 700)]
    assert widths == [448, 320, 256, 256]


def test_boxes_nobody_believes_make_no_close_up() -> None:
    assert far_width(people(400, 400, score=0.1)) is None


def test_a_look_that_is_as_small_as_can_be_is_not_repeated() -> None:
    assert far_width(people(700, 700), 256) is None


def test_the_pictures_of_a_video_are_looked_at_from_one_distance() -> None:
    video = Distance()
    widths = [video.far_width(people(h, h), 1280, 720, 768) for h in (170, 200, 170, 195, 170)]
    assert widths == [None] * 5
    assert far_width(people(200, 200)) is not None


def test_another_shot_is_looked_at_from_its_own_distance_at_once() -> None:
    video = Distance()
    widths = [video.far_width(people(h, h), 1280, 720, 768) for h in (100, 100, 400, 400, 100)]
    assert widths == [None, None, 256, 256, None]


def test_close_ups_show_whole_people_once() -> None:
    detector = load_detector(threads=1)
    spec = GameSpec(seed=11, duration_s=2, fps=2, width_px=1280, height_px=720)
    zoom, seen, boxes, hits = 5, 0, 0, 0
    for image, truth in iter_frames(spec):
        for person in truth.people[::4]:
            x, y = (int(v) for v in np.add(person.box[:2], person.box[2:]) / 2)
            left, top = np.clip([x - 128, y - 72], 0, [1280 - 256, 720 - 144])
            view = cv2.resize(image[top : top + 144, left : left + 256], (1280, 720))
            shift = np.float32([left, top] * 2)
            inside = np.float32([p.box for p in truth.people if p.visibility > 0.5]) - shift
            inside = zoom * inside[((inside >= 0) & (inside <= [256, 144] * 2)).all(1)]
            found = detector.detect([view])[0]
            seen, boxes = seen + len(inside), boxes + len(found)
            hits += len(match(inside, found.xyxy, found.score)) if len(inside) else 0
    assert seen > 10
    assert hits >= 0.9 * seen
    assert boxes <= 1.35 * seen


def ice(top: float) -> IceMask:
    """Ice over the whole width, from a share of the height down."""
    mask = np.zeros((108, 192), np.float32)
    mask[round(top * 108) :] = 1
    return IceMask(mask, float(mask.mean()))


@pytest.mark.parametrize("size", [(960, 540), (960, 544), (640, 360), (1280, 720), (960, 720)])
def test_what_is_left_of_a_picture_fills_the_network_and_leaves_room_above_the_ice(
    size: tuple[int, int],
) -> None:
    width, height = size
    whole = network_size(width, height, 768)
    cuts = [rows_above(ice(top), width, height, 768) for top in np.linspace(0, 0.9, 46)]
    assert cuts == sorted(cuts)
    assert 2 <= len(set(cuts)) <= 4
    for top, cut in zip(np.linspace(0, 0.9, 46), cuts, strict=True):
        assert cut <= max(0, (top - 0.19) * height)
        across, down = network_size(width, height - cut, 768)
        assert across == whole[0]
        if cut:
            assert down < whole[1]
            assert 0 <= down - (height - cut) * across / width < 2


def test_without_ice_all_of_a_picture_is_shown() -> None:
    assert rows_above(IceMask(np.zeros((108, 192), np.float32), 0.0), 960, 540, 768) == 0


def test_people_are_where_they_are_whatever_was_left_out_above() -> None:
    found = people(90, 100)
    np.testing.assert_array_equal(found.lower(20).xyxy - found.xyxy, [[0, 20, 0, 20]] * 2)
    assert found.lower(0) is found
