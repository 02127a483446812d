"""Frames of a video, in order, upright, with exact times.

Belongs here: decoding. Does not belong here: sampling policies or analysis.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError, BadVideoError
from jarvis_dagster.hockey.video.container import (
    open_video,
    packet_index,
    picture_stream,
    quarter_turns,
)
from jarvis_dagster.hockey.video.probing import probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.container import InputContainer
    from numpy.typing import NDArray

__all__ = ["Frame", "Scaler", "decoded", "plane_array", "read_frame", "read_frames"]

log = logging.getLogger(__name__)


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


def decoded(
    path: Path, *, start: int = 0, stop: int | None = None, skip_loop_filter: bool = False
) -> Iterator[tuple[int, float, av.VideoFrame]]:
    """Number, time and decoder frame (not turned, not scaled) of frames in ``[start, stop)``."""
    path = Path(path)
    with open_video(path) as container:
        stream = picture_stream(container, path)
        context = stream.codec_context
        context.thread_type = "AUTO"
        if skip_loop_filter:
            context.options = {**context.options, "skip_loop_filter": "all"}
        clock = _Clock(float(stream.time_base or 0), float(stream.average_rate or 0) or 25.0)
        times = packet_index(path).times_s if start > 0 else np.empty(0)
        at = _seek(container, stream, times, start) if start > 0 else 0
        failures, count = [0], 0
        for frame in _deinterlaced(_frames(container, stream, failures)):
            if at is None:  # just after a seek: find out which frame this is
                at = _number_of(frame, stream, times)
            pts_s = clock(frame.pts, at if count == 0 else None, times)
            count += 1
            if stop is not None and at >= stop:
                break
            if at >= start:
                yield at, pts_s, frame
            at += 1
        if failures[0]:
            log.warning("%s: %d packets could not be decoded.", path.name, failures[0])
        if count == 0 and start == 0:
            raise BadVideoError(
                f"“{path.name}” holds no picture that can be decoded.", "Upload it again."
            )


class _Clock:
    """Times from the first frame that never run backwards."""

    def __init__(self, time_base: float, fps: float) -> None:
        self._base, self._step = time_base, 1.0 / fps
        self._zero: float | None = None
        self._last = -self._step

    def __call__(
        self, pts: int | None, first_number: int | None, times: NDArray[np.float64]
    ) -> float:
        if first_number and first_number < times.size:  # the first frame after a seek
            self._last = float(times[first_number])
            self._zero = None if pts is None else pts * self._base - self._last
            return self._last
        if pts is None:
            now = self._last + self._step
        else:
            if self._zero is None:
                self._zero = pts * self._base - (self._last + self._step)
            now = pts * self._base - self._zero
            if now <= self._last:  # a clock that was reset within the file
                self._zero -= self._last + self._step - now
                now = self._last + self._step
        self._last = now
        return now


def _seek(
    container: InputContainer, stream: av.VideoStream, times: NDArray[np.float64], start: int
) -> int | None:
    """Go to the key frame at or before ``start``; 0 when the file must be read from its head."""
    import av

    if start >= times.size or not stream.time_base:
        return 0
    first = stream.start_time or 0
    try:
        container.seek(int(first + times[start] / float(stream.time_base)), stream=stream)
    except av.error.FFmpegError:
        return 0
    return None


def _number_of(frame: av.VideoFrame, stream: av.VideoStream, times: NDArray[np.float64]) -> int:
    base = float(stream.time_base or 1)
    at = ((frame.pts or 0) - (stream.start_time or 0)) * base
    return int(np.argmin(np.abs(times - at)))


def _frames(
    container: InputContainer, stream: av.VideoStream, failures: list[int]
) -> Iterator[av.VideoFrame]:
    """Decoder frames; damage is counted in ``failures[0]`` and passed over."""
    import av

    demuxer: Any = container.demux(stream)
    while True:
        try:
            packet = next(demuxer)
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            log.warning("The video ends early: %s", error)
            packet = None
        try:
            yield from (stream.decode(None) if packet is None else packet.decode())
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            failures[0] += 1
        if packet is None:
            return


def _deinterlaced(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Rebuild whole pictures from fields (BWDIF); progressive video passes untouched."""
    first = next(frames, None)
    if first is None:
        return
    if not first.interlaced_frame:
        yield first
        yield from frames
        return
    import av

    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=first.width,
        height=first.height,
        format=first.format,
        time_base=first.time_base or Fraction(1, 90_000),
    )
    graph.link_nodes(
        source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
    ).configure()
    # The filter holds one frame back and halves the clock: the times are put back in order.
    times: deque[int | None] = deque()
    for frame in itertools.chain([first], frames, [None]):
        if frame is not None:
            times.append(frame.pts)
        graph.push(frame)
        yield from _pulled(graph, times)


def _pulled(graph: Any, times: deque[int | None]) -> Iterator[av.VideoFrame]:
    import av

    while times:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        frame.pts = times.popleft()
        yield frame


class Scaler:
    """Decoder frame to upright arrays of a fixed size.

    The size is fixed, so that a change of size within a file changes nothing.

    Args:
        size: Upright (width, height).
        pixel_format: ``bgr24``, ``gray`` or (for :meth:`planes`) ``yuv420p``.
    """

    def __init__(self, size: tuple[int, int], pixel_format: str) -> None:
        from av.video.reformatter import VideoReformatter

        self._size, self._format = size, pixel_format
        self._scale: Any = VideoReformatter()  # keeps its filters from frame to frame

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """The picture as one array: (H, W, 3), or (H, W) for ``gray``."""
        turns = quarter_turns(frame)
        image: Any = self._scaled(frame, turns).to_ndarray()
        return _turned(image, turns)

    def planes(
        self, frame: av.VideoFrame
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        """Luma (H, W) and the two chroma planes (H / 2, W / 2); needs an even size."""
        turns = quarter_turns(frame)
        small = self._scaled(frame, turns)
        y, u, v = (_turned(plane_array(plane), turns) for plane in small.planes)
        return y, u, v

    def _scaled(self, frame: av.VideoFrame, turns: int) -> av.VideoFrame:
        width, height = self._size[::-1] if turns % 2 else self._size
        scaled: av.VideoFrame = self._scale.reformat(
            frame,
            width=width,
            height=height,
            format=self._format,
            interpolation="AREA" if width < frame.width else "BILINEAR",
            threads=1,
        )
        return scaled


def plane_array(plane: Any) -> NDArray[np.uint8]:
    """One plane of an 8-bit planar frame as (H, W), without copying."""
    return np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width]


def _turned(image: NDArray[np.uint8], turns: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.rot90(image, turns) if turns else image)
