"""A whole video through the detector.

Belongs here: which frames are looked at, ice and detections over time, the table.
Does not belong here: the network, decoding, what the kits mean.
"""

from __future__ import annotations

import dataclasses
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.collected import Collected
from jarvis_dagster.hockey.detection.input_size import network_size, rows_above
from jarvis_dagster.hockey.detection.remembering import IceOverTime, Memory
from jarvis_dagster.hockey.detection.scene import put_in_place
from jarvis_dagster.hockey.video.scaling import Scaler
from jarvis_dagster.hockey.video.watching import watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import av
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.base import Detections, Detector
    from jarvis_dagster.hockey.detection.icemask import IceMask
    from jarvis_dagster.hockey.detection.input_size import Distance
    from jarvis_dagster.hockey.video import VideoInfo

    _Seen = tuple[int, float, NDArray[np.uint8], IceMask]

    Correction = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

__all__ = ["People", "StrideChoice", "choose_stride", "detect_video", "measure_detector"]

_LOOKS_PER_SECOND = 15.0
"""Below this the tracker has to guess too much between two looks at a skater: with 10 a second
people swap identities where they pass each other, on real footage (rendered games lose nothing)."""
_PICTURE_PX = 768
"""Longer side, at least, of the pictures that are looked at: enough for the colours of a kit. They
are scaled once, to what the network sees: scaled twice, they show it less."""


@dataclasses.dataclass(frozen=True)
class StrideChoice:
    """Every how many frames the detector looks, and the measurement behind it."""

    stride: int
    detector_ms: float
    """Wall time for one picture when measured."""
    budget_ms: float
    """Wall time that detection may take a source frame."""
    reason: str


def measure_detector(
    detector: Detector, width_px: int, height_px: int, *, rounds: int = 5
) -> float:
    """Wall milliseconds that ``detector`` needs to look at a video of that size, after warm-up.

    The median of ``rounds`` on a picture of noise; nothing in it looks like a person, so what
    is measured is the network, which is nearly all there is. As many are looked at at a time as
    in a video.
    """
    width, height = _picture_size(width_px, height_px, detector)
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    detector = detector.for_video()
    pictures, times = [picture] * detector.at_once, []
    with ThreadPoolExecutor(detector.at_once) as threads:
        for _ in range(1 + max(1, rounds)):
            began = time.perf_counter()
            list(threads.map(detector.look, pictures))
            times.append((time.perf_counter() - began) / detector.at_once)
    return 1000 * float(np.median(times[1:]))


def choose_stride(
    fps: float, ms_per_image: float, *, budget_ms: float | None = None
) -> StrideChoice:
    """The smallest stride that keeps detection within ``budget_ms`` of wall time a frame.

    The default budget is an eighth of a frame's duration: decoding, drawing and the rest need
    several times that, and all together should take less than the game. However slow the
    machine, at least 15 looks a second are kept (or every frame, where the video has fewer).

    Raises:
        BadInputError: ``fps`` or ``ms_per_image`` is not positive.
    """
    if not (fps > 0 and math.isfinite(fps) and ms_per_image > 0):
        raise BadInputError(f"No stride for {fps} frames/s and {ms_per_image} ms a picture.")
    budget = 1000 / fps / 8 if budget_ms is None else budget_ms
    most = max(1, int(fps / _LOOKS_PER_SECOND + 0.05))
    affordable = max(1, math.ceil(ms_per_image / budget - 1e-9))
    stride = min(most, affordable)
    reason = (
        f"{ms_per_image:.1f} ms a picture against {budget:.1f} ms a frame needs every "
        f"{affordable}. frame; at {fps:.2f} frames/s at most every {most}. keeps "
        f"{_LOOKS_PER_SECOND:.0f} looks a second"
    )
    return StrideChoice(stride, ms_per_image, budget, reason)


