"""Camera shots: where one ends and the next begins, and the motion within them.

Belongs here: telling a cut from a flash, a blur and a fast pan. Does not belong
here: reading frames or estimating the motion of one pair (``motion``).

A hard cut is a break that heals in no later frame: the pictures after it cannot
be registered to the last one before it, and look different from it or agree
among themselves. A camera flash heals after a frame or two, and the motion
across it is shared out. A dissolve or wipe is a lasting change of colours within
half a second that the camera's own motion does not explain.
"""

from __future__ import annotations

import dataclasses
import math
from array import array
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.preflight.motion import Motion, Picture, camera_motion

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Look", "MotionLog", "ShotTracker", "look_of"]

_PATIENCE_S = 0.17
"""How long a picture may stay unregistered before it is decided what happened."""
_MIN_SHOT_S = 0.4
_LAG_S = 0.5
_COLOUR_STEP = 0.30
"""Histogram distance beyond which two pictures may be of different shots."""
_SAME_PLACE = 0.85
"""Correlation of two registered thumbs above which they show the same place."""


@dataclasses.dataclass(slots=True, eq=False)
class Look:
    """What a picture looks like, coarsely.

    Args:
        colours: Joint histogram of luma and chroma, sums to 1.
        thumb: Luma, 64 by 36, float32.
    """

    colours: NDArray[np.float32]
    thumb: NDArray[np.float32]


@dataclasses.dataclass(slots=True)
class _Entry:
    number: int
    picture: Picture
    look: Look


def look_of(y: NDArray[np.uint8], u: NDArray[np.uint8], v: NDArray[np.uint8]) -> Look:
    """The look of a small yuv420p picture."""
    import cv2

    half: Any = cv2.resize(y, (u.shape[1], u.shape[0]), interpolation=cv2.INTER_AREA)
    bins = (half >> 5).astype(np.int32) * 256 + (u >> 4) * np.int32(16) + (v >> 4)
    counts = np.bincount(bins.ravel(), minlength=2048).astype(np.float32)
    thumb = cv2.resize(y, (64, 36), interpolation=cv2.INTER_AREA).astype(np.float32)
    return Look(counts / counts.sum(), thumb)


class MotionLog:
    """A motion or ``None`` for each frame, 40 bytes each."""

    _NOTHING = (math.nan,) * 5

    def __init__(self) -> None:
        self._values = array("d")

    def __len__(self) -> int:
        return len(self._values) // 5

    def set(self, number: int, motion: Motion | None) -> None:
        """Keep the motion from frame ``number - 1`` to ``number``."""
        while len(self) <= number:
            self._values.extend(self._NOTHING)
        values = self._NOTHING if motion is None else dataclasses.astuple(motion)
        self._values[5 * number : 5 * number + 5] = array("d", values)

    def get(self, number: int) -> Motion | None:
        """The motion to frame ``number``, if it is known."""
        if number >= len(self) or math.isnan(self._values[5 * number]):
            return None
        return Motion(*self._values[5 * number : 5 * number + 5])


class ShotTracker:
    """Feed it every frame in order; then read :attr:`cuts` and :attr:`motions`.

    Args:
        fps: Average frame rate of the video.
    """

    def __init__(self, fps: float) -> None:
        self.cuts: list[int] = []
        self.motions = MotionLog()
        self._patience = max(2, round(_PATIENCE_S * fps))
        self._min_shot = max(3, round(_MIN_SHOT_S * fps))
        self._last: _Entry | None = None  # the last frame of the shot that registered
        self._pending: list[_Entry] = []
        self._gradual = _GradualChange(fps)

    def add(self, number: int, picture: Picture, look: Look) -> None:
        """Take the next frame."""
        self._register(_Entry(number, picture, look))
        cut = self._gradual.add(number, look, self.motions.get(number), picture.gray.shape)
        if cut is not None:
            self._cut(cut)

    def _register(self, entry: _Entry) -> None:
        number, picture = entry.number, entry.picture
        if self._last is None:
            self._last = entry
            return
        motion = camera_motion(self._last.picture, picture)
        if motion is not None and self._plausible(motion, entry):
            self._heal(entry, motion)
            return
        if self._pending:
            step = camera_motion(self._pending[-1].picture, picture)
            if step is not None:
                self.motions.set(number, step)
        self._pending.append(entry)
        if len(self._pending) > self._patience:
            self._decide()

    def finish(self) -> None:
        """Decide what is still open when the video ends."""
        if len(self._pending) > 1:
            self._decide()

    def _plausible(self, motion: Motion, entry: _Entry) -> bool:
        """A weak agreement between pictures of different colours is chance."""
        assert self._last is not None
        return motion.share > 0.45 or _colour_distance(self._last.look, entry.look) < 0.5

    def _heal(self, entry: _Entry, motion: Motion) -> None:
        assert self._last is not None
        steps = entry.number - self._last.number
        part = motion.root(steps)
        for number in range(self._last.number + 1, entry.number + 1):
            self.motions.set(number, part)
        self._pending.clear()
        self._last = entry

    def _decide(self) -> None:
        assert self._last is not None
        first, newest = self._pending[0], self._pending[-1]
        agree = all(self.motions.get(entry.number) for entry in self._pending[1:])
        broken = agree and _likeness(self._last.look.thumb, first.look.thumb) < 0.8
        if broken or _differ(self._last.look, newest.look):
            self._cut(first.number)
        self._last = newest
        self._pending.clear()

    def _cut(self, number: int) -> None:
        self.motions.set(number, None)
        if any(abs(number - cut) < self._min_shot for cut in self.cuts):
            return  # still the same dissolve or wipe
        self.cuts.append(number)
        self.cuts.sort()
        self._gradual.forget()


