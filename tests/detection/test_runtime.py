"""One network, pictures of any size."""

import numpy as np

from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
from jarvis_dagster.hockey.detection.runtime import Network


def test_a_picture_gets_the_same_answer_whatever_came_before() -> None:
    rng = np.random.default_rng(2)
    large, small = (rng.integers(0, 256, (1, h, w, 3), np.uint8) for h, w in ((96, 160), (64, 64)))
    one, other = Network(PACKAGED_WEIGHTS, threads=1), Network(PACKAGED_WEIGHTS, threads=1)
    expected = {name: value.copy() for name, value in one(large).items()}
    assert expected["score"].shape == (1, 12 * 20 + 6 * 10 + 3 * 5, 1)
    other(small)
    for _ in range(2):
        for name, value in other(large).items():
            np.testing.assert_array_equal(value, expected[name])
        other(small)


def test_the_packaged_file_says_what_it_is() -> None:
    network = Network(PACKAGED_WEIGHTS, threads=1)
    assert network.facts["width_px"] > 0
    assert len(network.digest) == 8