def _picture_size(width_px: int, height_px: int, detector: Detector) -> tuple[int, int]:
    """(width, height) of the pictures that are looked at; never larger than the video."""
    shown = network_size(width_px, height_px, detector.width_px)
    least = _PICTURE_PX / max(width_px, height_px)
    scale = min(1.0, max(least, min(shown[0] / width_px, shown[1] / height_px)))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def detect_video(
    path: Path,
    detector: Detector,
    *,
    stride: int,
    progress: Callable[[int, int], None] | None = None,
    correct: Correction | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Detections of every ``stride``-th frame of a video, and their kit features.

    Memory grows with the number of detections only; frames are streamed.

    Args:
        correct: Done to each picture (H, W, 3) before anything is looked for in it.

    Returns:
        The table DETECTIONS with two columns behind its own, ``p_goalkeeper`` and
        ``p_referee`` (the network's role probabilities; the rest to 1 is player), and a
        row-aligned table of ``roles.KIT_COLUMNS``.

    Raises:
        BadVideoError: the file is not a readable video.
        BadInputError: ``stride`` is not positive.
    """
    from jarvis_dagster.hockey.video import probe

    info = probe(path)
    people = People(info, detector, stride, correct)
    watch(path, [people], frames=info.frame_count, progress=progress)
    return people.tables()


class People:
    """A watcher (:class:`~jarvis_dagster.hockey.video.watching.Watcher`) that finds people.

    Args:
        memory: What the first look remembers.
        start: Frames before it are looked at for what is remembered of them, and not told of.

    Attributes:
        distance: What the detector measured, where it measures; see ``input_size.Distance``.
        at_once: How many threads are worth having that :meth:`think`.
        begun: How many measurements were before ``start``.
        looks: At how many frames it looked from there on.

    Raises:
        BadInputError: ``stride`` is not positive.
    """

    def __init__(
        self,
        info: VideoInfo,
        detector: Detector,
        stride: int,
        correct: Correction | None = None,
        memory: Memory | None = None,
        start: int = 0,
    ) -> None:
        if stride < 1:
            raise BadInputError(f"A stride of {stride} frames is not possible.", "Use 1 or more.")
        # One mask, steadied over time, instead of the detector's own for each picture.
        self._finder, self._least = detector.for_video(), detector.score_threshold
        self.at_once = self._finder.at_once
        self._stride, self._correct = stride, correct
        width, height = self._size = _picture_size(info.width_px, info.height_px, detector)
        self._scale = np.array([info.width_px / width, info.height_px / height] * 2, np.float32)
        self._before = memory or Memory()
        self.distance: Distance | None = getattr(self._finder, "distance", None)
        if self.distance is not None:
            self.distance.tall_px = self._before.tall_px
        self._start, self._tall_px = start, self._before.tall_px
        self.begun = self.looks = 0
        self._scaler, self._ice = Scaler(self._size, "bgr24"), IceOverTime(self._before.ice)
        self._collected = Collected()

    def prepare(self, number: int, pts_s: float, frame: av.VideoFrame) -> _Seen | None:
        """A small picture and its ice, of every ``stride``-th frame."""
        if number % self._stride:
            return None
        image = self._scaler(frame)
        if self._correct is not None:
            image = self._correct(image)
        if number == self._start:
            self._before = dataclasses.replace(self._before, ice=self._ice.mask)
        return number, pts_s, image, self._ice.update(image)

    def think(self, seen: _Seen) -> tuple[_Seen, int, Detections]:
        """Who is in the picture, without so many rows above."""
        image, ice = seen[2:]
        above = 0
        if self.distance is not None:
            above = rows_above(ice, *self._size, self._finder.width_px)
        return seen, above, self._finder.look(image[above:])

    def take(self, thought: tuple[_Seen, int, Detections]) -> None:
        """Who of them is on the ice, and what they wear."""
        from jarvis_dagster.hockey.roles import KIT_COLUMNS, kit_features

        (number, pts_s, image, mask), above, found = thought
        if number == self._start and self.distance is not None:
            self.begun = len(self.distance.measured)
            self._tall_px = self.distance.tall_px
        found = self._finder.settle(image[above:], found).lower(above)
        if number < self._start:
            return
        self.looks += 1
        found = put_in_place(found, mask, *self._size, self._least).with_pucks()
        if len(found):
            kit = kit_features(image, found.xyxy)
            kit[:, KIT_COLUMNS.index("height_px")] *= self._scale[1]
            found.xyxy *= self._scale
            self._collected.add(number, pts_s, found, kit)

    @property
    def memory(self) -> tuple[Memory, Memory]:
        """What the look at ``start`` remembered, and what a next look would."""
        now = None if self.distance is None else self.distance.tall_px
        return dataclasses.replace(self._before, tall_px=self._tall_px), Memory(self._ice.mask, now)

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """As :func:`detect_video` returns them."""
        return self._collected.tables()
