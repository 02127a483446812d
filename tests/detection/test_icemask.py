"""The ice mask on drawn scenes."""

import numpy as np
from numpy.typing import NDArray

from jarvis_dagster.hockey.detection import find_ice, on_ice


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


def _verdict(image: NDArray[np.uint8], score: float) -> list[bool]:
    boxes = np.float32([SKATER, SPECTATOR])
    height, width = image.shape[:2]
    kept = on_ice(find_ice(image), boxes, np.full(2, score, np.float32), width, height)
    return [bool(k) for k in kept]


def test_the_crowd_is_not_on_the_ice() -> None:
    assert _verdict(_scene(), 0.4) == [True, False]


def test_grey_ice_of_a_dim_rink_is_ice() -> None:
    assert _verdict(_scene(ice_level=150), 0.4) == [True, False]


def test_people_drawn_on_the_ice_do_not_cut_it() -> None:
    image = _scene()
    image[380:500, 600:660] = (30, 30, 30)
    assert _verdict(image, 0.4) == [True, False]


def test_a_sure_detection_outweighs_the_mask() -> None:
    assert _verdict(_scene(), 0.9) == [True, True]


def test_without_ice_everybody_is_believed() -> None:
    image = _scene()
    image[300:] = np.tile(image[:210], (2, 1, 1))
    assert not find_ice(image).found
    assert _verdict(image, 0.4) == [True, True]


def test_nobody_is_nobody() -> None:
    kept = on_ice(find_ice(_scene()), np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 9, 9)
    assert kept.shape == (0,)
