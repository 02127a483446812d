"""Parts of a video through the detector, and whether they join without a seam.

Belongs here: one part, the plan of all, what has to be looked at again, joining. Does not belong
here: who looks at which part where (``jarvis_dagster/workflows``).

A look depends on those before it in two things: where the ice was, and how tall people were. A
part finds both out from a few looks before its first, which is mostly right. Where it was not,
:func:`unlike` says so, and with what the part has to be looked at again: what is joined in the end
is what one pass over the video finds.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.detection.input_size import Distance
from jarvis_dagster.hockey.detection.remembering import Memory
from jarvis_dagster.hockey.detection.video import People
from jarvis_dagster.hockey.video.watching import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.detection.base import Detector

    Correction = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

__all__ = ["WARM_UP", "Border", "Segment", "detect_segment", "join", "plan_segments", "unlike"]

WARM_UP = 6
"""Looks before a part: as many as the ice is remembered for."""


@dataclasses.dataclass(frozen=True)
class Border:
    """What tells whether a part fits to the one before it.

    Attributes:
        start: Its first frame.
        stop: Its end, exclusive.
        looks: How many frames were looked at.
        before: What its first look remembered.
        after: What a next look would remember.
        measured: (looks,) float64: see ``Distance.measured``; empty where nobody measured.
        widths: (looks,) int64: see ``Distance.widths``.
        network_width_px: Of the usual look.
    """

    start: int
    stop: int
    looks: int
    before: Memory
    after: Memory
    measured: NDArray[np.float64]
    widths: NDArray[np.int64]
    network_width_px: int


@dataclasses.dataclass(frozen=True)
class Segment:
    """What was found in a part of a video: tables as of ``detect_video``."""

    detections: pd.DataFrame
    kit: pd.DataFrame
    border: Border


def plan_segments(frame_count: int, stride: int, frames: int) -> list[tuple[int, int]]:
    """Start and stop of parts of about ``frames`` frames, each beginning with a look.

    A last part of less than half of that is joined to the one before it.

    Raises:
        BadInputError: an argument is not positive.
    """
    if min(frame_count, stride, frames) < 1:
        raise BadInputError(f"{frame_count} frames in parts of {frames} by {stride} make no sense.")
    step = max(1, round(frames / stride)) * stride
    starts = list(range(0, frame_count, step))
    if len(starts) > 1 and frame_count - starts[-1] < step / 2:
        starts.pop()
    return list(zip(starts, [*starts[1:], frame_count], strict=True))


def detect_segment(
    path: Path,
    detector: Detector,
    *,
    stride: int,
    start: int,
    stop: int,
    memory: Memory | None = None,
    correct: Correction | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Segment:
    """Detections of every ``stride``-th frame from ``start``, before ``stop``.

    Args:
        start: A multiple of ``stride``.
        memory: What the first look remembers; None finds it out from the looks before.
        correct: Done to each picture before anything is looked for in it.
        progress: Is told frames done and in all, of this part.

    Raises:
        BadVideoError: the file is not a readable video.
        BadInputError: ``stride`` is not positive, or ``start`` is no multiple of it.
    """
    from jarvis_dagster.hockey.video import probe

    if start % max(stride, 1):
        raise BadInputError(f"Frame {start} is not looked at with a stride of {stride}.")
    people = People(probe(path), detector, stride, correct, memory, start)
    first = start if memory is not None else max(0, start - WARM_UP * stride)

    def told(done: int, _total: int) -> None:
        if progress is not None:
            progress(min(max(done - start, 0), stop - start), stop - start)

    watch(path, [people], start=first, stop=stop, progress=told)
    detections, kit = people.tables()
    distance = people.distance or Distance()
    before, after = people.memory
    border = Border(
        start,
        stop,
        people.looks,
        before,
        after,
        np.array(distance.measured[people.begun :], np.float64),
        np.array(distance.widths[people.begun :], np.int64),
        detector.width_px,
    )
    return Segment(detections, kit, border)


def unlike(borders: Sequence[Border]) -> dict[int, Memory]:
    """Which parts have to be looked at again, and what their first look remembers.

    Args:
        borders: Of all parts, in order.

    Returns:
        By number. Empty: the parts join to what one pass finds. How tall people are is known
        of every part; the ice behind a part that is looked at again only afterwards: ask again
        then.
    """
    wrong: dict[int, Memory] = {}
    distance = Distance()
    for number, border in enumerate(borders):
        tall_px = distance.tall_px
        widths = [
            distance.step(tall, border.network_width_px) or 0 for tall in border.measured.tolist()
        ]
        ice = borders[number - 1].after.ice if number else None
        same_ice = _same(ice, border.before.ice)
        if same_ice and widths == border.widths.tolist():
            continue
        if not same_ice and number - 1 in wrong:
            continue  # what is remembered there is known when the part before it was
        wrong[number] = Memory(ice, tall_px)
    return wrong


def _same(a: NDArray[np.float32] | None, b: NDArray[np.float32] | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)


def join(
    segments: Sequence[tuple[pd.DataFrame, pd.DataFrame]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of all parts, in order, as one pass makes them."""
    import pandas as pd

    filled = [pair for pair in segments if len(pair[0])] or list(segments[:1])
    detections, kits = zip(*filled, strict=True)
    return pd.concat(detections, ignore_index=True), pd.concat(kits, ignore_index=True)
