"""What the network should answer for a picture whose homography is known.

Belongs here: projected marks as soft lines, spots and the area of the ice. Does not belong
here: the pictures, or the loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from jarvis_dagster.hockey.rink.evidence import STRIDE
from jarvis_dagster.hockey.rink.markings import KINDS, outlines_ft

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.geometry import Rink

    Array = NDArray[np.float64]

__all__ = ["targets"]

_SHIFT = 4
_FINE = 2  # drawn at half the picture, then averaged down
_BLUR = 2.0


def targets(
    rink: Rink, ice_to_px: Array | None, size_px: tuple[int, int], hidden: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """(kinds, H/4, W/4) in 0 to 1 for a picture of ``size_px``; lines are 1 at their middle.

    ``hidden`` (H, W) is 255 where marks cannot be seen. People hide nothing: what is behind
    them can be told from what is beside them.
    """
    width, height = size_px
    shape = (height // _FINE, width // _FINE)
    answer = np.zeros((len(KINDS), height // STRIDE, width // STRIDE), np.float32)
    if ice_to_px is None:
        return answer
    seen = cv2.resize(255 - hidden, shape[::-1], interpolation=cv2.INTER_AREA)
    for index, kind in enumerate(KINDS[:-1]):
        fine = np.zeros(shape, np.uint8)
        for line in outlines_ft(rink)[kind]:
            for piece in _visible(line, ice_to_px, size_px):
                fixed = np.round((piece / _FINE - 0.5 + 0.5 / _FINE) * 2**_SHIFT).astype(np.int32)
                if len(fixed) == 1:
                    x, y = fixed[0].tolist()
                    cv2.circle(fine, (x, y), 2 << _SHIFT, 255, -1, cv2.LINE_AA, _SHIFT)
                else:
                    cv2.polylines(fine, [fixed], False, 255, 2, cv2.LINE_AA, _SHIFT)
        if not fine.any():
            continue
        soft = cv2.GaussianBlur(fine.astype(np.float32), (0, 0), _BLUR)
        # A straight line of two pixels comes out of the blur at about 0.4; a spot lower.
        soft *= seen / 255.0 * (2.6 if kind != "dot" else 3.2) / 255.0
        answer[index] = cv2.resize(
            np.minimum(soft, 1.0), (width // STRIDE, height // STRIDE), interpolation=cv2.INTER_AREA
        )
    area = np.zeros(shape, np.uint8)
    for piece in _visible(rink.outline_ft(0.5), ice_to_px, size_px, whole=True):
        fixed = np.round((piece / _FINE) * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(area, [fixed], 255, cv2.LINE_AA, _SHIFT)
    area = np.minimum(area, seen)
    small = cv2.resize(area, (width // STRIDE, height // STRIDE), interpolation=cv2.INTER_AREA)
    answer[-1] = small / np.float32(255)
    return answer


def _visible(
    line: Array, matrix: Array, size_px: tuple[int, int], whole: bool = False
) -> list[Array]:
    """Pieces of a polyline before the camera, in pixels; ``whole``: as one closed polygon."""
    mapped = line @ matrix[:, :2].T + matrix[:, 2]
    # The depth has the sign of what lies in the middle of the picture.
    depth = mapped[:, 2] * _sign(matrix, size_px)
    near = np.quantile(depth, 0.9) * 0.02 + 1e-9
    if whole:
        points = []
        for i in range(len(mapped)):
            j = (i + 1) % len(mapped)
            if depth[i] > near:
                points.append(mapped[i])
            if (depth[i] > near) != (depth[j] > near):
                share = (near - depth[i]) / (depth[j] - depth[i])
                points.append(mapped[i] + (mapped[j] - mapped[i]) * share)
        if len(points) < 3:
            return []
        array = np.array(points)
        return [np.clip(array[:, :2] / array[:, 2:], -20000, 20000)]
    pieces, good = [], depth > near
    pixels = mapped[:, :2] / np.where(np.abs(mapped[:, 2:]) < 1e-12, 1e-12, mapped[:, 2:])
    good &= (np.abs(pixels) < 6000).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        pieces.append(pixels[start:stop])
    return pieces


def _sign(matrix: Array, size_px: tuple[int, int]) -> float:
    """The sign that makes the depth of ice in the picture positive."""
    back = np.linalg.inv(matrix)
    ground = back @ np.array([size_px[0] / 2, size_px[1] * 0.75, 1.0])
    depth = float((matrix @ (ground / ground[2]))[2])
    return 1.0 if depth > 0 else -1.0