class _GradualChange:
    """Finds dissolves and wipes: slow enough that every single step can be registered."""

    def __init__(self, fps: float) -> None:
        self._lag = max(4, round(_LAG_S * fps))
        self._wait = self._lag // 2
        self._recent: deque[tuple[int, Look, Motion | None]] = deque(maxlen=self._lag + self._wait)
        self._since = 0

    def forget(self) -> None:
        """A cut was found: what came before says nothing any more."""
        self._recent.clear()
        self._since = 0

    def add(
        self, number: int, look: Look, motion: Motion | None, shape: tuple[int, ...]
    ) -> int | None:
        """Take the next frame; the number of the first frame of a new shot, or ``None``."""
        self._recent.append((number, look, motion))
        if len(self._recent) <= self._lag:
            return None
        if not self._changed(len(self._recent) - 1 - self._lag, shape):
            self._since = 0
            return None
        self._since += 1
        if self._since < self._wait:
            return None
        return (self._changed(0, shape) and self._crossing()) or None

    def _changed(self, at: int, shape: tuple[int, ...]) -> bool:
        """The newest look is not the one at ``at`` moved by the camera."""
        before, now = self._recent[at][1], self._recent[-1][1]
        if _colour_distance(before, now) < _COLOUR_STEP:
            return False
        chain = np.eye(3)
        for _, _, motion in list(self._recent)[at + 1 :]:
            if motion is not None:
                chain = motion.matrix() @ chain
        return _registered_likeness(before.thumb, now.thumb, chain, shape) < _SAME_PLACE

    def _crossing(self) -> int:
        first, last = self._recent[0][1], self._recent[-1][1]
        for number, look, _ in self._recent:
            if _colour_distance(look, last) < _colour_distance(look, first):
                return number
        return self._recent[-1][0]


def _differ(a: Look, b: Look) -> bool:
    distance = _colour_distance(a, b)
    return distance > _COLOUR_STEP or (distance > 0.12 and _likeness(a.thumb, b.thumb) < 0.4)


def _colour_distance(a: Look, b: Look) -> float:
    return 0.5 * float(np.abs(a.colours - b.colours).sum())


def _likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Correlation of two thumbs after the shift that aligns them best, -1 to 1."""
    import cv2

    (dx, dy), _ = cv2.phaseCorrelate(a, b)
    x, y = round(dx), round(dy)
    height, width = a.shape
    if abs(x) > width // 2 or abs(y) > height // 2:
        x = y = 0
    left = a[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
    right = b[max(0, y) : height - max(0, -y), max(0, x) : width - max(0, -x)]
    if left.std() < 1 or right.std() < 1:
        return 0.0
    return float(np.corrcoef(left.ravel(), right.ravel())[0, 1])


def _registered_likeness(
    before: NDArray[np.float32],
    now: NDArray[np.float32],
    motion: NDArray[np.float64],
    shape: tuple[int, ...],
) -> float:
    """Correlation after moving ``before`` by ``motion``; 1 where too little is left to compare."""
    import cv2

    height, width = before.shape
    to_thumb = np.diag([width / shape[1], height / shape[0], 1.0])
    matrix = (to_thumb @ motion @ np.linalg.inv(to_thumb))[:2]
    moved = cv2.warpAffine(before, matrix, (width, height), borderValue=-1000)
    seen = moved > -1
    if seen.mean() < 0.5 or moved[seen].std() < 1 or now[seen].std() < 1:
        return 1.0
    return float(np.corrcoef(moved[seen], now[seen])[0, 1])
