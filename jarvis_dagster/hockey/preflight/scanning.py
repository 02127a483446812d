"""One cheap pass over a whole video: the SCAN table.

Belongs here: reading small pictures and measuring each. Does not belong here:
what the measures mean for a coach (``report``).
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey import tables
from jarvis_dagster.hockey.preflight.motion import Motion, Picture
from jarvis_dagster.hockey.preflight.shots import Look, ShotTracker, look_of
from jarvis_dagster.hockey.video import VideoInfo, probe
from jarvis_dagster.hockey.video.scaling import Scaler
from jarvis_dagster.hockey.video.watching import watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import av
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["ICE_SHARE", "Scan", "ice_share", "scan_video"]

_SIDE_PX = 320

ICE_SHARE = "ice_share"
"""Name of the scan's column beyond SCAN: the part of the picture that looks like ice."""


def scan_video(path: Path, *, progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Measure every frame at 320 px: light, sharpness, change, cuts, camera motion, ice.

    Camera motion is in source pixels; it maps a point of the frame before to
    this frame. The deblocking filter is left out of decoding: at this size it
    changes nothing that is measured.

    Args:
        path: A video.
        progress: Called with (frames done, frames in all).

    Returns:
        A table of the columns SCAN and ``ice_share`` (0 to 1), one row a frame.

    Raises:
        BadVideoError: the video cannot be decoded.
    """
    info = probe(path)
    scan = Scan(info)
    watch(path, [scan], frames=info.frame_count, unsmoothed="all", progress=progress)
    return scan.table()


class Scan:
    """A watcher (:class:`~jarvis_dagster.hockey.video.watching.Watcher`) that measures frames."""

    def __init__(self, info: VideoInfo) -> None:
        self._info, self._size = info, _small_size(info)
        self._scaler = Scaler(self._size, "yuv420p")
        self._before: NDArray[np.uint8] | None = None
        self._shots = ShotTracker(info.fps)
        self._rows = array("d")  # pts_s, luma, sharpness, difference, ice share

    def prepare(
        self, number: int, pts_s: float, frame: av.VideoFrame
    ) -> tuple[int, tuple[float, ...], Picture, Look]:
        """Number, values of the table, small picture and its look."""
        y, u, v = self._scaler.planes(frame)
        measures = (pts_s, *_measures(y, self._before), ice_share(y, u, v))
        self._before = y
        return number, measures, Picture(y), look_of(y, u, v)

    def think(self, seen: Any) -> Any:
        """What is measured depends on the frame before; others have the thread to themselves."""
        return seen

    def take(self, thought: tuple[int, tuple[float, ...], Picture, Look]) -> None:
        """How the camera moved, and whether a shot ended."""
        number, measures, picture, look = thought
        self._rows.extend(measures)
        self._shots.add(number, picture, look)

    def table(self) -> pd.DataFrame:
        """SCAN and ``ice_share``, once every frame was seen."""
        self._shots.finish()
        return _table(self._rows, self._shots, self._info, self._size)


def ice_share(y: NDArray[np.uint8], u: NDArray[np.uint8], v: NDArray[np.uint8]) -> float:
    """Share of the picture that is bright for this picture, nearly colourless and even.

    Args:
        y: Luma (H, W). u, v: chroma (H / 2, W / 2).
    """
    import cv2

    half = cv2.resize(y, (u.shape[1], u.shape[0]), interpolation=cv2.INTER_AREA)
    sample = half[::2, ::2].ravel()
    rank = int(0.95 * (sample.size - 1))
    white = float(np.partition(sample, rank)[rank])
    mean = cv2.blur(half, (7, 7))
    unrest = cv2.blur(cv2.absdiff(half, mean), (7, 7))
    grey = np.full_like(u, 128)
    colour = np.maximum(cv2.absdiff(u, grey), cv2.absdiff(v, grey))
    even = unrest <= max(2.0, 0.05 * white)
    return float(np.mean((mean > max(30.0, 0.6 * white)) & (colour < 24) & even))


def _small_size(info: VideoInfo) -> tuple[int, int]:
    scale = _SIDE_PX / max(info.width_px, info.height_px)
    return (
        max(16, 2 * round(info.width_px * scale / 2)),
        max(16, 2 * round(info.height_px * scale / 2)),
    )


def _measures(y: NDArray[np.uint8], before: NDArray[np.uint8] | None) -> tuple[float, float, float]:
    """Mean luma, variance of the Laplacian, mean absolute difference to the frame before."""
    import cv2

    deviation: Any = cv2.meanStdDev(cv2.Laplacian(y, cv2.CV_16S))[1]
    difference = 0.0 if before is None else float(cv2.mean(cv2.absdiff(y, before))[0])
    return float(cv2.mean(y)[0]), float(deviation[0][0]) ** 2, difference


def _table(
    rows: array[float],
    shots: ShotTracker,
    info: VideoInfo,
    size: tuple[int, int],
) -> pd.DataFrame:
    import pandas as pd

    values = np.array(rows, dtype=np.float64).reshape(-1, 5)
    count = len(values)
    motion = np.tile(np.array([0.0, 0.0, 1.0, 0.0]), (count, 1))
    known = np.zeros(count, bool)
    for number in range(count):
        if (found := shots.motions.get(number)) is not None:
            motion[number] = _in_source_pixels(found, info, size)
            known[number] = True
    cut = np.zeros(count, bool)
    cut[shots.cuts] = True
    known &= ~cut
    motion[~known] = (0.0, 0.0, 1.0, 0.0)
    columns = {
        "frame": np.arange(count),
        "pts_s": values[:, 0],
        "luma": values[:, 1],
        "sharpness": values[:, 2],
        "difference": values[:, 3],
        "is_cut": cut,
        "dx_px": motion[:, 0],
        "dy_px": motion[:, 1],
        "scale": motion[:, 2],
        "angle_rad": motion[:, 3],
        "motion_ok": known,
        ICE_SHARE: values[:, 4],
    }
    return pd.DataFrame(columns).astype({**tables.SCAN, ICE_SHARE: "float32"})


def _in_source_pixels(
    motion: Motion, info: VideoInfo, size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Scale a motion of the small picture up; pixel centres, not corners, coincide."""
    up_x, up_y = info.width_px / size[0], info.height_px / size[1]
    centre = np.array([(up_x - 1) / 2, (up_y - 1) / 2])
    turn = motion.matrix()[:2, :2]
    shift = np.array([motion.dx * up_x, motion.dy * up_y]) + centre - turn @ centre
    return float(shift[0]), float(shift[1]), motion.scale, motion.angle
