"""The calibration of a video, found in its own pictures.

Belongs here: from a video file to a calibration with what it rests on. Does not belong here:
the search in one picture (``search``), how frames help each other (``following``), what lies
between key frames (``moving``), whether a calibration that somebody gave fits (``checking``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.rink.calibration import Calibration
from jarvis_dagster.hockey.rink.evidence import MarkFinder, input_size, points_of
from jarvis_dagster.hockey.rink.following import KeyFrame, follow, key_frame_numbers, key_frame_step
from jarvis_dagster.hockey.rink.geometry import RINKS, rink_named
from jarvis_dagster.hockey.rink.moving import error_px, homography, moving_calibration
from jarvis_dagster.hockey.rink.residuals import Seen
from jarvis_dagster.hockey.rink.search import find_camera, find_on_each

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.evidence import Evidence
    from jarvis_dagster.hockey.rink.geometry import Rink
    from jarvis_dagster.hockey.rink.watching import Marks

    Array = NDArray[np.float64]
    Progress = Callable[[int, int], None]

__all__ = ["AUTO", "Fitted", "Found", "calibrate_video", "look"]

AUTO = "auto"
"""In place of a rink's name: as the lines tell."""
_VOTERS = 4
_CLEARLY = 0.06
_STILL_SHARE = 0.004  # of the width: a camera that moves less in a whole video is fixed


@dataclasses.dataclass(frozen=True)
class Fitted:
    """How the lines of one key frame fit."""

    frame: int
    explained: float
    supported: float
    error_ft: float
    reason: str  # empty: valid


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """A calibration and what it rests on.

    Args:
        calibration: None where no frame could be calibrated.
        fits: One entry a key frame, in order.
        valid_share: Share of the video's frames that the calibration holds for.
        model: Version of the network that saw the marks.
    """

    calibration: Calibration | None
    fits: tuple[Fitted, ...]
    valid_share: float
    model: str

    @property
    def reason(self) -> str:
        """Why frames are without a calibration, most frequent first; empty if none are."""
        reasons = [fit.reason for fit in self.fits if fit.reason]
        if not reasons:
            return ""
        names, counts = np.unique(reasons, return_counts=True)
        return str(names[counts.argmax()])

    def summary(self) -> dict[str, Any]:
        """Plain values for a report."""
        good = [fit for fit in self.fits if not fit.reason]
        reasons = [fit.reason for fit in self.fits if fit.reason]
        return {
            "valid_share": round(self.valid_share, 4),
            "key_frames": len(self.fits),
            "valid_key_frames": len(good),
            "explained": round(float(np.median([f.explained for f in good])), 3) if good else None,
            "supported": round(float(np.median([f.supported for f in good])), 3) if good else None,
            "error_ft": round(float(np.median([f.error_ft for f in good])), 2) if good else None,
            "not_valid": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
            "model": self.model,
        }


def calibrate_video(
    path: Path,
    scan: pd.DataFrame,
    *,
    rink: str = AUTO,
    model: Path | None = None,
    threads: int | None = None,
    seen: Marks | None = None,
    progress: Progress | None = None,
) -> Found:
    """Find the rink in a video.

    Args:
        scan: SCAN of the video, for its cuts and the camera's motion.
        rink: A name in ``RINKS``, or ``auto``.
        seen: Marks that were seen already; only what is missing is looked at.
        progress: Called with key frames done and in all.

    Raises:
        BadVideoError: the video cannot be decoded.
        BadInputError: no such rink.
    """
    fps = _fps(scan)
    finder = MarkFinder(model, threads)
    known = seen.evidence if seen is not None and seen.version == finder.version else {}
    numbers = key_frame_numbers(scan, key_frame_step(fps))
    # Ends of shots are not worth decoding for: cameras are carried there.
    numbers = [[n for n in shot if n in known] or shot for shot in numbers]
    total = sum(len(shot) for shot in numbers)

    def looked(done: int, _: int) -> None:
        if progress is not None:
            progress(done, 2 * total)

    def fitted(done: int, _: int) -> None:
        if progress is not None:
            progress(total + done, 2 * total)

    shots = look(path, numbers, finder, looked, known)
    shape = rink_named(_likely_rink(shots) if rink == AUTO else rink)
    if _is_still(scan, shots):
        _fit_still(shots, shape)
        fitted(total, total)
        return _found(_still_calibration(shots, shape), shots, scan, finder.version)
    follow(shots, scan, shape, fitted)
    return _found(moving_calibration(shots, scan, shape, fps), shots, scan, finder.version)


def _fps(scan: pd.DataFrame) -> float:
    span = float(scan["pts_s"].iloc[-1] - scan["pts_s"].iloc[0])
    return (len(scan) - 1) / span if span > 0 else 30.0


