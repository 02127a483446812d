"""Whether a calibration that somebody made fits what a video shows.

Belongs here: comparing its lines with those that the network sees. Does not belong here:
making a calibration.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.rink.evidence import MarkFinder
from jarvis_dagster.hockey.rink.geometry import rink_named
from jarvis_dagster.hockey.rink.residuals import Seen, signed_misses, support
from jarvis_dagster.hockey.rink.video import Fitted, look

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jarvis_dagster.hockey.rink.calibration import Calibration
    from jarvis_dagster.hockey.rink.evidence import Evidence
    from jarvis_dagster.hockey.rink.following import KeyFrame

__all__ = ["check_calibration", "fit_of", "verdict"]

_LEAST_POINTS = 25
_LEAST_FRAMES = 4  # that contradict a calibration before it is set aside
_NEAR_PX = 4.0  # of the network: a person's clicks are not as exact as a fit
_FITS = 0.5
_CONTRADICTS = 0.3


def verdict(fits: Sequence[Fitted]) -> dict[str, Any]:
    """What a check came to, in plain values.

    ``fits`` unless most of the frames that show enough lines are against it; ``contradicted``
    where hardly any line lies where it should in frame after frame: then the camera was moved,
    or the calibration is of another one. A video that shows no lines is not against anything.
    """
    wrong = [fit for fit in fits if fit.reason]
    typical = float(np.median([fit.explained for fit in fits])) if fits else float("nan")
    good = len(wrong) * 2 <= len(fits)
    contradicted = len(fits) >= _LEAST_FRAMES and typical < _CONTRADICTS
    if not fits:
        said = "Too few lines are seen to check the calibration."
    elif good:
        said = f"The lines fit in {len(fits) - len(wrong)} of {len(fits)} frames."
    else:
        said = (
            f"The lines do not fit in {len(wrong)} of {len(fits)} frames: the camera was moved, "
            "or the calibration is of another camera. Calibrate again."
        )
    return {
        "fits": good,
        "contradicted": contradicted,
        "said": said,
        "checked_frames": len(fits),
        "contradicting_frames": len(wrong),
        "explained": round(typical, 3) if fits else None,
    }


def check_calibration(
    path: Path,
    calibration: Calibration,
    *,
    frames: int = 12,
    model: Path | None = None,
    threads: int | None = None,
) -> tuple[Fitted, ...]:
    """Whether a calibration's lines lie where the video shows them, in some of its frames.

    A frame where too few marks are seen says nothing and is left out.
    """
    from jarvis_dagster.hockey.video import probe

    finder = MarkFinder(model, threads)
    count = probe(path).frame_count or 1
    wanted = np.unique(np.linspace(0, max(count - 2, 0), frames * 3).astype(int)).tolist()
    wanted = [f for f in wanted if calibration.homography_at(f) is not None]
    picked = wanted[:: max(1, len(wanted) // frames)]
    fits = []
    for key in (key for shot in look(path, [picked], finder, None) for key in shot):
        fit = fit_of(key, calibration)
        if fit is not None:
            fits.append(fit)
    return tuple(fits)


def fit_of(key: KeyFrame, calibration: Calibration) -> Fitted | None:
    """How ``calibration`` fits one frame; None where too little is seen to tell."""
    rink = rink_named(calibration.rink)
    matrix = calibration.homography_at(key.frame)
    if matrix is None:
        return None
    evidence = _straightened(key.evidence, calibration)
    seen = Seen(evidence)
    if len(seen) < _LEAST_POINTS:
        return None
    off = np.abs(signed_misses(rink, seen, matrix)) / evidence.unit_px
    explained = float((seen.weights * (off < _NEAR_PX)).sum())
    share, _ = support(rink, evidence, np.linalg.inv(matrix).astype(np.float64)[None])
    reason = "" if explained > _FITS else "the lines seen are not where the calibration has them"
    return Fitted(key.frame, explained, float(share[0]), calibration.error_ft, reason)


def _straightened(evidence: Evidence, calibration: Calibration) -> Evidence:
    """The evidence in pixels of a lens without distortion, and of the calibration's size."""
    scale = calibration.image_size_px[0] / evidence.size_px[0]
    return dataclasses.replace(
        evidence,
        size_px=calibration.image_size_px,
        cell_px=evidence.cell_px * scale,
        points_px=calibration.straightened(evidence.points_px * scale),
    )
