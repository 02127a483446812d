"""Kit features: what they measure and what they tolerate."""

import numpy as np
import pytest

from jarvis_dagster.hockey.roles import KIT_COLUMNS, kit_features
from tests.roles.scene import NAVY, RED, WHITE, person


def ice():
    return np.full((300, 400, 3), (236, 232, 228), np.uint8)


def measured(image, box):
    return dict(zip(KIT_COLUMNS, kit_features(image, np.array([box], np.float32))[0], strict=True))


def test_one_row_a_box_and_the_columns_named():
    features = kit_features(ice(), np.array([[10, 10, 50, 90], [100, 20, 140, 99]], np.float32))
    assert features.shape == (2, len(KIT_COLUMNS))
    assert features.dtype == np.float32
    assert len(set(KIT_COLUMNS)) == len(KIT_COLUMNS)


def test_no_boxes_no_rows():
    assert kit_features(ice(), np.zeros((0, 4), np.float32)).shape == (0, len(KIT_COLUMNS))


def test_a_red_jersey_is_red_and_a_dark_one_dark():
    image = ice()
    red = measured(image, person(image, 100, 200, RED))
    navy = measured(image, person(image, 250, 200, NAVY))
    assert red["torso_a"] > 25
    assert navy["torso_l"] < 40
    assert navy["torso_b"] < -5


def test_a_white_jersey_on_white_ice_stays_light():
    image = ice()
    white = measured(image, person(image, 100, 200, WHITE))
    assert white["torso_l"] > 75
    assert white["on_ice"] > 0.9


def test_the_colour_of_the_ice_is_not_that_of_a_line():
    image = ice()
    image[:, ::7] = (235, 200, 205)
    image[::3, 1::7] = (200, 235, 230)
    plain, lined = (measured(some, (100, 100, 140, 200)) for some in (ice(), image))
    for channel in ("ice_l", "ice_a", "ice_b"):
        assert lined[channel] == pytest.approx(plain[channel], abs=1)


def test_vertical_stripes_show():
    image = ice()
    plain = measured(image, person(image, 100, 200, WHITE))
    striped = measured(image, person(image, 250, 200, WHITE, striped=True))
    assert striped["torso_stripes"] > plain["torso_stripes"] + 3


@pytest.mark.parametrize(
    "box",
    [
        [50, 50, 50, 90],
        [500, 500, 600, 700],
        [60, 90, 20, 10],
        [np.nan, 0, 10, 10],
        [-50, -90, -5, -1],
    ],
)
def test_a_box_without_pixels_is_not_a_number_and_spoils_no_other(box):
    image = ice()
    good = person(image, 100, 200, RED)
    features = kit_features(image, np.array([box, good], np.float32))
    assert np.isnan(features[0]).all()
    assert np.isfinite(features[1]).all()


def test_a_box_that_leaves_the_frame_is_measured_on_what_is_seen():
    image = ice()
    features = kit_features(image, np.array([[-30, -30, 60, 400]], np.float32))
    assert np.isfinite(features).all()


def test_the_image_is_left_alone():
    image = ice()
    before = image.copy()
    kit_features(image, np.array([[10, 10, 50, 90]], np.float32))
    assert (image == before).all()
