"""``python -m jarvis_dagster.hockey.rink.training.rounding``: the network in 8-bit integers.

Belongs here: the pictures that show which values occur. Does not belong here: how values become
integers (``hockey/training/quantise``).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.evidence import WIDTH_PX
from jarvis_dagster.hockey.rink.training.scenes import SceneMaker
from jarvis_dagster.hockey.training.quantise import quantise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["pictures", "round_marks"]

_SIZE = WIDTH_PX, WIDTH_PX * 9 // 16
_OF_EACH = 2
_ENDS = (0, -2, -1)
"""Convolutions that stay in floats. Rounded, the first one makes answers .0024 off on average where
they are .0006 off without; the last two decide where exactly a line is. Of nine real frames that
were calibrated, one was no longer with only the first one in floats."""


def round_marks(exact: Path, target: Path, videos: Sequence[Path], scenes: int = 40) -> None:
    """Make the network at ``exact`` compute in 8-bit integers, all but its ends.

    Args:
        videos: Footage to learn from which values occur, beside rendered scenes.
        scenes: How many of those.
    """
    quantise(exact, target, pictures(videos, scenes), exact=_ENDS)


def pictures(videos: Sequence[Path], scenes: int) -> list[NDArray[np.uint8]]:
    """BGR, all of one size: some of each video, then as many rendered scenes."""
    import cv2

    from jarvis_dagster.hockey.video import probe
    from jarvis_dagster.hockey.video.sampling import read_some

    found = []
    for video in videos:
        numbers = np.linspace(0, probe(video).frame_count - 1, _OF_EACH + 2)[1:-1].round()
        found += [frame.image for frame in read_some(video, {int(n) for n in numbers})]
    maker = SceneMaker(1)
    found += [maker().image for _ in range(scenes)]
    small = (cv2.resize(image, _SIZE, interpolation=cv2.INTER_AREA) for image in found)
    return [np.asarray(image, np.uint8) for image in small]


def main() -> None:
    """Write the file that ships from the one that training wrote."""
    parser = argparse.ArgumentParser(description="Let the network of the rink use integers.")
    parser.add_argument("exact", type=Path, help="ONNX file in floats")
    parser.add_argument("target", type=Path, help="ONNX file to write")
    parser.add_argument("--videos", type=Path, help="folder with mp4 files of games")
    words = parser.parse_args()
    videos = [] if words.videos is None else sorted(words.videos.glob("*.mp4"))
    round_marks(words.exact, words.target, videos)


if __name__ == "__main__":
    main()
