"""The rink's lines drawn over a picture, so that a person can see whether they fit.

Belongs here: the drawing. Does not belong here: finding the calibration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.rink.geometry import rink_named
from jarvis_dagster.hockey.rink.markings import outlines_ft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.calibration import Calibration

    Image = NDArray[np.uint8]

__all__ = ["contact_sheet", "draw_lines", "frames_to_show"]

_COLOURS = {
    "blue_line": (255, 120, 0),
    "centre_line": (60, 60, 255),
    "goal_line": (60, 60, 255),
    "end_circle": (0, 160, 255),
    "centre_circle": (255, 200, 0),
    "dot": (255, 0, 255),
    "crease": (0, 220, 0),
    "boards": (0, 255, 255),
}
_SHIFT = 4


def draw_lines(image: Image, calibration: Calibration, frame: int, note: str = "") -> Image:
    """A copy of ``image`` (H, W, 3) BGR with the lines where ``calibration`` has them.

    ``note`` is written below; by default the likely error in the picture's middle, or that
    the calibration does not hold at ``frame``.
    """
    import cv2

    picture = image.copy()
    height, width = picture.shape[:2]
    scale = width / calibration.image_size_px[0]
    matrix = calibration.homography_at(frame)
    thick = max(1, round(width / 640))
    if matrix is not None:
        to_image = np.linalg.inv(matrix).astype(np.float64)
        for kind, lines in outlines_ft(rink_named(calibration.rink)).items():
            for line in lines:
                for piece in _pieces(line, to_image, calibration):
                    fixed = np.round(piece * scale * 2**_SHIFT).astype(np.int32)
                    if len(fixed) == 1:
                        x, y = fixed[0].tolist()
                        size = 3 * thick << _SHIFT
                        cv2.circle(picture, (x, y), size, _COLOURS[kind], thick, 16, _SHIFT)
                    else:
                        colour = _COLOURS[kind]
                        cv2.polylines(picture, [fixed], False, colour, thick, 16, _SHIFT)
    text = note or _said(calibration, frame)
    size = width / 1400
    place = (int(12 * size * 2), height - int(14 * size * 2))
    cv2.putText(picture, text, place, 0, size, (0, 0, 0), 4 * thick, 16)
    cv2.putText(picture, text, place, 0, size, (255, 255, 255), thick, 16)
    return picture


def _said(calibration: Calibration, frame: int) -> str:
    width, height = calibration.image_size_px
    errors = calibration.error_ft_at(frame, [(width / 2, height * 0.65)])
    if not np.isfinite(errors[0]):
        return f"frame {frame}: not calibrated"
    return f"frame {frame}: {calibration.rink} rink, likely error {errors[0]:.1f} ft"


def _pieces(
    line: NDArray[np.float64], to_image: NDArray[np.float64], calibration: Calibration
) -> list[NDArray[np.float64]]:
    """The parts of a polyline that the picture may show, in pixels."""
    width, height = calibration.image_size_px
    mapped = line @ to_image[:, :2].T + to_image[:, 2]
    good = mapped[:, 2] * np.sign(np.median(mapped[:, 2])) > 0
    ahead = np.linalg.inv(to_image)
    if len(line) > 1:
        # Before the camera is where the ice of the picture's middle is.
        ground = ahead @ np.array([width / 2, height * 0.75, 1.0])
        side = np.sign((to_image @ (ground / ground[2]))[2])
        good = mapped[:, 2] * side > 0
    pixels = mapped[:, :2] / np.where(np.abs(mapped[:, 2:]) < 1e-9, 1e-9, mapped[:, 2:])
    good &= (np.abs(pixels - (width / 2, height / 2)) < 2 * np.array([width, height])).all(axis=1)
    pixels = _bent(pixels, calibration)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    return [pixels[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _bent(pixels: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
    """Where the lens shows what a straight lens would show at ``pixels``; by iteration."""
    if not calibration.bend:
        return pixels
    bent = pixels.copy()
    for _ in range(8):
        bent += pixels - calibration.straightened(bent)
    return bent


def contact_sheet(pictures: Sequence[Image], width_px: int = 960, columns: int = 2) -> Image:
    """Pictures side by side, ``columns`` in a row, each ``width_px`` wide.

    Raises:
        ValueError: no pictures.
    """
    import cv2

    if not pictures:
        raise ValueError("There are no pictures to put together.")
    rows, columns_px = pictures[0].shape[:2]
    size = (width_px, round(rows * width_px / columns_px))
    small = [np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA)) for p in pictures]
    columns = min(columns, len(small))
    while len(small) % columns:
        small.append(np.zeros_like(small[0]))
    lines = [np.hstack(small[i : i + columns]) for i in range(0, len(small), columns)]
    return np.vstack(lines).astype(np.uint8)


def frames_to_show(calibration: Calibration, frame_count: int, most: int = 4) -> list[int]:
    """Frames spread over where the calibration holds."""
    tried = np.unique(np.linspace(0, max(frame_count - 1, 0), 40 * most).astype(int)).tolist()
    held = [frame for frame in tried if calibration.homography_at(frame) is not None]
    if not held:
        return [max(frame_count - 1, 0) // 2]
    picked = np.linspace(0, len(held) - 1, min(2 * most + 1, len(held))).round().astype(int)
    middle = picked[1::2] if len(picked) > most else picked
    return [held[i] for i in middle]
