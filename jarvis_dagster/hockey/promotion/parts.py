"""Parts of a video that a challenger looks at in the shadow, and what it finds there.

Belongs here: which parts, and looking at them. Does not belong here: comparing (``shadow``).

A part is looked at as the whole video is: at the same stride, with the looks before it remembered.
So what differs from the champion's results differs by the model alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.base import Detector

    Correction = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
    Part = tuple[int, int]

__all__ = ["choose_parts", "detect_parts", "looks_of", "within"]


def choose_parts(
    frame_count: int, fps: float, stride: int, seconds: float, most: int = 4
) -> list[Part]:
    """Up to ``most`` parts (start, stop), ``seconds`` long together and spread over the video.

    Each begins with a frame that is looked at; a shorter video is one part.
    """
    looks, wanted = -(-frame_count // stride), max(1, round(seconds * fps / stride))
    if looks <= wanted:
        return [(0, frame_count)]
    most = min(most, wanted)
    long, room = wanted // most, looks / most
    starts = [int(room * number + (room - long) / 2) for number in range(most)]
    return [(at * stride, min((at + long) * stride, frame_count)) for at in starts]


def looks_of(parts: Sequence[Part], stride: int) -> int:
    """How many frames of the parts are looked at."""
    return sum(-(-(stop - start) // stride) for start, stop in parts)


def detect_parts(
    path: Path,
    detector: Detector,
    parts: Sequence[Part],
    *,
    stride: int,
    correct: Correction | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """DETECTIONS of some parts of a video, as ``detect_video`` makes them of all of it.

    Raises:
        BadVideoError: the file is not a readable video.
    """
    from jarvis_dagster.hockey.detection.segments import detect_segment, join

    total, before, found = sum(stop - start for start, stop in parts), 0, []
    for start, stop in parts:

        def told(done: int, _total: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, total)

        one = detect_segment(
            path, detector, stride=stride, start=start, stop=stop, correct=correct, progress=told
        )
        found.append((one.detections, one.kit))
        before += stop - start
    return join(found)[0]


def within(table: pd.DataFrame, parts: Sequence[Part]) -> pd.DataFrame:
    """The rows of a DETECTIONS table whose frames are in the parts."""
    frames = table["frame"].to_numpy(np.int64)
    inside = np.zeros(len(frames), bool)
    for start, stop in parts:
        inside |= (frames >= start) & (frames < stop)
    return table[inside].reset_index(drop=True)
