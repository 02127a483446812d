"""Frames of a video, in order, upright, with exact times.

Belongs here: what callers read. Does not belong here: sampling policies, or how
decoding and scaling work (``decoding``, ``scaling``).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, BadVideoError
from jarvis_dagster.hockey.video.decoding import decoded
from jarvis_dagster.hockey.video.probing import probe
from jarvis_dagster.hockey.video.scaling import Scaler

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Frame", "read_frame", "read_frames"]


@dataclasses.dataclass(slots=True)
class Frame:
    """One frame.

    Args:
        index: Its number, counting every frame of the video from 0.
        pts_s: Seconds from the first frame.
        image: BGR (H, W, 3) uint8, upright; or luma (H, W) when asked for.
    """

    index: int
    pts_s: float
    image: NDArray[np.uint8]


def read_frames(
    path: Path,
    *,
    start: int = 0,
    stop: int | None = None,
    every: int = 1,
    size: tuple[int, int] | None = None,
    gray: bool = False,
) -> Iterator[Frame]:
    """Decode frames ``start``, ``start + every``, … before ``stop``.

    Args:
        path: A video file.
        start: First frame; reached by seeking where the file allows it.
        stop: End, exclusive; ``None`` is the end of the video.
        every: Only every n-th frame is converted and yielded.
        size: (width, height) of the images; ``None`` keeps the upright size.
        gray: Yield luma (H, W) instead of BGR; cheaper.

    Raises:
        BadVideoError: nothing can be decoded. Damage further on ends or thins
            the frames and is logged with the number of frames lost.
        BadInputError: ``start``, ``stop`` or ``every`` make no sense.
    """
    if start < 0 or every < 1 or (stop is not None and stop < start):
        raise BadInputError(
            f"Frames {start} to {stop} by {every} cannot be read.",
            "Give start >= 0, stop >= start and every >= 1.",
        )
    if size is None:
        info = probe(path)
        size = info.width_px, info.height_px
    scaler = Scaler(size, "gray" if gray else "bgr24")
    for index, pts_s, frame in decoded(path, start=start, stop=stop):
        if (index - start) % every == 0:
            yield Frame(index, pts_s, scaler(frame))


def read_frame(path: Path, index: int, *, size: tuple[int, int] | None = None) -> Frame:
    """The frame with number ``index``.

    Raises:
        BadVideoError: the video has no such frame.
    """
    for frame in read_frames(path, start=index, stop=index + 1, size=size):
        return frame
    raise BadVideoError(f"“{Path(path).name}” has no frame {index}.", "Ask for an earlier one.")
