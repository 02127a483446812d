"""A calibration from a few marks that a person clicked.

Belongs here: the fit of one homography, and of the lens where marks show that it bends
lines, to matched points; the names of places on a rink. Does not belong here: finding the
marks in a picture.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink.calibration import Calibration, apply_homography, straightened
from jarvis_dagster.hockey.rink.geometry import rink_named

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

__all__ = ["calibrate_fixed", "landmarks_ft", "read_marks", "read_marks_by_frame"]

Matched = tuple[list[list[float]], list[list[float]]]
"""Places in the picture (px), and on the rink (ft), of the same marks."""

_LEAST_FOR_LENS = 8
_BENDS = np.linspace(-0.25, 0.1, 71)


def landmarks_ft(rink: str) -> dict[str, tuple[float, float]]:
    """Places of ``rink`` that can be clicked, by name; near and left as the camera sees them."""
    shape = rink_named(rink)
    spots = {"centre dot": shape.centre_ft}
    sides = ("left near", "left far", "right near", "right far")
    for name, dots in (("end dot", shape.end_dots_ft), ("neutral dot", shape.neutral_dots_ft)):
        spots |= {f"{name} {side}": dot for side, dot in zip(sides, dots, strict=True)}
    for side, x in zip(("left", "right"), shape.blue_lines_ft, strict=True):
        spots[f"blue line {side} near boards"] = (x, 0.0)
        spots[f"blue line {side} far boards"] = (x, shape.width_ft)
    spots["centre line near boards"] = (shape.length_ft / 2, 0.0)
    spots["centre line far boards"] = (shape.length_ft / 2, shape.width_ft)
    half = shape.goal_width_ft / 2
    for side, x in zip(("left", "right"), shape.goal_lines_ft, strict=True):
        spots[f"goal post {side} near"] = (x, shape.width_ft / 2 - half)
        spots[f"goal post {side} far"] = (x, shape.width_ft / 2 + half)
    return spots


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
    worth there: four marks always fit without any distance left. With eight marks or
    more, a lens that bends straight lines is allowed for where that clearly fits better.

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
    bend = 0.0
    if len(image) >= _LEAST_FOR_LENS:
        bend = _bend_of(image, ice, image_size_px, outlier_ft)
        if bend:
            straight = straightened(image, bend, image_size_px)
            matrix, used = cv2.findHomography(straight, ice, cv2.RANSAC, outlier_ft)
            kept = used.ravel().astype(bool)
    if matrix is None or kept.sum() < 4:
        raise BadInputError(
            "The marks do not fit one flat sheet of ice.",
            "Check that each mark is matched with the right place, and no three are in a line.",
        )
    calibration = Calibration(
        rink=rink,
        image_size_px=image_size_px,
        homography=np.asarray(matrix, np.float64),
        bend=bend,
    )
    fitted = calibration.homography
    assert fitted is not None
    pixels = straightened(image[kept], bend, image_size_px)
    miss = np.linalg.norm(apply_homography(fitted, pixels) - ice[kept], axis=1)
    if not np.isfinite(miss).all():
        raise BadInputError(
            "The marks do not fit one flat sheet of ice.",
            "Check that each mark is matched with the right place.",
        )
    beside = apply_homography(fitted, pixels + np.array((1.0, 0.0)))
    pixel_ft = float(np.nanmean(np.linalg.norm(beside - ice[kept], axis=1)))
    error_ft = max(float(np.sqrt(np.mean(miss**2))), pixel_ft)
    return dataclasses.replace(calibration, error_ft=error_ft)


def _bend_of(
    image: NDArray[np.float64],
    ice: NDArray[np.float64],
    size_px: tuple[int, int],
    outlier_ft: float,
) -> float:
    """The bend that fits the marks best; 0 unless it halves what a straight lens leaves.

    A homography takes eight numbers from the marks and the bend one more: with few marks to
    spare almost any bend fits a little better.
    """
    import cv2

    def left(bend: float) -> float:
        straight = straightened(image, bend, size_px)
        matrix, used = cv2.findHomography(straight, ice, cv2.RANSAC, 2 * outlier_ft)
        if matrix is None or used.sum() < max(_LEAST_FOR_LENS, 0.75 * len(image)):
            return np.inf
        kept = used.ravel().astype(bool)
        miss = np.linalg.norm(apply_homography(matrix, straight[kept]) - ice[kept], axis=1)
        return float(np.sqrt(np.nanmean(miss**2)))

    costs = np.array([left(float(bend)) for bend in _BENDS])
    best = int(costs.argmin())
    straight = left(0.0)
    return float(round(_BENDS[best], 4)) if costs[best] < 0.5 * straight else 0.0


def read_marks(path: Path, rink: str) -> Matched:
    """Pixels and feet of the marks in a JSON file: a list of objects with ``px`` ([x, y]), and
    either ``ft`` ([x, y]) or ``name``, one of :func:`landmarks_ft`.

    Raises:
        BadInputError: the file cannot be read, or an entry is not such an object.
    """
    return _matched(_json(path), str(path), rink)


def read_marks_by_frame(path: Path, rink: str) -> dict[str, Matched]:
    """The marks of several pictures, from a JSON object: a list as in :func:`read_marks` by the
    name of the picture, or by the number of the frame.

    Raises:
        BadInputError: the file cannot be read, or holds anything else.
    """
    content = _json(path)
    if not isinstance(content, dict) or not content:
        raise BadInputError(
            f"{path} does not hold marks by picture.",
            'It is like {"0001.png": [{"px": [640, 431], "name": "centre dot"}]}.',
        )
    return {
        str(name): _matched(entries, f"{path}, {name}", rink) for name, entries in content.items()
    }


def _json(path: Path) -> object:
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInputError(
            f"{path} cannot be read as JSON ({error}).",
            "See docs/calibration.md for what it holds.",
        ) from error
    return content


def _matched(entries: object, where: str, rink: str) -> Matched:
    known = landmarks_ft(rink)
    if not isinstance(entries, list):
        raise BadInputError(f"{where} is not a list of marks.", "See docs/calibration.md.")
    pixels, feet = [], []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or not _is_pair(entry.get("px")):
            raise BadInputError(
                f"{where}: mark {number} has no px, such as [640, 431].",
                "Add the place in the picture, in pixels.",
            )
        if _is_pair(entry.get("ft")):
            place = list(entry["ft"])
        elif entry.get("name") in known:
            place = list(known[entry["name"]])
        else:
            raise BadInputError(
                f"{where}: mark {number} has neither ft nor the name of a mark.",
                f"Names are {', '.join(known)}.",
            )
        pixels.append(list(entry["px"]))
        feet.append(place)
    return pixels, feet


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    )
