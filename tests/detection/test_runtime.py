"""One network, pictures of any size."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
from jarvis_dagster.hockey.detection.runtime import Network
from jarvis_dagster.hockey.synthetic import GameSpec, iter_frames


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


def test_threads_that_share_a_network_get_the_answers_to_their_own_pictures() -> None:
    rng = np.random.default_rng(3)
    sizes = ((64, 96), (64, 64))
    pictures = [rng.integers(0, 256, (1, *sizes[n % 2], 3), np.uint8) for n in range(12)]
    network = Network(PACKAGED_WEIGHTS, threads=2)
    shared = network.for_many()
    assert shared.at_once == 2
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda picture: shared(picture)["score"].copy(), pictures))
    for picture, answer in zip(pictures, found, strict=True):
        np.testing.assert_array_equal(shared(picture)["score"], answer)
    assert network.for_many() is shared
    assert Network(PACKAGED_WEIGHTS, threads=1).for_many().at_once == 1


def test_the_packaged_file_says_what_it_is() -> None:
    network = Network(PACKAGED_WEIGHTS, threads=1)
    assert network.facts["width_px"] > 0
    assert len(network.digest) == 8


_OPEN_AT_ONCE = """
import os, sys, threading
from pathlib import Path
from jarvis_dagster.hockey.detection import runtime
together, look = threading.Barrier(4), runtime.pool_integers
def at_once(model):
    together.wait()
    return look(model)
runtime.pool_integers = at_once
threads = [threading.Thread(target=runtime.Network, args=(Path(sys.argv[1]), 1)) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
os._exit(0)
"""


def test_the_first_networks_of_a_process_may_be_opened_at_once() -> None:
    subprocess.run([sys.executable, "-c", _OPEN_AT_ONCE, PACKAGED_WEIGHTS], check=True, timeout=240)


_ANSWER = """
import sys
from pathlib import Path
import numpy as np
from jarvis_dagster.hockey.detection.runtime import Network
answer = Network(Path(sys.argv[1]), threads=1)(np.load(sys.argv[2]))
np.save(sys.argv[3], answer["score"])
"""


def test_a_processor_with_fewer_instructions_finds_the_same_people(tmp_path: Path) -> None:
    """Some ways of computing in integers are right with AMX only, and nobody would notice."""
    spec = GameSpec(seed=11, duration_s=1, fps=1, width_px=640, height_px=384)
    image = next(iter_frames(spec))[0]
    np.save(tmp_path / "picture.npy", image[None])
    scores = []
    for instructions in ("DEFAULT", "AVX2"):
        path = tmp_path / f"{instructions}.npy"
        subprocess.run(
            [sys.executable, "-c", _ANSWER, PACKAGED_WEIGHTS, tmp_path / "picture.npy", path],
            env={**os.environ, "ONEDNN_MAX_CPU_ISA": instructions},
            check=True,
        )
        scores.append(np.load(path))
    assert (scores[0] > 0.35).sum() > 10
    np.testing.assert_allclose(*scores, atol=0.05)
