"""Real and rendered frames whose homography is known, read from a folder.

Belongs here: the files, and what is done to a frame so that it teaches more than once. Does
not belong here: how the homographies came to be.

Beside each picture lies a JSON file of its name: ``rink``, ``image_to_ice`` (3x3, pixels of
the picture to feet) or null for a picture without a rink, and ``group``, the video it is from.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink.geometry import rink_named
from jarvis_dagster.hockey.rink.training.scenes import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["FramePool"]


class FramePool:
    """Draws frames from a folder, each time zoomed, mirrored and coloured anew.

    Raises:
        BadInputError: the folder holds no labelled frame.
    """

    def __init__(self, folder: Path, seed: int, size_px: tuple[int, int] = (512, 288)) -> None:
        self._paths = sorted(
            path for path in folder.glob("*.json") if path.with_suffix(".png").is_file()
        )
        if not self._paths:
            raise BadInputError(
                f"{folder} holds no pictures (.png) with a .json beside them.",
                "Name a folder of labelled frames.",
            )
        self._rng = np.random.default_rng(seed)
        self._size = size_px

    def __call__(self) -> Scene:
        """The next frame."""
        rng, (width, height) = self._rng, self._size
        path = self._paths[int(rng.integers(len(self._paths)))]
        facts = json.loads(path.read_text(encoding="utf-8"))
        image = cv2.imread(str(path.with_suffix(".png")))
        if image is None:
            raise BadInputError(
                f"{path.with_suffix('.png')} cannot be read as a picture.",
                "Replace it, or take its .json away.",
            )
        rink = rink_named(facts["rink"])
        rows, columns = image.shape[:2]
        zoom = rng.uniform(0.85, 1.5) * width / columns
        span = np.array([width / zoom, height / zoom])
        corner = rng.uniform(0, 1, 2) * (np.array([columns, rows]) - span)
        move = np.array([[zoom, 0, -corner[0] * zoom], [0, zoom, -corner[1] * zoom], [0, 0, 1]])
        mirror = rng.random() < 0.5
        if mirror:
            move = np.array([[-1, 0, width], [0, 1, 0], [0, 0, 1.0]]) @ move
        shift = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
        full = np.linalg.inv(shift) @ move @ shift
        picture = cv2.warpPerspective(image, full, self._size, flags=cv2.INTER_AREA)
        known = cv2.warpPerspective(np.full((rows, columns), 255, np.uint8), full, self._size)
        matrix: NDArray[np.float64] | None = None
        if facts["image_to_ice"] is not None:
            to_image = np.linalg.inv(np.array(facts["image_to_ice"], np.float64))
            matrix = move @ to_image
            if mirror:  # the rink, too, is seen in a mirror
                swap = np.array([[-1, 0, rink.length_ft], [0, 1, 0], [0, 0, 1.0]])
                matrix = matrix @ swap
        tone = rng.uniform(0.9, 1.1, 3) * rng.uniform(0.7, 1.2)
        noisy = picture * tone + rng.normal(0, rng.uniform(0.5, 5), picture.shape)
        picture = np.clip(noisy, 0, 255).astype(np.uint8)
        return Scene(picture, rink, matrix, 255 - known)
