"""How people move in the picture once the camera's own motion is taken out.

Belongs here: speeds in body heights per second, and what a whole frame does.
Does not belong here: what the motion is called (:mod:`.play`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["FrameMotion", "Motion", "frame_motion", "measure_motion", "paced", "runs", "smooth"]

_LAG_S = 0.3
"""Speeds are differences over this time: long enough for the jitter of boxes."""
_PEOPLE = ("player", "goalkeeper")
_HEIGHT_FT = 6.2
_FASTEST = 9.0
"""Body heights per second; about 50 ft/s, which nobody skates: a tracking error."""


@dataclasses.dataclass(frozen=True)
class Motion:
    """One row a row of the tracks given.

    Attributes:
        velocity: (N, 2) body heights per second, right and down; NaN: not known.
        height_px: (N,) the person's height, steadied over the track.
    """

    velocity: NDArray[np.float64]
    height_px: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class FrameMotion:
    """One row a frame of the video, (F,) each; NaN where nobody was measured.

    Attributes:
        people: players and goalkeepers with a known speed.
        speed: their median speed, body heights per second.
        energy: the sum of their speeds: how much goes on.
        shot: number of the camera shot the frame is in.
    """

    people: NDArray[np.int64]
    speed: NDArray[np.float64]
    energy: NDArray[np.float64]
    shot: NDArray[np.int64]


def measure_motion(tracks: pd.DataFrame, scan: pd.DataFrame, fps: float) -> Motion:
    """Velocity of every row of ``tracks`` relative to the ice, as far as it is known.

    The camera's frame-to-frame motion from ``scan`` is chained within each stretch
    in which it is known; a point then has the same place wherever the camera looks.
    """
    count = len(tracks)
    track = tracks["track_id"].to_numpy(np.int64)
    frame = tracks["frame"].to_numpy(np.int64)
    height = _steady_height(tracks)
    velocity = np.full((count, 2), np.nan)
    if not count:
        return Motion(velocity, height)
    shift, turn, stretch = _camera_chain(scan, int(frame.max()) + 1)
    foot = (tracks["x1_px"] + tracks["x2_px"]).to_numpy(np.float64) / 2 + 1j * tracks[
        "y2_px"
    ].to_numpy(np.float64)
    place = (foot - shift[frame]) / turn[frame]

    order = np.lexsort((frame, track))
    lag = max(1, round(_LAG_S * fps))
    early, late = order[:-lag], order[lag:]
    same = (track[early] == track[late]) & (frame[late] - frame[early] == lag)
    same &= stretch[frame[early]] == stretch[frame[late]]
    early, late = early[same], late[same]
    step = (place[late] - place[early]) * np.abs(turn[frame[late]]) * fps / lag
    step = step / np.maximum(height[late], 1.0)
    step[np.abs(step) > _FASTEST] = np.nan
    # The difference describes the middle of the lag.
    middle = np.minimum(np.arange(len(order) - lag) + lag // 2, len(order) - 1)
    rows = order[middle[np.flatnonzero(same)]]
    velocity[rows, 0], velocity[rows, 1] = step.real, step.imag
    return Motion(velocity, height)


def frame_motion(
    tracks: pd.DataFrame, motion: Motion, scan: pd.DataFrame, frame_count: int
) -> FrameMotion:
    """What all players and goalkeepers of a frame do together."""
    speed = np.hypot(motion.velocity[:, 0], motion.velocity[:, 1])
    role = tracks["role"].to_numpy(str)
    counted = np.isfinite(speed) & (np.isin(role, _PEOPLE))
    frame = tracks["frame"].to_numpy(np.int64)[counted]
    speed = speed[counted]
    people = np.bincount(frame, minlength=frame_count)[:frame_count]
    energy = np.bincount(frame, speed, minlength=frame_count)[:frame_count]
    median = np.full(frame_count, np.nan)
    order = np.lexsort((speed, frame))
    first = np.searchsorted(frame[order], np.arange(frame_count))
    some = people > 0
    median[some] = speed[order][first[some] + people[some] // 2]
    cuts = np.zeros(frame_count, bool)
    cut_frames = scan.loc[scan["is_cut"], "frame"].to_numpy(np.int64)
    cuts[cut_frames[(cut_frames > 0) & (cut_frames < frame_count)]] = True
    return FrameMotion(people, median, np.where(some, energy, np.nan), np.cumsum(cuts))


def paced(frames: FrameMotion, placed: pd.DataFrame) -> FrameMotion:
    """``frames`` with the median speed from places on the rink, wherever four people have one."""
    people = placed[placed["role"].isin(_PEOPLE) & placed["speed_ftps"].notna()]
    found = people.groupby("frame")["speed_ftps"].agg(["median", "size"])
    found = found[found["size"] >= 4]
    speed = frames.speed.copy()
    speed[found.index.to_numpy(np.int64)] = found["median"].to_numpy(np.float64) / _HEIGHT_FT
    return dataclasses.replace(frames, speed=speed)


def smooth(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Running mean over ``width`` samples that skips NaN; NaN where all are."""
    known = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0))])
    number = np.concatenate([[0], np.cumsum(known)])
    at = np.arange(len(values))
    low = np.maximum(at - width // 2, 0)
    high = np.minimum(at + (width + 1) // 2, len(values))
    share = number[high] - number[low]
    return np.where(share > 0, (total[high] - total[low]) / np.maximum(share, 1), np.nan)


def runs(
    mask: NDArray[np.bool_], *, shortest: int, gap: int = 0, group: NDArray[np.int64] | None = None
) -> list[tuple[int, int]]:
    """Half-open runs of True of at least ``shortest``, bridging gaps up to ``gap``.

    A run never crosses a change of ``group``.
    """
    if not len(mask):
        return []
    inside = np.flatnonzero(mask)
    if not len(inside):
        return []
    breaks = np.diff(inside) > gap + 1
    if group is not None:
        breaks |= np.diff(group[inside]) != 0
    starts = inside[np.concatenate([[True], breaks])]
    stops = inside[np.concatenate([breaks, [True]])] + 1
    return [(int(a), int(b)) for a, b in zip(starts, stops, strict=True) if b - a >= shortest]


def _steady_height(tracks: pd.DataFrame) -> NDArray[np.float64]:
    """Box height, averaged over about a second of the track: arms and falls matter less."""
    height = (tracks["y2_px"] - tracks["y1_px"]).astype("float64")
    ordered = tracks.assign(_h=height).sort_values(["track_id", "frame"], kind="stable")
    steady = ordered.groupby("track_id")["_h"].transform(
        lambda h: h.rolling(31, center=True, min_periods=1).median()
    )
    return np.asarray(steady.reindex(tracks.index).to_numpy(np.float64))


def _camera_chain(
    scan: pd.DataFrame, frame_count: int
) -> tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.int64]]:
    """Per frame: place z in the first frame of the stretch is (z - shift) / turn."""
    size = max(frame_count, int(scan["frame"].max()) + 1 if len(scan) else 0)
    shift = np.zeros(size, complex)
    turn = np.ones(size, complex)
    fresh = np.ones(size, bool)
    at = scan["frame"].to_numpy(np.int64)
    known = scan["motion_ok"].to_numpy(bool) & ~scan["is_cut"].to_numpy(bool)
    fresh[at] = ~known
    step_turn = np.ones(size, complex)
    step_shift = np.zeros(size, complex)
    step_turn[at] = scan["scale"].to_numpy(np.float64) * np.exp(
        1j * scan["angle_rad"].to_numpy(np.float64)
    )
    step_shift[at] = scan["dx_px"].to_numpy(np.float64) + 1j * scan["dy_px"].to_numpy(np.float64)
    for i in range(1, size):
        if not fresh[i]:
            turn[i] = step_turn[i] * turn[i - 1]
            shift[i] = step_turn[i] * shift[i - 1] + step_shift[i]
    return shift, turn, np.cumsum(fresh)
