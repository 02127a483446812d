"""Numbers about the footage as a whole, from the scan.

Belongs here: arithmetic over the SCAN table. Does not belong here: words or
grades (``findings``, ``grades``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.preflight.scanning import ICE_SHARE

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["RINK_ICE_SHARE", "duplicates", "footage_measures"]

RINK_ICE_SHARE = 0.15
"""From this share of ice on, a frame counts as showing a rink."""
_DARK, _BLOWN = 50.0, 222.0
_FLASH = 25.0
_SOFT = 60.0
"""Variance of the Laplacian at 320 px below which even lines and boards are smeared."""
_MOVING_SHARE = 0.0015
"""Of the width, per frame: below this the camera stands."""


def footage_measures(info: VideoInfo, scan: pd.DataFrame) -> dict[str, Any]:
    """All measures, JSON-able; shares are 0 to 1, times in seconds.

    Keys: ``rink_share, cut_count, median_shot_s, blurred_share, dark_share,
    blown_share, flash_count, dropped_frames, gap_count, longest_gap_s,
    repeated_share, frozen_s, camera_moving_share, motion_known_share,
    rate_min_fps, rate_max_fps``.
    """
    pts = scan["pts_s"].to_numpy(np.float64)
    luma = scan["luma"].to_numpy(np.float64)
    steps = np.diff(pts)
    usual = float(np.median(steps)) if steps.size else 1 / info.fps
    gaps = steps[steps > 1.7 * usual] if not info.variable_rate else steps[steps > 0.25]
    repeated = duplicates(scan["difference"].to_numpy(np.float64))
    cuts = np.flatnonzero(scan["is_cut"].to_numpy(bool))
    bounds = np.concatenate([[0.0], pts[cuts], [info.duration_s]])
    shift = np.hypot(scan["dx_px"].to_numpy(np.float64), scan["dy_px"].to_numpy(np.float64))
    moved = shift > _MOVING_SHARE * info.width_px
    known = scan["motion_ok"].to_numpy(bool)[1:]
    low, high = np.percentile(steps, [5, 95]) if steps.size else (usual, usual)
    return {
        "rink_share": _share(scan[ICE_SHARE].to_numpy() >= RINK_ICE_SHARE),
        "cut_count": int(cuts.size),
        "median_shot_s": float(np.median(np.diff(bounds))),
        "blurred_share": _share(_blurred(scan)),
        "dark_share": _share(luma < _DARK),
        "blown_share": _share(luma > _BLOWN),
        "flash_count": _flashes(luma),
        "dropped_frames": int(np.round(gaps / usual - 1).sum()),
        "gap_count": int(gaps.size),
        "longest_gap_s": float(gaps.max()) if gaps.size else 0.0,
        "repeated_share": _share(repeated[1:]),
        "frozen_s": _longest_run(repeated) * usual,
        "camera_moving_share": _share(moved[1:]),
        "motion_known_share": _share(known) if known.size else 0.0,
        "rate_min_fps": float(1 / high) if high > 0 else info.fps,
        "rate_max_fps": float(1 / low) if low > 0 else info.fps,
    }


def duplicates(difference: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Frames that repeat the one before.

    A repeat is not exactly equal after compression: it changes far less than
    the frames around it do, and hardly at all.
    """
    import pandas as pd

    around = pd.Series(difference).rolling(31, center=True, min_periods=1).median().to_numpy()
    repeated = (difference < 0.03) | ((difference < 0.2 * around) & (difference < 1.2))
    if repeated.size:
        repeated[0] = False
    return np.asarray(repeated, dtype=bool)


def _blurred(scan: pd.DataFrame) -> NDArray[np.bool_]:
    """Soft in itself, or much softer than the same shot usually is."""
    sharp = scan["sharpness"].to_numpy(np.float64)
    return np.asarray((sharp < _SOFT) | (sharp < 0.35 * np.median(sharp)), dtype=bool)


def _flashes(luma: NDArray[np.float64]) -> int:
    """Jumps of brightness that are gone within three frames."""
    import pandas as pd

    above = luma - pd.Series(luma).rolling(9, center=True, min_periods=1).median().to_numpy()
    bright = np.concatenate([[False], above > _FLASH])
    return int(np.sum(bright[1:] & ~bright[:-1]))


def _longest_run(flags: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0


def _share(flags: NDArray[np.bool_]) -> float:
    return float(np.mean(flags)) if len(flags) else 0.0
