"""How far off calibrations are, in feet, at marks whose place on the rink is known.

Belongs here: pictures, or a video, against marks that a person named. Does not belong here:
finding the camera (``search``, ``video``), whether lines lie on lines (``checking``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink.calibration import apply_homography
from jarvis_dagster.hockey.rink.geometry import rink_named
from jarvis_dagster.hockey.rink.residuals import inverse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.calibration import Calibration
    from jarvis_dagster.hockey.rink.marks import Matched

    Array = NDArray[np.float64]
    Progress = Callable[[int, int], None]

__all__ = ["Errors", "calibration_errors", "evaluate_pictures", "summarised"]


@dataclasses.dataclass(frozen=True)
class Errors:
    """One picture's marks: how far off each is placed, and how far off it was said to be.

    Args:
        errors_ft: (N,) of the marks that were placed; empty where there is no calibration.
        claimed_ft: (N,) likely errors at the same marks.
        marks: How many the picture has.
        why: Why there is no calibration; empty if there is one.
    """

    errors_ft: Array
    claimed_ft: Array
    marks: int
    why: str = ""


def evaluate_pictures(
    folder: Path,
    marks: Mapping[str, Matched],
    rink: str,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Errors]:
    """The camera of each picture is found by itself, and compared with the picture's marks.

    Args:
        marks: By the picture's name.

    Raises:
        BadInputError: a picture is not in ``folder`` or cannot be read, or no such rink.
    """
    from jarvis_dagster.hockey.detection.evaluation import read_picture
    from jarvis_dagster.hockey.rink.evidence import MarkFinder
    from jarvis_dagster.hockey.rink.refine import error_ft_at
    from jarvis_dagster.hockey.rink.search import find_camera

    shape = rink_named(rink)
    missing = [name for name in marks if not (folder / name).is_file()]
    if missing:
        raise BadInputError(
            f"{folder} has no picture {missing[0]}, which has marks.", "Name the pictures' folder."
        )
    finder = MarkFinder(threads=threads)
    found = {}
    for number, (name, (pixels, feet)) in enumerate(marks.items(), 1):
        image = read_picture(folder / name)
        size = (image.shape[1], image.shape[0])
        fit = find_camera(finder(image), shape)
        if fit is None or not fit.valid:
            why = "too few marks of a rink are seen" if fit is None else fit.reason
            found[name] = _without(len(pixels), why)
        else:
            at = np.array(pixels, np.float64)
            claimed = error_ft_at(fit.pose, fit.covariance, at, size)
            found[name] = _compared(inverse(fit.pose, size), at, feet, claimed)
        if progress:
            progress(number, len(marks))
    return found


def calibration_errors(
    calibration: Calibration, marks: Mapping[str, Matched], frame_count: int
) -> dict[str, Errors]:
    """A video's calibration, compared with marks in some of its frames.

    Args:
        marks: By the number of the frame; the first is 0.

    Raises:
        BadInputError: a key is no frame of the video.
    """
    found = {}
    for name, (pixels, feet) in marks.items():
        if not name.isdecimal() or int(name) >= frame_count:
            raise BadInputError(
                f"{name!r} is no frame of the video.", f"They are 0 to {frame_count - 1}."
            )
        matrix = calibration.homography_at(int(name))
        if matrix is None:
            found[name] = _without(len(pixels), "the calibration does not hold for this frame")
        else:
            at = np.array(pixels, np.float64)
            claimed = calibration.error_ft_at(int(name), at)
            found[name] = _compared(matrix, calibration.straightened(at), feet, claimed)
    return found


def summarised(found: Mapping[str, Errors]) -> dict[str, Any]:
    """Plain figures, over all marks and by picture; None where nothing was placed."""
    errors = np.concatenate([one.errors_ft for one in found.values()] or [np.empty(0)])
    claimed = np.concatenate([one.claimed_ft for one in found.values()] or [np.empty(0)])
    return {
        "pictures": len(found),
        "calibrated": sum(not one.why for one in found.values()),
        "marks": sum(one.marks for one in found.values()),
        "placed": len(errors),
        "error_ft_median": _rounded(errors, 0.5),
        "error_ft_p90": _rounded(errors, 0.9),
        "error_ft_largest": _rounded(errors, 1.0),
        "claimed_ft_median": _rounded(claimed, 0.5),
        "by_picture": {
            name: {"error_ft_median": _rounded(one.errors_ft, 0.5), "why_not": one.why}
            for name, one in found.items()
        },
    }


def _without(marks: int, why: str) -> Errors:
    return Errors(np.empty(0), np.empty(0), marks, why)


def _compared(
    image_to_ice: Array, pixels: Array, feet: list[list[float]], claimed: Array
) -> Errors:
    there = apply_homography(image_to_ice, pixels.reshape(-1, 2))
    errors = np.linalg.norm(there - np.array(feet, np.float64).reshape(-1, 2), axis=1)
    good = np.isfinite(errors)
    return Errors(errors[good], claimed[good], len(errors))


def _rounded(values: Array, share: float) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(np.quantile(known, share)), 2) if len(known) else None
