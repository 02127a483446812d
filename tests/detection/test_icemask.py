"""The ice mask on drawn scenes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from jarvis_dagster.hockey.detection import Detections, find_ice, ice_trust


def _scene(ice_level: int = 225) -> NDArray[np.uint8]:
    """A crowd of coloured noise above, boards, ice below; 1280x720."""
    rng = np.random.default_rng(3)
    blocks = rng.integers(0, 120, (30, 128, 3), np.uint8)
    image = np.full((720, 1280, 3), ice_level, np.uint8)
    image[:300] = np.kron(blocks, np.ones((10, 10, 1), np.uint8))
    image[300:316] = (40, 200, 230)
    image[500:504] = (60, 60, 200)
    return image


SKATER = [600.0, 380.0, 660.0, 500.0]
SPECTATOR = [600.0, 60.0, 660.0, 200.0]


def _worth(image: NDArray[np.uint8], *boxes: list[float]) -> list[float]:
    height, width = image.shape[:2]
    return [float(v) for v in ice_trust(find_ice(image), np.float32(boxes), width, height)]


def test_the_crowd_is_not_on_the_ice() -> None:
    assert _worth(_scene(), SKATER, SPECTATOR) == pytest.approx([1, 0.4])


def test_grey_ice_of_a_dim_rink_is_ice() -> None:
    assert _worth(_scene(ice_level=150), SKATER, SPECTATOR) == pytest.approx([1, 0.4])


def test_people_drawn_on_the_ice_do_not_cut_it() -> None:
    image = _scene()
    image[380:500, 600:660] = (30, 30, 30)
    assert _worth(image, SKATER) == [1]


def test_who_is_cut_off_below_is_doubted() -> None:
    (worth,) = _worth(_scene(), [600.0, 560.0, 680.0, 720.0])
    assert 0.4 < worth < 0.9


def test_without_ice_everybody_is_believed() -> None:
    image = _scene()
    image[300:] = np.tile(image[:210], (2, 1, 1))
    assert not find_ice(image).found
    assert _worth(image, SKATER, SPECTATOR) == [1, 1]


def test_nobody_is_nobody() -> None:
    assert ice_trust(find_ice(_scene()), np.zeros((0, 4), np.float32), 9, 9).shape == (0,)


def test_doubts_change_the_order_and_drop_the_least() -> None:
    found = Detections(
        np.float32([SKATER, SPECTATOR, SKATER]),
        np.float32([0.9, 0.8, 0.5]),
        np.array([0, 1, 2]),
        np.eye(3, dtype=np.float32),
    )
    kept = found.weighted(np.float32([0.4, 1, 0.5]), 0.3)
    assert kept.class_index.tolist() == [1, 0]
    assert kept.score.tolist() == pytest.approx([0.8, 0.36])