def look(
    path: Path,
    numbers: Sequence[Sequence[int]],
    finder: MarkFinder,
    progress: Progress | None = None,
    known: Mapping[int, Evidence] | None = None,
) -> list[list[KeyFrame]]:
    """Run the network on frames of a video, shot by shot, but for those that are ``known``."""
    from jarvis_dagster.hockey.video import probe
    from jarvis_dagster.hockey.video.sampling import read_some

    info = probe(path)
    size = (info.width_px, info.height_px)
    wanted = {frame for shot in numbers for frame in shot}
    found = {n: KeyFrame(n, one) for n, one in (known or {}).items() if n in wanted}
    for frame in read_some(path, wanted - found.keys(), size=input_size(size)):
        found[frame.index] = KeyFrame(frame.index, finder(frame.image, size))
        if progress is not None:
            progress(len(found), len(wanted))
    shots = [[found[number] for number in shot if number in found] for shot in numbers]
    return [shot for shot in shots if shot]


def _is_still(scan: pd.DataFrame, shots: Sequence[Sequence[KeyFrame]]) -> bool:
    """Whether the camera never moves, and never cuts."""
    if len(shots) != 1 or len(shots[0]) < 3:
        return False
    good = scan["motion_ok"].to_numpy(bool)
    if good[1:].mean() < 0.9:
        return False
    width = shots[0][0].evidence.size_px[0]
    way = np.abs(np.cumsum(scan[["dx_px", "dy_px"]].to_numpy(np.float64)[good], axis=0))
    zoom = np.abs(np.log(scan["scale"].to_numpy(np.float64)[good])).sum()
    return bool(way.max(initial=0.0) < _STILL_SHARE * width and zoom < 0.02)


def _fit_still(shots: Sequence[Sequence[KeyFrame]], rink: Rink) -> None:
    """One fit for all frames, from what most of them show: people come and go."""
    keys = [key for shot in shots for key in shot]
    first = keys[0].evidence
    some = keys[:: max(1, len(keys) // 40)]
    heat = np.median([key.evidence.heat for key in some], axis=0).astype(np.float32)
    fit = find_camera(points_of(heat, first.size_px, first.cell_px), rink)
    for key in keys:
        key.fit = fit
        key.reason = "no marks of a rink in view" if fit is None else fit.reason


def _still_calibration(shots: Sequence[Sequence[KeyFrame]], rink: Rink) -> Calibration | None:
    key = shots[0][0]
    if key.fit is None or not key.fit.valid:
        return None
    return Calibration(
        rink.name,
        key.evidence.size_px,
        homography=homography(key.fit.pose, key.evidence.size_px),
        error_ft=round(key.fit.error_ft, 3),
        error_px={0: round(error_px(key, rink), 3)},
    )


def _found(
    calibration: Calibration | None,
    shots: Sequence[Sequence[KeyFrame]],
    scan: pd.DataFrame,
    model: str,
) -> Found:
    fits = []
    for key in (key for shot in shots for key in shot):
        fit = key.fit
        fits.append(
            Fitted(
                key.frame,
                fit.explained if fit else 0.0,
                fit.supported if fit else 0.0,
                fit.error_ft if fit else float("nan"),
                key.reason if fit is None else fit.reason,
            )
        )
    held = 0.0
    if calibration is not None:
        frames = len(scan)
        ranges = calibration.valid_frames or ((0, frames - 1),)
        held = sum(last - first + 1 for first, last in ranges) / max(frames, 1)
    return Found(calibration, tuple(fits), min(held, 1.0), model)


def _likely_rink(shots: Sequence[Sequence[KeyFrame]]) -> str:
    """The rink whose lines explain the richest pictures best; NHL unless another is better."""
    keys = [key for shot in shots for key in shot]
    keys.sort(key=lambda key: -Seen(key.evidence).mass)
    chosen: list[KeyFrame] = []
    apart = len(shots) and (keys[-1].frame if keys else 0) / 8
    for key in keys:
        if len(chosen) < _VOTERS and all(abs(key.frame - k.frame) > apart for k in chosen):
            chosen.append(key)
    names = list(RINKS)
    costs = dict.fromkeys(names, 0.0)
    for key in chosen:
        found = find_on_each(key.evidence, [RINKS[name] for name in names])
        key.searched = dict(zip(names, found, strict=True))
        if not any(fit is not None and fit.valid for fit in found):
            continue
        for name, fit in key.searched.items():
            costs[name] += 2.0 if fit is None else 2.0 - fit.explained - fit.supported
    best = min(names, key=lambda name: costs[name])
    clear = costs[names[0]] - costs[best] > _CLEARLY * max(len(chosen), 1)
    return best if clear else names[0]
