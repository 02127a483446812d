"""A calibration from a few marks that a person clicked.

Belongs here: the fit of one homography to matched points. Does not belong
here: finding the marks in a picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink.calibration import Calibration, apply_homography

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["calibrate_fixed"]


def calibrate_fixed(
    points_px: ArrayLike,
    points_ft: ArrayLike,
    *,
    rink: str,
    image_size_px: tuple[int, int],
    outlier_ft: float = 3.0,
) -> Calibration:
    """The calibration of a camera that never moves, from matched marks.

    Direct linear transform on four marks; with five or more, RANSAC (Fischler
    and Bolles, 1981) first sets aside marks that are off by more than
    ``outlier_ft``. ``error_ft`` of the result is the root mean square distance
    on the ice of the marks that were used, and never less than what a pixel is
    worth there: four marks always fit without any distance left.

    Args:
        points_px: (N, 2) image positions, N >= 4, no three of them in a line.
        points_ft: (N, 2) rink positions of the same marks.

    Raises:
        BadInputError: too few marks, or marks that do not fix a homography.
    """
    import cv2

    image = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    ice = np.asarray(points_ft, dtype=np.float64).reshape(-1, 2)
    if len(image) != len(ice) or len(image) < 4:
        raise BadInputError(
            f"{len(image)} marks in the picture and {len(ice)} on the rink do not make a "
            "calibration.",
            "Give at least four pairs, spread over the ice.",
        )
    method = cv2.RANSAC if len(image) > 4 else 0
    matrix, used = cv2.findHomography(image, ice, method, outlier_ft)
    kept = np.ones(len(image), bool) if used is None else used.ravel().astype(bool)
    if matrix is None or kept.sum() < 4:
        raise BadInputError(
            "The marks do not fit one flat sheet of ice.",
            "Check that each mark is matched with the right place, and no three are in a line.",
        )
    calibration = Calibration(
        rink=rink, image_size_px=image_size_px, homography=np.asarray(matrix, np.float64)
    )
    fitted = calibration.homography
    assert fitted is not None
    miss = np.linalg.norm(apply_homography(fitted, image[kept]) - ice[kept], axis=1)
    if not np.isfinite(miss).all():
        raise BadInputError(
            "The marks do not fit one flat sheet of ice.",
            "Check that each mark is matched with the right place.",
        )
    beside = apply_homography(fitted, image[kept] + np.array((1.0, 0.0)))
    pixel_ft = float(np.nanmean(np.linalg.norm(beside - ice[kept], axis=1)))
    error_ft = max(float(np.sqrt(np.mean(miss**2))), pixel_ft)
    return Calibration(rink=rink, image_size_px=image_size_px, homography=fitted, error_ft=error_ft)
